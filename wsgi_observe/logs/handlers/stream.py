"""Stream handler: writes a record's lines, whatever the record and the state of the stream."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from time import monotonic
from typing import Any

from wsgi_observe._loggers import config_watch
from wsgi_observe.context import current_context
from wsgi_observe.logs.fields import Fields, safe_str
from wsgi_observe.logs.handlers.backpressure import BackpressureWriter
from wsgi_observe.logs.replaced_handlers import ReplacedHandlersFilter
from wsgi_observe.wsgi.exceptions import any_failure

# Of Werkzeug's development server and Django's `runserver`: a line for each request.
_DEVELOPMENT_SERVER_LOGGERS = ("werkzeug", "django.server")

_MUST_KEEP_LEVEL = logging.WARNING
_CHECK_INTERVAL_SECONDS = 1.0  # between checks whether the stream was replaced


class LineHandler(logging.Handler):
    """Write whole lines; never block for longer than `wait`, never raise, never print.

    :param stream: ``stdout``, ``stderr``, ``wsgi.errors``, a file's path, or a stream itself.
    :param wait: seconds to wait for room in a full pipe, once.
    :param owner: user and group IDs of a file that is created; for a process that starts as root
        and serves as another user.
    :raises OSError: for a path that cannot be opened.
    """

    replaced_filter: ReplacedHandlersFilter | None = None
    """Decides which records pass in place of replaced handlers; set by the installation."""

    def __init__(
        self,
        stream: Any = "stdout",
        *,
        wait: float = 0.25,
        owner: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self._writer = BackpressureWriter(stream, wait, owner, self._make_own_line)
        self._checked_at = 0.0
        self._format_lines: Callable[[logging.LogRecord], list[bytes]] = self._format_single_line
        self._format_access_lines: Callable[..., list[bytes]] | None = None
        if self.path:
            self._writer.open()  # a mistaken path stops the start

    def setFormatter(self, fmt: logging.Formatter | None) -> None:
        """Set the formatter; one that has ``lines`` makes the lines of a record itself."""
        super().setFormatter(fmt)
        self._format_lines = getattr(fmt, "lines", self._format_single_line)
        # A subclass may override what makes the line of a record.
        has_own = "access_lines" in vars(type(fmt))
        self._format_access_lines = getattr(fmt, "access_lines", None) if has_own else None

    @property
    def path(self) -> str:
        """The path of the file that is written to; empty for another stream."""
        stream = self._writer.stream
        return stream if isinstance(stream, str) and "/" in stream else ""

    def open(self) -> None:
        """Open the stream now, before the process forks or changes its user."""
        with suppress(Exception), self.lock:  # type: ignore[union-attr]
            self._check_stream()

    def setStream(self, stream: Any) -> None:
        """Write to another stream from now on."""
        with self.lock:  # type: ignore[union-attr]
            self._writer.close()
            self._writer.stream = stream

    def handle(self, record: logging.LogRecord) -> bool | logging.LogRecord:  # type: ignore[override]
        """Emit a record that passes the filters, as `logging` does, and `replaced_filter`."""
        if record.name in _DEVELOPMENT_SERVER_LOGGERS and _is_repeated_access_line(record):
            return False
        replaced_filter = self.replaced_filter
        if not self.filters and (replaced_filter is None or replaced_filter.accepts_all):
            self.emit(record)
            return True
        # From Python 3.12 on a filter may return another record.
        result: Any = (
            self.filter(record)
            if replaced_filter is None
            else replaced_filter.filter_for(self, record)
        )
        if result:
            self.emit(record if result is True else result)
        return result  # type: ignore[no-any-return]

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's lines."""
        try:
            lines = self._format_lines(record)
        except any_failure() as error:
            lines = self._make_fallback_lines(record, error)
        self.write(lines, record.levelno or 0)  # a record made by hand may have none

    def write_access_line(
        self, level: int, source: tuple[str, str, str], message: str, fields: Fields
    ) -> bool:
        """Write an access line without a record; return False where it takes a record.

        :param source: level, logger and module, as the line shows them.
        """
        if self._format_access_lines is None:
            return False
        try:
            lines = self._format_access_lines(source, message, fields)
        except any_failure():
            return False
        self.write(lines, level)
        return True

    def write(self, lines: Iterable[bytes], level: int) -> None:
        """Write the lines of one record."""
        try:
            # Slower than to acquire and `try`, between which a signal's handler may raise.
            with self.lock:  # type: ignore[union-attr]
                writer = self._writer
                if monotonic() - self._checked_at > _CHECK_INTERVAL_SECONDS:
                    self._check_stream()
                is_wait_due = False
                for line in lines:
                    if writer.write(line, level >= _MUST_KEEP_LEVEL):
                        is_wait_due = True
                    level = 0  # continuation lines may be dropped
            if is_wait_due:
                writer.wait_for_room(self.lock)  # type: ignore[arg-type]
        except any_failure():
            self._checked_at = 0.0  # the writer raises nothing; a stream of the app's may

    def write_backlog(self) -> None:
        """Write the lines that wait for room, if there is some by now, without waiting for it.

        For a thread that calls this regularly: a process that logs nothing more would keep them.
        """
        lock: Any = self.lock
        # A thread that has the lock is writing to the stream itself.
        if self._writer.has_backlog and lock.acquire(blocking=False):
            try:
                self._writer.write_backlog()
            finally:
                lock.release()

    def flush(self) -> None:
        """Write the lines that wait for room in the stream."""
        with suppress(Exception), self.lock:  # type: ignore[union-attr]
            self._writer.flush()

    def close(self) -> None:
        """Write the lines that wait, and close the descriptor; a later record opens it again."""
        self.flush()
        with self.lock:  # type: ignore[union-attr]
            self._writer.close()
        super().close()
        config_watch.mark_changed()  # mostly by `logging.config`, which closes every handler

    def _check_stream(self) -> None:
        """Open the stream where it is not open, or was replaced."""
        self._checked_at = monotonic()
        with suppress(OSError):  # no descriptor is left: the present sink works, or fails
            self._writer.open_if_stale()

    def _make_own_line(
        self, message: str, *arguments: object, level: int = logging.WARNING, **extra: object
    ) -> bytes:
        record = logging.LogRecord(
            "wsgi_observe.logs", level, __file__, 0, message, arguments, None
        )
        record.__dict__.update(extra)
        with suppress(Exception):
            return self._format_lines(record)[0]
        return f"{record.getMessage()}\n".encode()

    def _make_fallback_lines(self, record: logging.LogRecord, error: BaseException) -> list[bytes]:
        """Return a line about a record that could not be formatted, of its level."""
        what = f"a record of {record.name!r} could not be formatted: {type(error).__name__}"
        message_text = safe_str(record.msg)
        where = f"{record.pathname}:{record.lineno}"
        level = max(logging.WARNING, record.levelno or 0)
        return [
            self._make_own_line("%s; its message: %s", what, message_text, level=level, at=where)
        ]

    def _format_single_line(self, record: logging.LogRecord) -> list[bytes]:
        return [f"{self.format(record)}\n".encode("utf-8", "backslashreplace")]


def _is_repeated_access_line(record: logging.LogRecord) -> bool:
    """Return whether a development server reports a request that gets an access line of ours."""
    if record.exc_info or (record.name == "werkzeug" and record.levelno != logging.INFO):
        return False
    request = current_context()
    return request is not None and getattr(request, "started_at", 0.0) > 0.0
