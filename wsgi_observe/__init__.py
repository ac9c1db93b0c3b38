"""WSGI middlewares and logging for services in which no failure is silent.

Every request has one ID. Every failure leaves one JSON log line with that ID, and the client gets
the same ID in a JSON error document. Nothing private leaks.
"""

from wsgi_observe.context import bind, current_request_id, log_context
from wsgi_observe.health import Check
from wsgi_observe.logs.config import configure_logging
from wsgi_observe.logs.filters import ContextFilter
from wsgi_observe.middleware.access_log import AccessLog
from wsgi_observe.middleware.errors import ErrorEnvelope
from wsgi_observe.middleware.health import Health
from wsgi_observe.middleware.request_id import RequestID
from wsgi_observe.settings import Settings, SettingsError
from wsgi_observe.stack import observe
from wsgi_observe.totals import count, timed
from wsgi_observe.trace_context import current_traceparent, current_tracestate
from wsgi_observe.user import bind_user

__all__ = [
    "AccessLog",
    "Check",
    "ContextFilter",
    "ErrorEnvelope",
    "Health",
    "RequestID",
    "Settings",
    "SettingsError",
    "bind",
    "bind_user",
    "configure_logging",
    "count",
    "current_request_id",
    "current_traceparent",
    "current_tracestate",
    "log_context",
    "observe",
    "timed",
]
