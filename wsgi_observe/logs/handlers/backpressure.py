"""Back-pressure: what to do with log lines while their stream is full."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, suppress
from time import monotonic
from typing import Any

from wsgi_observe._safely import first_time
from wsgi_observe.logs.handlers.sink_selection import WSGI_ERRORS, get_standard_stream, open_sink
from wsgi_observe.logs.handlers.sinks import FdSink, LostDescriptorError, Sink
from wsgi_observe.metrics.events import (
    LOG_LINES_BUFFERED,
    LOG_LINES_LOST,
    LOG_STREAM_BLOCKED,
    add_event,
    set_value,
)

MAX_BUFFER_BYTES = 1024 * 1024
"""Limit of the buffer for lines of WARNING and above, which are written when there is room."""

_WAIT_INTERVAL_SECONDS = 10.0  # after a wait in which no room came
_LOSS = "%d log lines were dropped: the log stream was full or failed"


class BackpressureWriter:
    """Writes whole lines to a stream, in order; buffers or drops them while it is full.

    The caller holds a lock, except for `wait_for_room`.

    :param stream: what `open_sink` takes, as `owner` is.
    :param wait: seconds to wait for room in a full pipe, once.
    :param make_line: makes a line of ours: of a message, its arguments, and fields by name.
    :ivar has_backlog: whether lines wait for room, or the number of dropped ones is still to be
        written.
    """

    def __init__(
        self,
        stream: Any,
        wait: float,
        owner: tuple[int, int] | None,
        make_line: Callable[..., bytes],
    ) -> None:
        self.stream = stream
        self._owner = owner
        self.sink: Sink = FdSink(-1)
        """A lost one until the first write."""
        self._wait = wait
        self._make_line = make_line
        self._no_wait_before = 0.0
        self._is_writing_backlog = False
        self._reset()

    @property
    def _name(self) -> str:
        """The name of the stream, for metrics."""
        return self.stream if isinstance(self.stream, str) else type(self.stream).__name__

    def _reset(self) -> None:
        """Set the state of a writer that has no backlog."""
        self.has_backlog = False
        self._waiting_until = 0.0
        self._owner_pid = os.getpid()
        self._partial_line = b""
        self._partial_bytes = 0
        self._partial_end: object = None
        self._buffer: deque[tuple[bytes, bool]] = deque()
        self._buffer_bytes = 0
        self._dropped = 0

    def write(self, line: bytes, must_keep: bool) -> bool:
        """Write, buffer or drop a line; return whether the caller has to call `wait_for_room`.

        While one thread waits for room, the lines of others are buffered and they go on.

        :param must_keep: whether the line is buffered rather than dropped.
        """
        if self.has_backlog and not self.write_backlog():
            return self._buffer_or_drop(line, must_keep)
        try:
            try:
                written = self.sink.write(line)
            except LostDescriptorError:
                self.open()
                written = self.sink.write(line)
        except BlockingIOError:
            written = 0
        except Exception as error:
            self._handle_error(error)
            return self._buffer_or_drop(line, must_keep)
        if written == len(line):
            return False
        self._start_backlog()
        now = monotonic()
        is_wait_due = self._wait > 0 and now >= self._no_wait_before
        self._waiting_until = now + self._wait if is_wait_due else 0.0
        if written:
            self._set_partial_line(line, written)
        else:
            self._buffer_or_drop(line, must_keep)
        return is_wait_due

    def wait_for_room(self, lock: AbstractContextManager[Any]) -> None:
        """Wait for room, without the lock, and write the backlog; after `wait` seconds, give up."""
        while True:
            is_writable = self._wait_until(self._waiting_until)
            with lock:
                if not self.has_backlog or (is_writable and self.write_backlog()):
                    return
                if monotonic() >= self._waiting_until:
                    self._stop_waiting()
                    return

    def write_backlog(self) -> bool:
        """Write the buffered lines, then how many were dropped; return whether all is written."""
        if self._owner_pid != os.getpid():
            self._reset()  # forked: the parent has these lines too, and writes them
        if self._is_writing_backlog:
            return False  # a signal handler logs in the middle of it
        if not self._wait_until(monotonic()):
            return False  # its last page may take a short line, ahead of the buffered ones
        self._is_writing_backlog = True
        try:
            self.open_if_stale()
            while line := self._next_line():
                self._mark_written(line, self.sink.write(line))
            self.has_backlog = False
        except BlockingIOError:
            pass
        except Exception as error:
            self._handle_error(error)
        finally:
            self._is_writing_backlog = False
            self._export()
        return not self.has_backlog

    def flush(self) -> None:
        """Write the backlog, waiting for room once, as a process does at its end."""
        if self.has_backlog and not self.write_backlog():
            self._wait_until(monotonic() + self._wait)
            self.write_backlog()

    def open(self) -> None:
        """Open the stream, in place of what is open.

        :raises OSError: for a path that cannot be opened.
        """
        sink, warning = open_sink(self.stream, self._owner)
        self.close()
        self.sink = sink
        if warning and first_time(warning):
            self.write(self._make_line(warning), must_keep=True)

    def open_if_stale(self) -> None:
        """Open the stream where it is not open, or was replaced."""
        if self.sink.is_stale():
            self.open()

    def close(self) -> None:
        """Close the descriptor; a later write opens it again."""
        self.sink.close()
        self.sink = FdSink(-1)

    def _wait_until(self, deadline: float) -> bool:
        try:
            return self.sink.wait(max(0.0, deadline - monotonic()))
        except Exception:  # gevent's hub, say, which may not wait
            self._waiting_until = 0.0
            return True

    def _next_line(self) -> bytes:
        if self._partial_line:
            # The rest of a line belongs after its beginning: not into a file that was truncated or
            # replaced meanwhile, nor after a line that another process has written.
            if self._partial_bytes and self.sink.get_end() != self._partial_end:
                self._partial_bytes = 0
            return self._partial_line[self._partial_bytes :]
        if self._buffer:
            return self._buffer[0][0]
        return self._make_line(_LOSS, self._dropped, lost=self._dropped) if self._dropped else b""

    def _mark_written(self, line: bytes, written: int) -> None:
        if self._partial_line:
            self._set_partial_line(self._partial_line, self._partial_bytes + written)
            return
        self._set_partial_line(line, written)
        if self._buffer:
            self._buffer_bytes -= len(self._buffer.popleft()[0])
        else:
            self._dropped = 0

    def _set_partial_line(self, line: bytes, written: int) -> None:
        """Record a line of which only the first `written` bytes are written."""
        is_whole = written == len(line)
        self._partial_line, self._partial_bytes = (b"", 0) if is_whole else (line, written)
        self._partial_end = None if is_whole else self.sink.get_end()

    def _buffer_or_drop(self, line: bytes, must_keep: bool) -> bool:
        """Return whether so much is buffered that this caller has to wait, too."""
        is_waiting = self._waiting_until > 0
        if not must_keep and not is_waiting:
            self._drop()
            return False
        self._buffer.append((line, must_keep))
        self._buffer_bytes += len(line)
        if not is_waiting:
            self._trim_buffer()
        self._export()
        return is_waiting and self._buffer_bytes > MAX_BUFFER_BYTES

    def _stop_waiting(self) -> None:
        """Drop the buffered lines that need not be kept."""
        self._waiting_until = 0.0
        self._no_wait_before = monotonic() + _WAIT_INTERVAL_SECONDS
        for _ in range(len(self._buffer)):  # in place: a signal handler may add one meanwhile
            line, must_keep = self._buffer.popleft()
            if must_keep:
                self._buffer.append((line, must_keep))
            else:
                self._buffer_bytes -= len(line)
                self._drop()
        self._trim_buffer()
        self._export()

    def _trim_buffer(self) -> None:
        while self._buffer_bytes > MAX_BUFFER_BYTES:
            self._buffer_bytes -= len(self._buffer.popleft()[0])
            self._drop()

    def _handle_error(self, error: Exception) -> None:
        """Write once, to stderr, that this stream cannot be written to."""
        self._start_backlog()
        self._waiting_until = 0.0  # waiting does not help
        warning = f"cannot write logs to {self.stream} ({error}); dropped lines will be counted"
        other = None if self.stream in ("stderr", WSGI_ERRORS) else get_standard_stream("stderr")
        if other is None or not first_time(warning):
            return
        with suppress(Exception), closing(open_sink(other)[0]) as sink:
            sink.write(self._make_line(warning))

    def _start_backlog(self) -> None:
        if not self.has_backlog:
            self._reset()
            self.has_backlog = True
            self._export()

    def _drop(self) -> None:
        self._dropped += 1
        add_event(LOG_LINES_LOST, self._name)

    def _export(self) -> None:
        set_value(LOG_LINES_BUFFERED, self._name, len(self._buffer))
        set_value(LOG_STREAM_BLOCKED, self._name, self.has_backlog)
