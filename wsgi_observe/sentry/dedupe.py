"""Whether Sentry has an exception already: noted on the exception, for this occurrence of it."""

from __future__ import annotations

from typing import Any

from wsgi_observe.context import current_context
from wsgi_observe.logs.error_reports import is_duplicate_report
from wsgi_observe.wsgi.exceptions import RequestFailedError, is_unreadable_body

_SENT_KEY = "__wsgi_observe_sent__"


def get_exception(hint: Any) -> BaseException | None:
    """Return the exception that an event is about, if it is about one."""
    exc_info = hint.get("exc_info") if isinstance(hint, dict) else None
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if isinstance(error, RequestFailedError) and error.__cause__ is not None:
        return error.__cause__  # it stands in for this one
    return error if isinstance(error, BaseException) else None


def is_duplicate(hint: Any) -> bool:
    """Return whether an event only tells again what Sentry was told; if not, note that it is now.

    A request body that cannot be read is no event at all: any client can cause it.

    As with the log, a mark counts while its request runs and when none does: an exception object
    that is raised again in a later request is news.
    """
    error = get_exception(hint)
    if error is None:
        return False
    if is_unreadable_body(error):
        return True  # Sentry's integrations of frameworks hear of it before the log does
    record = hint.get("log_record")
    if record is not None and is_duplicate_report(record):
        return True
    context = current_context()
    # Past the exception's own class, which may forbid it.
    attributes = BaseException.__getattribute__(error, "__dict__")
    if _SENT_KEY in attributes and context in (attributes[_SENT_KEY], None):
        return True
    BaseException.__setattr__(error, _SENT_KEY, context)
    return False


def unmark_sent(hint: Any) -> None:
    """Take the note back: a hook of the user's dropped the event, and may like the next one."""
    error = get_exception(hint)
    if error is not None:
        BaseException.__getattribute__(error, "__dict__").pop(_SENT_KEY, None)
