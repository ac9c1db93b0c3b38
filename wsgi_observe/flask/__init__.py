"""The door to Flask: its own errors in the same shape, its routes on the access line."""

from wsgi_observe.flask.error_handlers import register_error_handlers
from wsgi_observe.flask.exceptions import InvalidAPIUsage
from wsgi_observe.flask.extension import Observe

__all__ = ["InvalidAPIUsage", "Observe", "register_error_handlers"]
