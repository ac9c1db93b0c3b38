"""Timing in rounds: each program in turn, so that a slow moment of the machine hits them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from statistics import median
from time import perf_counter
from typing import Protocol

Subject = Callable[[int], float]
"""Told how many calls, it returns the seconds that one of them took, on average."""

WARMING = 10
"""Calls before the clock starts: the first ones pay for the caches that the last subject filled."""

SLICES = 5
"""Of a subject's calls in a round: the median one counts, since another program takes a slice."""


class Program(Protocol):
    """Something whose subjects are measured once for each round."""

    def round(self, calls: int) -> Mapping[str, float]:
        """Return the seconds that one call of each subject took."""


class Here:
    """The program of this very process."""

    def __init__(self, subjects: Mapping[str, Subject]) -> None:
        self._subjects = subjects

    def round(self, calls: int) -> Mapping[str, float]:
        """Measure each of its subjects once."""
        return {name: seconds(calls) for name, seconds in self._subjects.items()}


def measure(programs: Iterable[Program], rounds: int, calls: int) -> Iterator[dict[str, float]]:
    """Yield for each round the seconds of each subject of every program."""
    programs = list(programs)
    for _ in range(rounds):
        spent: dict[str, float] = {}
        for program in programs:
            spent |= program.round(calls)
        yield spent


def repeated(call: Callable[[], object], times: int = 1) -> Subject:
    """Return the subject of one call; `times` as many where it is over in no time."""

    def seconds(calls: int) -> float:
        for _ in range(WARMING):
            call()
        every = range(-(-calls * times // SLICES))
        return median(_slice(call, every) for _ in range(SLICES))

    return seconds


def after(first: Callable[[], object], call: Callable[[], object]) -> Subject:
    """Return the subject of a call that finds the processor's caches as `first` left them."""

    def seconds(calls: int) -> float:
        spent = []
        for _ in range(calls):
            first()
            spent.append(_slice(call, range(1)))
        return median(spent)

    return seconds


def _slice(call: Callable[[], object], every: range) -> float:
    began = perf_counter()
    for _ in every:
        call()
    return (perf_counter() - began) / len(every)
