"""ObserveIntegration: captures failures, removes duplicate events, adds request data to events."""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import Any
from wsgiref.types import WSGIEnvironment
from wsgiref.util import application_uri

import sentry_sdk
from sentry_sdk.integrations import Integration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.scope import add_global_event_processor
from sentry_sdk.serializer import add_global_repr_processor
from sentry_sdk.utils import event_from_exception

from wsgi_observe._loggers import ACCESS_LOGGER
from wsgi_observe._safely import call_safely, first_time
from wsgi_observe.context import current_context, get_attached_request_id, probe_hooks
from wsgi_observe.logs.error_id import get_error_id
from wsgi_observe.logs.error_reports import is_duplicate_report, register_error
from wsgi_observe.sentry.scrubber import redact_object, redact_objects
from wsgi_observe.wsgi.environ import printable, request_path
from wsgi_observe.wsgi.exceptions import RequestFailedError, is_unreadable_body

_OUR_LOGGERS = frozenset({"wsgi_observe.errors", "wsgi_observe.uncaught"})
_HEALTH_LOGGER = "wsgi_observe.health"
_EVENT_SENT_KEY = "sentry_event"
_SENT_KEY = "__wsgi_observe_sent__"


class ObserveIntegration(Integration):
    """Send one event for each failure, tagged with its request ID, with any other integrations.

    A failure at the boundary, in a stream or in a thread is captured here, whether Sentry's own
    integrations are on or off; their events for it are dropped. A probe makes no transaction,
    and a check that starts to fail makes one event.

    Objects are redacted by the `Scrubber` in ``before_send``, before Sentry makes texts of them.

    >>> sentry_sdk.init(integrations=[ObserveIntegration()], before_send=scrub)  # doctest: +SKIP
    """

    identifier = "wsgi_observe"

    @staticmethod
    def setup_once() -> None:
        """Install the hooks; Sentry calls this once in a process."""
        add_global_event_processor(_process_event)
        add_global_repr_processor(redact_object)
        probe_hooks.append(
            partial(call_safely, "dropping a probe's Sentry transaction", _drop_probe_transaction)
        )
        _patch_call_handlers()
        logging.getLogger("urllib3.connectionpool").addFilter(_is_first_delivery_error)


def _is_enabled() -> bool:
    return sentry_sdk.get_client().get_integration(ObserveIntegration) is not None


def _process_event(event: Any, hint: Any) -> Any:
    """Return `event` with the request's data, or None for a duplicate."""
    if not _is_enabled():
        return event
    if event.get("type") != "transaction" and call_safely(
        "removing duplicate Sentry events", _is_duplicate_event, hint
    ):
        return None
    call_safely("adding request data to a Sentry event", _add_request_context, event, hint)
    call_safely("redacting the objects of a Sentry event", redact_objects, event)
    return event


def _is_duplicate_event(hint: Any) -> bool:
    record = hint.get("log_record")
    if (record is not None and record.name == _HEALTH_LOGGER) or _is_sent(hint):
        return True
    context = current_context()
    if context is not None:
        # An access line is an ERROR where none was logged; Sentry may have the exception.
        request_context = context.request_context.__dict__
        is_access_line = record is not None and record.name == ACCESS_LOGGER
        if is_access_line and _EVENT_SENT_KEY in request_context:
            return True
        request_context[_EVENT_SENT_KEY] = True
    # Sentry's own DedupeIntegration compares only the exception, and would drop one that a later
    # request raises again. Newer versions have a method to reset it.
    dedupe = sentry_sdk.get_client().get_integration(DedupeIntegration)
    last_seen = getattr(dedupe, "_last_seen", None)
    if last_seen is not None:
        last_seen.set(None)
    return False


def _get_exception(hint: Any) -> BaseException | None:
    """Return the exception that an event is about, if it is about one."""
    exc_info = hint.get("exc_info") if isinstance(hint, dict) else None
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if isinstance(error, RequestFailedError) and error.__cause__ is not None:
        return error.__cause__  # raised in its place
    return error if isinstance(error, BaseException) else None


def _is_sent(hint: Any) -> bool:
    """Return whether Sentry has an event's exception already; if not, mark it as sent.

    A request body that cannot be read is not sent either: any client can cause it.

    As for the log, a mark is valid in its own request and outside of any: an exception object
    that is raised again in a later request is sent again.
    """
    error = _get_exception(hint)
    if error is None:
        return False
    if is_unreadable_body(error):
        return True  # Sentry's framework integrations capture it before it is logged
    record = hint.get("log_record")
    if record is not None and is_duplicate_report(record):
        return True
    context = current_context()
    # Not getattr(): the exception's class may override attribute access.
    attributes = BaseException.__getattribute__(error, "__dict__")
    if _SENT_KEY in attributes and context in (attributes[_SENT_KEY], None):
        return True
    BaseException.__setattr__(error, _SENT_KEY, context)
    return False


def unmark_sent(hint: Any) -> None:
    """Remove the mark: the user's hook dropped this event, but may accept the next one."""
    error = _get_exception(hint)
    if error is not None:
        BaseException.__getattribute__(error, "__dict__").pop(_SENT_KEY, None)


# ---- request data


def _add_request_context(event: dict[str, Any], hint: Any) -> None:
    """Add the request's data to `event`, without replacing what is there."""
    context, error = current_context(), _get_exception(hint)
    if context is not None:
        request_id = context.request_id
    else:  # that of the job in which it was raised
        request_id = None if error is None else get_attached_request_id(error)
    if request_id is not None:
        _get_own_part(event, "tags").setdefault("request_id", request_id)
    if error is not None:
        # Groups as the log does; a fingerprint that the app has set comes first.
        error_id = get_error_id(error)
        _get_own_part(event, "tags").setdefault("error_id", error_id)
        event["fingerprint"] = event.get("fingerprint") or [error_id]
    if context is not None:
        _add_bound_fields(event, dict(context.fields))
        if context.environ:
            _add_request(event, context.environ)


def _add_bound_fields(event: dict[str, Any], fields: dict[str, object]) -> None:
    user = fields.pop("user", None)
    if user is not None:
        # A copy: the existing dict belongs to Sentry's scope.
        event["user"] = {"id": user, **(event.get("user") or {})}
    if "route" in fields:
        _get_own_part(event, "tags").setdefault("route", fields["route"])
    if fields:
        _get_own_part(event, "contexts").setdefault("bound", fields)


def _add_request(event: dict[str, Any], environ: WSGIEnvironment) -> None:
    """Add method and URL, unless one of Sentry's integrations has."""
    request = _get_own_part(event, "request")
    request.setdefault("method", printable(environ.get("REQUEST_METHOD", "")))
    if "url" not in request:
        base_url = application_uri({**environ, "SCRIPT_NAME": "", "PATH_INFO": ""}).rstrip("/")
        request["url"] = printable(base_url) + request_path(environ)


def _get_own_part(event: dict[str, Any], name: str) -> dict[str, Any]:
    """Replace a part of the event by a copy, which only this event has, and return it."""
    part = event[name] = dict(event.get(name) or {})
    return part


# ---- probes and log records


def _drop_probe_transaction() -> None:
    """Drop the transaction of the running request, which is a probe's."""
    if _is_enabled():
        transaction = getattr(sentry_sdk.get_current_span(), "containing_transaction", None)
        if transaction is not None:
            transaction.sampled = False


def _is_first_delivery_error(record: logging.LogRecord) -> bool:
    """Pass one warning of urllib3 about an unreachable Sentry, instead of three for each event."""
    is_sentry_thread = threading.current_thread().name.startswith("sentry-sdk.")
    return not is_sentry_thread or first_time("Sentry does not answer")


def _patch_call_handlers() -> None:
    """Receive every record from WARNING on, as Sentry's own integration does.

    Not by a handler: `configure_logging`, or a dictConfig of the user's, would remove it.
    """
    original_call_handlers = logging.Logger.callHandlers

    # Without functools.wraps: the log's fast path must see that callHandlers is replaced.
    def call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
        original_call_handlers(self, record)
        if record.levelno >= logging.WARNING:
            call_safely("sending an event to Sentry", _report_record, record)

    logging.Logger.callHandlers = call_handlers  # type: ignore[method-assign]


def _report_record(record: logging.LogRecord) -> None:
    """Send an event for a record for which no other integration does."""
    if not _is_enabled():
        return
    register_error(record)
    if record.name == _HEALTH_LOGGER:
        if record.__dict__.get("down_seconds") == 0.0:
            _capture_failed_check(record)
    elif _needs_event(record):
        event, hint = _make_event(record, is_handled=False)
        sentry_sdk.capture_event(event, hint=hint)


def _needs_event(record: logging.LogRecord) -> bool:
    """Return whether a record has an exception that no other integration captures."""
    error = record.exc_info[1] if record.exc_info and record.levelno >= logging.ERROR else None
    if error is None or is_duplicate_report(record):
        return False
    return record.name in _OUR_LOGGERS or (
        current_context() is not None and not _is_captured_by_sentry(record)
    )


def _is_captured_by_sentry(record: logging.LogRecord) -> bool:
    """Return whether Sentry's own logging integration makes an event of a record."""
    integration: Any = sentry_sdk.get_client().get_integration("logging")
    handler = getattr(integration, "_handler", None)
    return handler is not None and record.levelno >= handler.level


def _capture_failed_check(record: logging.LogRecord) -> None:
    """Send the one event of a check that starts to fail."""
    event: Any = {}
    hint: Any = {}
    if record.exc_info:
        event, hint = _make_event(record, is_handled=True)
    check = record.__dict__["check"]
    event |= {
        "level": "error" if record.__dict__["critical"] else "warning",
        "logger": record.name,
        "logentry": {"message": record.getMessage()},
        "fingerprint": [record.name, check],
        "tags": {"check": check},
    }
    sentry_sdk.capture_event(event, hint=hint)


def _make_event(record: logging.LogRecord, *, is_handled: bool) -> tuple[Any, Any]:
    event, hint = event_from_exception(
        record.exc_info,  # type: ignore[arg-type]
        client_options=sentry_sdk.get_client().options,
        mechanism={"type": "wsgi_observe", "handled": is_handled},
    )
    event["logger"] = record.name
    return event, hint
