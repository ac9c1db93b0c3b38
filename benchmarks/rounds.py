"""Timing in rounds: each subject in turn, so that a slow moment of the machine hits them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter

Round = dict[str, float]


def measure(subjects: Mapping[str, Callable[[], object]], rounds: int, calls: int) -> list[Round]:
    """Return for each round the seconds that one call of each subject took, on average."""
    return [{name: _time(call, calls) for name, call in subjects.items()} for _ in range(rounds)]


WARMING = 10
"""Calls before the clock starts: the first ones pay for the caches that the last subject filled."""


def _time(call: Callable[[], object], calls: int) -> float:
    for _ in range(WARMING):
        call()
    began = perf_counter()
    for _ in range(calls):
        call()
    return (perf_counter() - began) / calls
