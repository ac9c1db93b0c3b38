"""The file that the table is copied to, for when arbiter and container are gone, too."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from wsgi_observe.scoreboard.entries import WorkerSnapshot
from wsgi_observe.scoreboard.scoreboard import Scoreboard

_MAX_FILES = 8  # servers that keep theirs at the same path


class CrashedWorker(NamedTuple):
    """What a server left that did not come to its end: one worker's part of it."""

    pid: int
    last_seen: float
    """When the worker was last seen, in seconds since the epoch; 0 for never."""

    snapshot: WorkerSnapshot
    overflow: int


def open_persistent_file(path: str) -> tuple[int, list[CrashedWorker]]:
    """Return a descriptor of the file to copy the table to, and what was left there.

    The file is locked for as long as a process of the server lives. Where another server has the
    lock, as during an upgrade (USR2) or for a neighbour on the same volume, the next name is
    taken: ``path``, ``path.1`` and so on. What is left in any of them is told once.

    :raises OSError: when there is no file to be had.
    """
    own_descriptor = -1
    crashed: list[CrashedWorker] = []
    for number in range(_MAX_FILES):
        file = Path(f"{path}.{number}" if number else path)
        if own_descriptor >= 0 and not file.exists():
            continue
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _lock(descriptor):
            os.close(descriptor)
            continue
        crashed += _read_crashed_workers(descriptor)
        os.ftruncate(descriptor, 0)
        if own_descriptor < 0:
            own_descriptor = descriptor
        else:
            os.close(descriptor)  # not unlinked: a neighbour may be about to lock it
    if own_descriptor < 0:
        raise OSError(f"{path} and its next {_MAX_FILES - 1} names are other servers'")
    return own_descriptor, crashed


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_crashed_workers(descriptor: int) -> Iterator[CrashedWorker]:
    try:
        scoreboard = Scoreboard.read(descriptor)
    except LookupError:
        return
    for worker_entry in scoreboard.worker_entries:
        snapshot = worker_entry.read_requests()
        if snapshot.requests or snapshot.corrupt or worker_entry.overflow:
            yield CrashedWorker(
                worker_entry.pid, worker_entry.last_seen, snapshot, worker_entry.overflow
            )
