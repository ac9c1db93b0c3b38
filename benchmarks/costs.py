"""Costs: each reported figure as a ratio or a difference of series of the same run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import quantiles
from typing import NamedTuple

Series = Mapping[str, Sequence[float]]
"""What was measured: a name, and a figure for each round."""


class Spread(NamedTuple):
    """A median between its quartiles."""

    low: float
    median: float
    high: float


class Cost(NamedTuple):
    """A row to report: `of` less `minus`, in its unit, and what it is as a part of `by`."""

    topic: str
    what: str
    of: str
    minus: str | None = None
    by: str | None = None
    per: float = 1.0
    unit: str = "µs"


class Row(NamedTuple):
    """A measured cost: the median amount, and the spread of its part of `by`.

    Without anything to divide by, the spread is the amount's.
    """

    topic: str
    what: str
    amount: float
    unit: str
    low: float
    median: float
    high: float


def compute_row(cost: Cost, series: Series) -> Row | None:
    """Return a cost's row, or None where a series that it needs was not measured."""
    names = [name for name in (cost.of, cost.minus, cost.by) if name]
    if any(name not in series for name in names):
        return None
    amounts = list(_differences(series[cost.of], series[cost.minus] if cost.minus else None))
    amounts = [amount / cost.per for amount in amounts]
    parts = amounts
    if cost.by:
        parts = [amount / base for amount, base in zip(amounts, series[cost.by], strict=True)]
    return Row(cost.topic, cost.what, spread(amounts).median, cost.unit, *spread(parts))


def _differences(of: Sequence[float], minus: Sequence[float] | None) -> Iterator[float]:
    if minus is None:
        yield from of
    else:
        for more, less in zip(of, minus, strict=True):
            yield more - less


def spread(values: Iterable[float]) -> Spread:
    """Return the median and quartiles of at least one value.

    >>> spread([1.0, 2.0, 3.0, 4.0, 100.0])
    Spread(low=2.0, median=3.0, high=4.0)
    """
    values = list(values)
    if len(values) == 1:
        return Spread(*values * 3)
    return Spread(*quantiles(values, n=4, method="inclusive"))


def to_microseconds(rounds: Iterable[Mapping[str, float]]) -> Series:
    """Turn rounds of seconds into one series for each subject.

    >>> to_microseconds([{"a": 1e-6}, {"a": 2e-6}])
    {'a': [1.0, 2.0]}
    """
    series: dict[str, list[float]] = {}
    for spent in rounds:
        for name, seconds in spent.items():
            series.setdefault(name, []).append(seconds * 1e6)
    return series
