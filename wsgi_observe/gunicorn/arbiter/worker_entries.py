"""Which worker has which seat in the table of running requests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from wsgi_observe.gunicorn.compat import warn_of_lack
from wsgi_observe.scoreboard.entries import Seat
from wsgi_observe.scoreboard.log_lines import tell_deaths
from wsgi_observe.scoreboard.persistent import Left, open_kept
from wsgi_observe.scoreboard.scoreboard import Table
from wsgi_observe.settings import Settings

_NOT_NOTED = "what requests it runs when it dies is not known"


class Seats:
    """Kept by the arbiter alone, which forks one worker after the other: no lock is needed.

    Each worker inherits it with its own seat in it.
    """

    def __init__(self, table: Table) -> None:
        self._free = list(table.seats)
        self._taken: dict[Any, Seat] = {}

    def give(self, worker: Any) -> None:
        """Give a worker that is about to be forked its seat."""
        for earlier, _ in self.taken:
            if not isinstance(earlier.pid, int):  # that fork has failed
                self.take_back(earlier)
        if not self._free:
            warn_of_lack("there are more workers than seats", f"of one more: {_NOT_NOTED}")
            return
        self._taken[worker] = self._free.pop(0)

    def of(self, worker: Any) -> Seat | None:
        """Return a worker's seat."""
        return self._taken.get(worker)

    @property
    def taken(self) -> Iterator[tuple[Any, Seat]]:
        """Each worker with its seat."""
        return iter(list(self._taken.items()))

    def take_back(self, worker: Any) -> None:
        """Have the seat of a worker that is gone ready for the next."""
        seat = self._taken.pop(worker)
        seat.clear()
        self._free.append(seat)


# Each has one thread per request; the others have as many as their connections, if need be.
_THREADED = ("sync", "gthread")
_MOST_SLOTS = 256


def make_seats(cfg: Any, settings: Settings) -> Seats | None:
    """Return seats for the workers, and for those that take their places; None without memory.

    What another server has left in the file of ``recorder_path`` is told.
    """
    seats, slots = 2 * cfg.workers + 16, _slots(cfg)
    try:
        return Seats(_kept(settings.recorder_path, seats, slots) or Table.make(seats, slots))
    except OSError as error:
        loss = "requests that die with their worker are not named"
        warn_of_lack(f"no memory can be shared for the running requests ({error})", loss)
        return None


def _slots(cfg: Any) -> int:
    if cfg.worker_class_str in _THREADED:
        return min(_MOST_SLOTS, int(cfg.threads) + 4)
    return _MOST_SLOTS


def _kept(path: str, seats: int, slots: int) -> Table | None:
    if not path:
        return None
    descriptor = -1
    try:
        descriptor, left = open_kept(path)
        for one in left:
            _tell(one)
        return Table.make(seats, slots, descriptor)
    except OSError as error:
        if descriptor >= 0:
            with suppress(OSError):
                os.close(descriptor)
        loss = "requests that die with the whole container are not named"
        warn_of_lack(f"recorder_path {path} cannot be used ({error})", loss)
        return None


def _tell(left: Left) -> None:
    tell_deaths(left.found, left.beyond, "server killed", left.seen, worker_pid=left.pid)
