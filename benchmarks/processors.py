"""Which processor runs what, so that a load does not take the time of what it is put on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def on_processor(number: int) -> Iterator[None]:
    """Run the block, and what is started in it, on one of those that we may use."""
    allowed = os.sched_getaffinity(0)
    pin(0, number)
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def pin(pid: int, number: int) -> None:
    """Keep a process on one of those that we may use; 0 is our own."""
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(pid, {allowed[number % len(allowed)]})
