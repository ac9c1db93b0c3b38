"""What happens to lines when their stream takes none: waited for once, counted, kept for later."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from time import monotonic
from typing import Any

from wsgi_observe.logs.handlers.sinks import LostDescriptorError, Sink

KEPT_BYTES = 1024 * 1024
"""How much of the lines that matter is kept for when the stream drains."""

_BETWEEN_WAITS = 10.0  # seconds after a wait that was in vain before the next one


class Outlet:
    """Hands whole lines to a sink, in order; the caller holds a lock, but for `see_through`.

    :param wait: seconds for which a full pipe is waited for, once.
    :param count_line: makes the line that tells how many were lost.
    :param on_failure: told of an error other than a full pipe.
    :param reopen: replaces `sink`, when other code has closed its descriptor.
    """

    def __init__(
        self,
        sink: Sink,
        wait: float,
        count_line: Callable[[int], bytes],
        on_failure: Callable[[Exception], object],
        reopen: Callable[[], object],
    ) -> None:
        self.sink = sink
        self._wait = wait
        self._count_line = count_line
        self._on_failure = on_failure
        self._reopen = reopen
        self._no_wait_before = 0.0
        self._patient_until = 0.0
        self._is_behind = False
        self._is_catching_up = False
        self._owner = os.getpid()
        self._cut = b""
        self._taken = 0
        self._end: object = None
        self._kept: deque[tuple[bytes, bool]] = deque()
        self._kept_bytes = 0
        self._lost = 0

    def put(self, line: bytes, is_grave: bool) -> bool:
        """Write a line, or keep it, or count it; return whether `see_through` is asked for.

        While somebody waits for the stream, the others' lines are kept and they go on.
        """
        if self._is_behind and not self.catch_up():
            return self._keep_or_count(line, is_grave)
        try:
            try:
                taken = self.sink.write(line)
            except LostDescriptorError:
                self._reopen()
                taken = self.sink.write(line)
        except BlockingIOError:
            taken = 0
        except Exception as error:
            self._fail(error)
            return self._keep_or_count(line, is_grave)
        if taken == len(line):
            return False
        self._fall_behind()
        now = monotonic()
        is_wait_due = self._wait > 0 and now >= self._no_wait_before
        self._patient_until = now + self._wait if is_wait_due else 0.0
        if taken:
            self._note_cut(line, taken)
        else:
            self._keep_or_count(line, is_grave)
        return is_wait_due

    def see_through(self, lock: AbstractContextManager[Any]) -> None:
        """Wait for room, without the lock, and write what is kept; for a moment, then give up."""
        while True:
            has_room = self._wait_until(self._patient_until)
            with lock:
                if not self._is_behind or (has_room and self.catch_up()):
                    return
                if monotonic() >= self._patient_until:
                    self._lose_patience()
                    return

    def catch_up(self) -> bool:
        """Write what waits: lines that matter first, then how many were lost."""
        if self._owner != os.getpid():
            self._forget()  # a fork's parent has these lines too, and writes them
        if self._is_catching_up:
            return False  # a signal handler logs in the middle of it
        if not self._wait_until(monotonic()):
            return False  # its last page may take a short line, ahead of those that matter
        self._is_catching_up = True
        try:
            while line := self._next():
                try:
                    taken = self.sink.write(line)
                except LostDescriptorError:
                    self._reopen()
                    line = self._next()  # perhaps whole again
                    taken = self.sink.write(line)
                self._note_written(line, taken)
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

    def _wait_until(self, deadline: float) -> bool:
        try:
            return self.sink.wait(max(0.0, deadline - monotonic()))
        except Exception:  # gevent's hub, say, which may not wait
            self._patient_until = 0.0
            return True

    def _next(self) -> bytes:
        if self._cut:
            # The rest of a line belongs behind its beginning: not into a file that was emptied or
            # put in place of the other meanwhile, nor behind what another process has written.
            if self._taken and self.sink.end() != self._end:
                self._taken = 0
            return self._cut[self._taken :]
        if self._kept:
            return self._kept[0][0]
        return self._count_line(self._lost) if self._lost else b""

    def _note_written(self, line: bytes, taken: int) -> None:
        if self._cut:
            self._note_cut(self._cut, self._taken + taken)
            return
        self._note_cut(line, taken)
        if self._kept:
            self._kept_bytes -= len(self._kept.popleft()[0])
        else:
            self._lost = 0

    def _note_cut(self, line: bytes, taken: int) -> None:
        """Keep a line of which so much is written, if there is more of it."""
        is_whole = taken == len(line)
        self._cut, self._taken = (b"", 0) if is_whole else (line, taken)
        self._end = None if is_whole else self.sink.end()

    def _keep_or_count(self, line: bytes, is_grave: bool) -> bool:
        """Return whether so much is kept that a caller with more should wait, too."""
        is_patient = self._patient_until > 0
        if not is_grave and not is_patient:
            self._lost += 1
            return False
        self._kept.append((line, is_grave))
        self._kept_bytes += len(line)
        if not is_patient:
            self._keep_within_bounds()
        return is_patient and self._kept_bytes > KEPT_BYTES

    def _lose_patience(self) -> None:
        """Go on without those that do not matter."""
        self._patient_until = 0.0
        self._no_wait_before = monotonic() + _BETWEEN_WAITS
        for _ in range(len(self._kept)):  # in place: a signal handler may add one meanwhile
            line, is_grave = self._kept.popleft()
            if is_grave:
                self._kept.append((line, is_grave))
            else:
                self._kept_bytes -= len(line)
                self._lost += 1
        self._keep_within_bounds()

    def _keep_within_bounds(self) -> None:
        while self._kept_bytes > KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popleft()[0])
            self._lost += 1

    def _fail(self, error: Exception) -> None:
        self._fall_behind()
        self._patient_until = 0.0  # no room to wait for
        self._on_failure(error)

    def _fall_behind(self) -> None:
        if not self._is_behind:
            self._forget()
            self._is_behind = True

    def _forget(self) -> None:
        self._is_behind = False
        self._patient_until = 0.0
        self._owner = os.getpid()
        self._cut, self._taken = b"", 0
        self._kept.clear()
        self._kept_bytes = 0
        self._lost = 0
