"""What many rounds say: their median, and the quartiles on both sides of it."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import quantiles
from typing import NamedTuple


class Spread(NamedTuple):
    """A median between its quartiles."""

    low: float
    median: float
    high: float


def spread(values: Iterable[float]) -> Spread:
    """Return the spread of at least one value.

    >>> spread([1.0, 2.0, 3.0, 4.0, 100.0])
    Spread(low=2.0, median=3.0, high=4.0)
    """
    values = list(values)
    if len(values) == 1:
        return Spread(*values * 3)
    return Spread(*quantiles(values, n=4, method="inclusive"))
