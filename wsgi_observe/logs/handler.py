"""The handler: makes a record's lines and hands them over, whatever the record and the stream."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from wsgi_observe.core.context import running
from wsgi_observe.core.failures import any_failure
from wsgi_observe.core.loggers import watch
from wsgi_observe.core.once import is_news
from wsgi_observe.logs.fields import text_of
from wsgi_observe.logs.outlet import Outlet
from wsgi_observe.logs.streams import open_sink, standard

if TYPE_CHECKING:
    from wsgi_observe.logs.gate import Gate

# Of Werkzeug's development server and Django's `runserver`: a line for each request.
_SERVERS_LOGGERS = ("werkzeug", "django.server")

_GRAVE = logging.WARNING
_BETWEEN_LOOKS = 1.0  # seconds for which a stream is taken to be what it was


class LineHandler(logging.Handler):
    """Write whole lines; never block for longer than `wait`, never raise, never print.

    :param stream: ``stdout``, ``stderr``, ``wsgi.errors``, a file's path, or a stream itself.
    :param wait: seconds for which a full pipe is waited for, once.
    :param owner: user and group IDs that a file which is created belongs to; for a process that
        starts as root and serves as another user.
    :raises OSError: for a path that cannot be opened.
    """

    gate: Gate | None = None
    """Which records pass in place of handlers that this one replaced; set by who installs it."""

    def __init__(
        self,
        stream: Any = "stdout",
        *,
        wait: float = 0.25,
        owner: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self._stream = stream
        self._wait = wait
        self._owner = owner
        self._outlet: Outlet | None = None
        self._looked_at = 0.0
        self._lines: Callable[[logging.LogRecord], list[bytes]] = self._plain_lines
        if self.path:
            self._open()  # a mistaken path stops the start

    def setFormatter(self, fmt: logging.Formatter | None) -> None:
        """Set the formatter; one that makes lines of bytes itself is asked for them."""
        super().setFormatter(fmt)
        self._lines = getattr(fmt, "lines", self._plain_lines)

    @property
    def path(self) -> str:
        """The path of the file that is written to; empty for another stream."""
        is_path = isinstance(self._stream, str) and "/" in self._stream
        return self._stream if is_path else ""

    def open(self) -> None:
        """Open the stream now, before the process forks or changes its user, and remark on it."""
        with suppress(Exception), self.lock:  # type: ignore[union-attr]
            self._look()

    def setStream(self, stream: Any) -> None:
        """Write to another stream from now on."""
        with self.lock:  # type: ignore[union-attr]
            self._close_outlet()
            self._stream = stream

    def handle(self, record: logging.LogRecord) -> bool | logging.LogRecord:  # type: ignore[override]
        """Emit a record that passes the gate and the filters, as `logging` does."""
        if record.name in _SERVERS_LOGGERS and _is_repeated_access_line(record):
            return False
        gate = self.gate
        if not self.filters and (gate is None or gate.is_open):
            self.emit(record)
            return True
        # From Python 3.12 on a filter may return another record.
        passed: Any = self.filter(record) if gate is None else gate.passes(record, self)
        if passed:
            self.emit(record if passed is True else passed)
        return passed  # type: ignore[no-any-return]

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's lines."""
        try:
            lines = self._lines(record)
        except any_failure() as error:
            lines = self._stand_in(record, error)
        self.put(lines, record.levelno or 0)  # a record made by hand may have none

    def put(self, lines: Iterable[bytes], level: int) -> None:
        """Write the lines of one record."""
        try:
            # Slower than to acquire and `try`, between which a signal's handler may raise.
            with self.lock:  # type: ignore[union-attr]
                outlet = self._outlet
                if outlet is None or monotonic() - self._looked_at > _BETWEEN_LOOKS:
                    outlet = self._look()
                is_wait_due = False
                for line in lines:
                    if outlet.put(line, level >= _GRAVE):
                        is_wait_due = True
                    level = 0  # the parts of a long record are no failures
            if is_wait_due:
                outlet.see_through(self.lock)  # type: ignore[arg-type]
        except any_failure():
            self._looked_at = 0.0  # `put` raises nothing; opening may, when descriptors run out

    def flush(self) -> None:
        """Write what waits for the stream to drain."""
        with suppress(Exception), self.lock:  # type: ignore[union-attr]
            if self._outlet is not None:
                self._outlet.flush()

    def close(self) -> None:
        """Write what waits, and give the descriptor back; a later record opens it again."""
        self.flush()
        with self.lock:  # type: ignore[union-attr]
            self._close_outlet()
        super().close()
        watch.mark_changed()  # mostly by `logging.config`, which closes every handler

    def _look(self) -> Outlet:
        """Return the outlet, a new one where the stream is another by now."""
        self._looked_at = monotonic()
        outlet = self._outlet
        if outlet is None:
            return self._open()
        if outlet.sink.is_stale():
            with suppress(OSError):  # no descriptor is left: what is there does, or fails by itself
                self._reopen()
        return outlet

    def _reopen(self) -> None:
        assert self._outlet is not None
        sink, remark = open_sink(self._stream, self._owner)
        self._outlet.sink.close()
        self._outlet.sink = sink
        self._remark(remark)

    def _open(self) -> Outlet:
        sink, remark = open_sink(self._stream, self._owner)
        self._outlet = Outlet(sink, self._wait, self._count_line, self._say_failure, self._reopen)
        self._looked_at = monotonic()
        self._remark(remark)
        return self._outlet

    def _close_outlet(self) -> None:
        if self._outlet is not None:
            self._outlet.sink.close()
            self._outlet = None

    def _remark(self, remark: str) -> None:
        """Say something about the stream, in it, once in a process."""
        if remark and self._outlet is not None and is_news(remark):
            self._outlet.put(self._own_line(remark), is_grave=True)

    def _count_line(self, lost: int) -> bytes:
        return self._own_line("%d log lines were lost: their stream took none", lost, lost=lost)

    def _say_failure(self, error: Exception) -> None:
        """Say once, on the other standard stream, that this one takes nothing any more."""
        remark = f"{self._stream} takes no log lines ({error}); what it misses is counted"
        other = None if self._stream in ("stderr", "wsgi.errors") else standard("stderr")
        if other is None or not is_news(remark):
            return
        with suppress(Exception):
            sink, _ = open_sink(other)
            try:
                sink.write(self._own_line(remark))
            finally:
                sink.close()

    def _own_line(
        self, message: str, *arguments: object, level: int = logging.WARNING, **extra: object
    ) -> bytes:
        record = logging.LogRecord(
            "wsgi_observe.logs", level, __file__, 0, message, arguments, None
        )
        record.__dict__.update(extra)
        with suppress(Exception):
            return self._lines(record)[0]
        return f"{record.getMessage()}\n".encode()

    def _stand_in(self, record: logging.LogRecord, error: BaseException) -> list[bytes]:
        """Return a line about a record that could not be formatted, of its level."""
        what = f"a record of {record.name!r} could not be formatted: {type(error).__name__}"
        said = text_of(record.msg)
        where = f"{record.pathname}:{record.lineno}"
        level = max(logging.WARNING, record.levelno or 0)
        return [self._own_line("%s; it said: %s", what, said, level=level, at=where)]

    def _plain_lines(self, record: logging.LogRecord) -> list[bytes]:
        return [f"{self.format(record)}\n".encode("utf-8", "backslashreplace")]


def _is_repeated_access_line(record: logging.LogRecord) -> bool:
    """Return whether a development server reports a request that gets an access line of ours."""
    if record.exc_info or (record.name == "werkzeug" and record.levelno != logging.INFO):
        return False
    request = running()
    return request is not None and getattr(request, "started_at", 0.0) > 0.0
