"""Output of the app's process: a file that its standard output and standard error are."""

from __future__ import annotations

import os
import sys
from time import monotonic, sleep

MAX_BYTES = 4_000_000
"""Of one reading: an app that writes more than this is not waited for."""

_SETTLE_SECONDS = 0.02


class Output:
    """What this process has written to descriptor 1, a file that is open for reading too."""

    def __init__(self) -> None:
        self._descriptor = os.dup(1)  # an app may close its own

    def mark(self) -> int:
        """Return the position after what has been written so far."""
        _flush()
        return os.fstat(self._descriptor).st_size

    def read(self, mark: int) -> str:
        """Return what has been written after a position."""
        _flush()
        return os.pread(self._descriptor, MAX_BYTES, mark).decode("utf-8", "replace")

    def wait_for(self, text: str, mark: int, seconds: float) -> str:
        """Return what has been written after a position, a moment after `text` is in it.

        An app may write its lines from another thread.

        :param seconds: after which it is not waited for any more.
        """
        end = monotonic() + seconds
        while monotonic() < end and text not in self.read(mark):
            sleep(_SETTLE_SECONDS)
        sleep(_SETTLE_SECONDS)  # a second line of the same record may follow
        return self.read(mark)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):  # none, or one that the app has closed
            continue
