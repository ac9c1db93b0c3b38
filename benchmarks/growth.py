"""Says of each thing that grows whether its cost is flat or linear, and how steep."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from benchmarks.costs import Row
from benchmarks.names import SCALING
from benchmarks.topics import GROWING

FLAT = 0.1
"""A cost is flat that moves by no more than this part of itself over the whole range."""

BENT = 0.15
"""A cost is linear whose middle point is no further than this part of itself off the line."""


class Growth(NamedTuple):
    """What grows, the counts it was measured at, the cost at each, and what one more adds."""

    name: str
    counts: tuple[int, ...]
    amounts: tuple[float, ...]
    slope: Row

    @property
    def verdict(self) -> str:
        """Say how it grows.

        >>> Growth("fields", (1, 10, 50), (11.0, 20.0, 60.0), None).verdict
        'linear'
        """
        first, *between, last = self.amounts
        if abs(last - first) <= FLAT * first:
            return "flat"
        steps = zip(self.counts[1:-1], between, strict=True)
        is_straight = all(abs(seen - self._line(at)) <= BENT * seen for at, seen in steps)
        return "linear" if is_straight else "neither"

    def _line(self, count: int) -> float:
        share = (count - self.counts[0]) / (self.counts[-1] - self.counts[0])
        return self.amounts[0] + share * (self.amounts[-1] - self.amounts[0])


def growths(rows: Iterable[Row]) -> list[Growth]:
    """Return what is known of each in `GROWING`."""
    known = {row.what: row for row in rows if row.topic == SCALING}
    found = []
    for name, (counts, what) in GROWING.items():
        slope = known.get(f"slope: {what}")
        if slope:
            amounts = tuple(known[f"{count} {name}"].amount for count in counts)
            found.append(Growth(name, counts, amounts, slope))
    return found
