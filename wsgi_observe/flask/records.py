"""Flask's own log records: without the secrets of a path, one ERROR for one failure."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from wsgi_observe.core.context import Scope, running
from wsgi_observe.core.environ import MASKED_PATH
from wsgi_observe.core.failures import mark_logged
from wsgi_observe.core.redact import REDACTED

_FAILURE = "flask_failure"


class FlaskRecords(logging.Filter):
    """For the app's logger; lets every record through."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record; always true."""
        scope = running()
        if scope is not None:
            if MASKED_PATH in scope.environ and isinstance(record.msg, str):
                for secret in scope.environ[MASKED_PATH][2:]:
                    record.msg = record.msg.replace(secret, REDACTED)
            if record.exc_info and record.exc_info[1] is not None:
                _mark_echo(scope, record.exc_info[1])
        return True


@contextmanager
def being_answered(error: BaseException) -> Iterator[None]:
    """Remember what Flask makes a 500 of: an after_request function may raise it once more."""
    scope = running()
    if scope is None:
        yield
        return
    scope.__dict__[_FAILURE] = error
    try:
        yield
    finally:
        del scope.__dict__[_FAILURE]  # its traceback holds frames that hold the scope


def _mark_echo(scope: Scope, error: BaseException) -> None:
    """Mark what after_request raised again, for the response of its first failure.

    Flask logs both with their tracebacks; the log's formatters tell a marked one as INFO.
    """
    first = scope.__dict__.get(_FAILURE)
    is_another = first is not None and first is not error
    if is_another and type(error) is type(first) and error.args == first.args:
        mark_logged(error, scope)
