"""What has been measured: a name, and a figure for each round."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

Series = Mapping[str, Sequence[float]]


def in_microseconds(rounds: Iterable[Mapping[str, float]]) -> Series:
    """Turn rounds of seconds into a series for each subject.

    >>> in_microseconds([{"a": 1e-6}, {"a": 2e-6}])
    {'a': [1.0, 2.0]}
    """
    found: dict[str, list[float]] = {}
    for one in rounds:
        for name, seconds in one.items():
            found.setdefault(name, []).append(seconds * 1e6)
    return found
