"""Which processor runs what, so that a load does not take the time of what it is put on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def on_processor(number: int) -> Iterator[None]:
    """Run the block, and what is started in it, on one of those that we may use."""
    allowed = usable()
    pin(0, number)
    try:
        yield
    finally:
        if allowed:
            os.sched_setaffinity(0, allowed)


def pin(pid: int, number: int) -> None:
    """Keep a process on one of those that we may use; 0 is our own."""
    allowed = usable()
    if allowed:
        os.sched_setaffinity(pid, {allowed[number % len(allowed)]})


def usable() -> list[int]:
    """Return the processors that we may use; none where the system does not let us choose."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
