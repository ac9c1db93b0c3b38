"""The door to Flask: its own errors in the same shape, its routes on the access line."""

from wsgi_observe.flask.errors import register_error_handlers
from wsgi_observe.flask.extension import Observe
from wsgi_observe.flask.usage import InvalidAPIUsage

__all__ = ["InvalidAPIUsage", "Observe", "register_error_handlers"]
