"""Sentry's integration of ours: who tells it of a failure, and what each event has with it."""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import Any

import sentry_sdk
from sentry_sdk.integrations import Integration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.scope import add_global_event_processor
from sentry_sdk.serializer import add_global_repr_processor
from sentry_sdk.utils import event_from_exception

from wsgi_observe.core.context import running
from wsgi_observe.core.failures import is_echo, note_error
from wsgi_observe.core.listeners import on_probe
from wsgi_observe.core.once import ask, is_news
from wsgi_observe.sentry.early import redact_objects, shown
from wsgi_observe.sentry.facts import add_facts
from wsgi_observe.sentry.occurrence import is_repeated

_OURS = frozenset({"wsgi_observe.errors", "wsgi_observe.uncaught"})
_HEALTH = "wsgi_observe.health"
_ACCESS = "wsgi_observe.access"
_REPORTED = "sentry_event"


class ObserveIntegration(Integration):
    """Have one failure be one event, tagged with its request ID, whatever else is integrated.

    A failure at the boundary, in a stream or in a thread is told here, whether Sentry's own
    integrations are on or off; what they tell of it too is left out. A probe makes no
    transaction, and a check that starts to fail makes one event.

    >>> sentry_sdk.init(integrations=[ObserveIntegration()], before_send=scrub)  # doctest: +SKIP
    """

    identifier = "wsgi_observe"

    @staticmethod
    def setup_once() -> None:
        """Hang our hooks; Sentry calls this once in a process."""
        add_global_event_processor(_process)
        add_global_repr_processor(shown)
        on_probe.append(partial(ask, "leaving a probe out of Sentry", _leave_probe_out))
        _listen()
        logging.getLogger("urllib3.connectionpool").addFilter(_say_once)


def _is_on() -> bool:
    return sentry_sdk.get_client().get_integration(ObserveIntegration) is not None


def _process(event: Any, hint: Any) -> Any:
    """Return `event` with what is known of its request, or None where it is told already."""
    if not _is_on():
        return event
    if event.get("type") != "transaction" and ask("looking for repeated events", _is_told, hint):
        return None
    ask("adding a request's facts to an event", add_facts, event, hint)
    ask("taking secrets out of objects", redact_objects, event)
    return event


def _is_told(hint: Any) -> bool:
    record = hint.get("log_record")
    if (record is not None and record.name == _HEALTH) or is_repeated(hint):
        return True
    scope = running()
    if scope is not None:
        # An access line is an ERROR where none was logged; Sentry may have the exception.
        request = scope.request.__dict__
        if record is not None and record.name == _ACCESS and _REPORTED in request:
            return True
        request[_REPORTED] = True
    # Sentry's own looks at the exception alone: one that is raised again by a later request it
    # would leave out. Newer versions have a method for this.
    last = getattr(sentry_sdk.get_client().get_integration(DedupeIntegration), "_last_seen", None)
    if last is not None:
        last.set(None)
    return False


def _leave_probe_out() -> None:
    """Drop the transaction of the running request, which is a probe's."""
    if _is_on():
        transaction = getattr(sentry_sdk.get_current_span(), "containing_transaction", None)
        if transaction is not None:
            transaction.sampled = False


def _say_once(record: logging.LogRecord) -> bool:
    """Let one line through about a Sentry that does not answer, instead of three per event."""
    is_sentrys = threading.current_thread().name.startswith("sentry-sdk.")
    return not is_sentrys or is_news("Sentry does not answer")


def _listen() -> None:
    """Hear of every record from WARNING on, as Sentry's own integration does.

    Not by a handler: `configure_logging`, or a dictConfig of the user's, would take it off.
    """
    before = logging.Logger.callHandlers

    # Not wrapped as the one before: the log's short cut must see that somebody listens.
    def call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
        before(self, record)
        if record.levelno >= logging.WARNING:
            ask("telling Sentry of a failure", _report, record)

    logging.Logger.callHandlers = call_handlers  # type: ignore[method-assign]


def _report(record: logging.LogRecord) -> None:
    """Make the event of a record that nobody else makes one of."""
    if not _is_on():
        return
    note_error(record)
    if record.name == _HEALTH:
        if record.__dict__.get("down_seconds") == 0.0:
            _capture_check(record)
    elif _is_failure(record):
        event, hint = _event_of(record, is_handled=False)
        sentry_sdk.capture_event(event, hint=hint)


def _is_failure(record: logging.LogRecord) -> bool:
    """Return whether the record is of an exception that Sentry would not hear of otherwise."""
    error = record.exc_info[1] if record.exc_info and record.levelno >= logging.ERROR else None
    if error is None or is_echo(record):
        return False
    return record.name in _OURS or (running() is not None and not _is_sentrys(record))


def _is_sentrys(record: logging.LogRecord) -> bool:
    """Return whether Sentry's own integration makes an event of it."""
    integration: Any = sentry_sdk.get_client().get_integration("logging")
    handler = getattr(integration, "_handler", None)
    return handler is not None and record.levelno >= handler.level


def _capture_check(record: logging.LogRecord) -> None:
    """Make the one event of a check that starts to fail."""
    event: Any = {}
    hint: Any = {}
    if record.exc_info:
        event, hint = _event_of(record, is_handled=True)
    check = record.__dict__["check"]
    event["level"] = "error" if record.__dict__["critical"] else "warning"
    event["logger"] = record.name
    event["logentry"] = {"message": record.getMessage()}
    event["fingerprint"] = [record.name, check]
    event["tags"] = {"check": check}
    sentry_sdk.capture_event(event, hint=hint)


def _event_of(record: logging.LogRecord, *, is_handled: bool) -> tuple[Any, Any]:
    event, hint = event_from_exception(
        record.exc_info,  # type: ignore[arg-type]
        client_options=sentry_sdk.get_client().options,
        mechanism={"type": "wsgi_observe", "handled": is_handled},
    )
    event["logger"] = record.name
    return event, hint
