"""The file that the table is copied to, for when arbiter and container are gone, too."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from wsgi_observe.scoreboard.entries import Flights
from wsgi_observe.scoreboard.scoreboard import Table

_MOST = 8  # servers that keep theirs at the same path


class Left(NamedTuple):
    """What a server left that did not come to its end: one worker's part of it."""

    pid: int
    seen: float
    """When the worker was last seen, in seconds since the epoch; 0 for never."""

    found: Flights
    beyond: int


def open_kept(path: str) -> tuple[int, list[Left]]:
    """Return a descriptor of the file to copy the table to, and what was left there.

    The file is locked for as long as a process of the server lives. Where another server has the
    lock, as during an upgrade (USR2) or for a neighbour on the same volume, the next name is
    taken: ``path``, ``path.1`` and so on. What is left in any of them is told once.

    :raises OSError: when there is no file to be had.
    """
    ours = -1
    left: list[Left] = []
    for number in range(_MOST):
        name = Path(f"{path}.{number}" if number else path)
        if ours >= 0 and not name.exists():
            continue
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _lock(descriptor):
            os.close(descriptor)
            continue
        left += _left_in(descriptor)
        os.ftruncate(descriptor, 0)
        if ours < 0:
            ours = descriptor
        else:
            os.close(descriptor)  # not unlinked: a neighbour may be about to lock it
    if ours < 0:
        raise OSError(f"{path} and its next {_MOST - 1} names are other servers'")
    return ours, left


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _left_in(descriptor: int) -> Iterator[Left]:
    try:
        table = Table.read(descriptor)
    except LookupError:
        return
    for seat in table.seats:
        found = seat.look()
        if found.flights or found.torn or seat.beyond:
            yield Left(seat.pid, seat.seen, found, seat.beyond)
