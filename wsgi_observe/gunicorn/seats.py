"""Which worker has which seat in the table of running requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wsgi_observe.gunicorn.lacking import warn_of_lack
from wsgi_observe.inflight.seat import Seat
from wsgi_observe.inflight.table import Table

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
