"""Flask integration: Flask's own errors as the envelope, routes on the log lines."""

from wsgi_observe.flask.error_handlers import register_error_handlers
from wsgi_observe.flask.exceptions import InvalidAPIUsage
from wsgi_observe.flask.extension import Observe

__all__ = ["InvalidAPIUsage", "Observe", "register_error_handlers"]
