"""Database statements of a request: counted and timed; slow and repeated ones are logged."""

from __future__ import annotations

import re
import sys
from traceback import walk_stack

from wsgi_observe._loggers import get_logger
from wsgi_observe.context import RequestContext, current_context
from wsgi_observe.logs.error_id import is_in_app
from wsgi_observe.totals import add_to_totals

_log = get_logger("wsgi_observe.queries")

MAX_STATEMENT_LENGTH = 2000
"""Characters of a statement that are looked at and logged."""

_MAX_STATEMENTS = 500  # different ones of a request that are counted
_COUNTS_KEY = "query_counts"

# A value may be in the text instead of a placeholder. In MySQL a text may be in double quotes.
_values = re.compile(r"'(?:[^']|'')*(?:'|\Z)|\b\d[\w.]*")
_values_of_mysql = re.compile(rf'"(?:[^"]|"")*(?:"|\Z)|{_values.pattern}')
_spaces = re.compile(r"\s+")


class QueryMonitor:
    """Records the statements of one database.

    :param slow_seconds: the duration from which a statement is logged; 0 for never.
    :param many: how often a request may execute the same statement before that is logged, as for
        N+1 queries; 0 for any number.
    :param dialect: the kind of the database, such as ``mysql``.
    """

    def __init__(self, slow_seconds: float, many: int, dialect: str) -> None:
        self._slow_seconds = slow_seconds
        self._many = many
        is_mysql = dialect in ("mysql", "mariadb")
        self._values = _values_of_mysql if is_mysql else _values

    def record(self, statement: str, seconds: float) -> None:
        """Record a statement that was executed in the current request, if any."""
        context = current_context()
        if context is None or not (context := context.request_context).environ:
            return
        add_to_totals(context, {"db_queries": 1, "db_ms": seconds * 1000})
        if self._slow_seconds and seconds >= self._slow_seconds:
            self._log_slow(statement, seconds)
        if self._many and self._count(context, statement) == self._many + 1:
            self._log_repeated(statement)

    def _count(self, context: RequestContext, statement: str) -> int:
        counts: dict[str, int] = context.__dict__.setdefault(_COUNTS_KEY, {})
        if statement not in counts and len(counts) >= _MAX_STATEMENTS:
            return 0
        counts[statement] = number = counts.get(statement, 0) + 1
        return number

    def _log_slow(self, statement: str, seconds: float) -> None:
        message = "a database statement took %.2f s: see its query plan, and how many rows it reads"
        _log.warning(message, seconds, extra=self._make_extra(statement))

    def _log_repeated(self, statement: str) -> None:
        message = (
            "a request executed the same database statement more than %d times (N+1 queries): "
            "load the rows in one statement, with a join or IN"
        )
        _log.warning(message, self._many, extra=self._make_extra(statement))

    def _make_extra(self, statement: str) -> dict[str, object]:
        """Return the statement in a line, with ``?`` for the values in its text, and its place."""
        text = self._values.sub("?", statement[:MAX_STATEMENT_LENGTH])
        return {"db_statement": _spaces.sub(" ", text).strip(), "at": _find_place()}


def _find_place() -> str:
    """Return which line of the app executes the statement: the innermost one outside libraries."""
    for frame, line in walk_stack(sys._getframe(1)):
        if is_in_app(frame.f_code.co_filename):
            return f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_qualname}"
    return "unknown"
