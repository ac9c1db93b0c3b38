"""What happens to lines when their stream takes none: waited for once, counted, kept for later."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from time import monotonic

from wsgi_observe.logs.sinks import Sink

KEPT_BYTES = 1024 * 1024
"""How much of the lines that matter is kept for when the stream drains."""

_BETWEEN_WAITS = 10.0  # seconds after a wait that was in vain before the next one


class Outlet:
    """Hands whole lines to a sink, in order; the caller holds a lock.

    :param wait: seconds for which a full pipe is waited for, once.
    :param count_line: makes the line that tells how many were lost.
    :param on_failure: told of an error other than a full pipe.
    """

    def __init__(
        self,
        sink: Sink,
        wait: float,
        count_line: Callable[[int], bytes],
        on_failure: Callable[[Exception], object],
    ) -> None:
        self.sink = sink
        self._wait = wait
        self._count_line = count_line
        self._on_failure = on_failure
        self._no_wait_before = 0.0
        self._is_behind = False
        self._is_catching_up = False
        self._owner = os.getpid()
        self._rest = b""
        self._kept: deque[bytes] = deque()
        self._kept_bytes = 0
        self._lost = 0

    def put(self, line: bytes, is_grave: bool) -> None:
        """Write a line, or keep it, or count it."""
        if self._is_behind and not self.catch_up():
            self._keep_or_count(line, is_grave)
            return
        try:
            taken = self.sink.write(line)
        except Exception as error:
            taken = 0
            if not isinstance(error, BlockingIOError):
                self._fail(error)
                self._keep_or_count(line, is_grave)
                return
        if taken != len(line) and not self._push(line, taken):
            self._keep_or_count(line, is_grave)

    def catch_up(self) -> bool:
        """Write what waits: lines that matter first, then how many were lost."""
        if self._owner != os.getpid():
            self._forget()  # a fork's parent has these lines too, and writes them
        if self._is_catching_up:
            return False  # a signal handler logs in the middle of it
        self._is_catching_up = True
        try:
            while line := self._next():
                self._note_written(line, self.sink.write(line))
            self._is_behind = False
        except BlockingIOError:
            pass
        except Exception as error:
            self._fail(error)
        finally:
            self._is_catching_up = False
        return not self._is_behind

    def flush(self) -> None:
        """Write what waits, waiting for a moment, as a process does at its end."""
        if self._is_behind and not self.catch_up():
            self._wait_until(monotonic() + self._wait)
            self.catch_up()

    def _push(self, line: bytes, taken: int) -> bool:
        """Wait for room and write the rest of a line; False if nothing of it went."""
        deadline = monotonic() + self._wait
        while taken < len(line) and monotonic() >= self._no_wait_before:
            self._wait_until(deadline)
            try:
                taken += self.sink.write(line[taken:])
            except BlockingIOError:
                if monotonic() >= deadline:
                    self._no_wait_before = monotonic() + _BETWEEN_WAITS
            except Exception as error:
                self._fail(error)
                break
        if taken == len(line):
            return True
        self._fall_behind()
        self._rest = line[taken:] if taken else b""
        return taken > 0

    def _wait_until(self, deadline: float) -> None:
        try:
            self.sink.wait(max(0.0, deadline - monotonic()))
        except Exception:  # gevent's hub, say, which may not wait
            self._no_wait_before = monotonic() + _BETWEEN_WAITS

    def _next(self) -> bytes:
        if self._rest:
            return self._rest
        if self._kept:
            return self._kept[0]
        return self._count_line(self._lost) if self._lost else b""

    def _note_written(self, line: bytes, taken: int) -> None:
        if self._rest:
            self._rest = self._rest[taken:]
            return
        self._rest = line[taken:]
        if self._kept:
            self._kept_bytes -= len(self._kept.popleft())
        else:
            self._lost = 0

    def _keep_or_count(self, line: bytes, is_grave: bool) -> None:
        if not is_grave:
            self._lost += 1
            return
        self._kept.append(line)
        self._kept_bytes += len(line)
        while self._kept_bytes > KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popleft())
            self._lost += 1

    def _fail(self, error: Exception) -> None:
        self._fall_behind()
        self._on_failure(error)

    def _fall_behind(self) -> None:
        if not self._is_behind:
            self._forget()
            self._is_behind = True

    def _forget(self) -> None:
        self._is_behind = False
        self._owner = os.getpid()
        self._rest = b""
        self._kept.clear()
        self._kept_bytes = 0
        self._lost = 0
