"""What is reported: each figure as a ratio or a difference of series of the same run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmarks.series import Series
from benchmarks.spread import spread


class Cost(NamedTuple):
    """One row: `of` less `minus`, in its unit, and what it is as a part of `by`."""

    topic: str
    what: str
    of: str
    minus: str | None = None
    by: str | None = None
    per: float = 1.0
    unit: str = "µs"


class Row(NamedTuple):
    """A cost as it came out: the median amount, and the spread of its part of `by`.

    Without anything to divide by, the spread is the amount's.
    """

    topic: str
    what: str
    amount: float
    unit: str
    low: float
    median: float
    high: float


def row(cost: Cost, series: Series) -> Row | None:
    """Return a cost's row, or None where what it takes has not been measured."""
    names = [name for name in (cost.of, cost.minus, cost.by) if name]
    if any(name not in series for name in names):
        return None
    amounts = list(_differences(series[cost.of], series[cost.minus] if cost.minus else None))
    amounts = [amount / cost.per for amount in amounts]
    parts = amounts
    if cost.by:
        parts = [amount / base for amount, base in zip(amounts, series[cost.by], strict=True)]
    found = spread(parts)
    return Row(cost.topic, cost.what, spread(amounts).median, cost.unit, *found)


def _differences(of: Sequence[float], minus: Sequence[float] | None) -> Iterator[float]:
    if minus is None:
        yield from of
    else:
        for more, less in zip(of, minus, strict=True):
            yield more - less
