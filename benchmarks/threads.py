"""A call made by many threads at once."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from threading import Barrier, Thread
from time import perf_counter

from benchmarks.rounds import Subject

LEAST = 100
"""Calls of each thread, so that they have each other beside them for a while."""

RUNS = 3
"""Of which the median one counts, since another program takes a run."""


def in_threads(call: Callable[[], object], count: int) -> Subject:
    """Return the subject that shares its calls among `count` threads that wait for each other."""

    def seconds(calls: int) -> float:
        return median(once(calls) for _ in range(RUNS))

    def once(calls: int) -> float:
        each = max(LEAST, 4 * calls // count)
        start, end = Barrier(count + 1), Barrier(count + 1)

        def work() -> None:
            call()
            start.wait()
            for _ in range(each):
                call()
            end.wait()

        threads = [Thread(target=work) for _ in range(count)]
        for thread in threads:
            thread.start()
        start.wait()
        began = perf_counter()
        end.wait()
        spent = perf_counter() - began
        for thread in threads:
            thread.join()
        return spent / (count * each)

    return seconds
