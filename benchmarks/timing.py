"""Timing in rounds: each program in turn, so that a slow moment of the machine hits them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from statistics import median
from threading import Barrier, Thread
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from werkzeug.test import create_environ

from benchmarks.apps import FILE_WRAPPER

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Call = Callable[[], object]

Subject = Callable[[int], float]
"""Takes a number of calls, and returns the average seconds of one of them."""

WARMUP_CALLS = 10
"""Calls before the clock starts: the first ones pay for the caches that the last subject filled."""

SLICES = 5
"""Of a subject's calls in a round: the median one counts, since another program takes a slice."""

MIN_THREAD_CALLS = 100
"""Calls of each thread, so that they have each other beside them for a while."""

THREAD_RUNS = 3
"""Of which the median one counts, since another program takes a run."""


class Program(Protocol):
    """Something whose subjects are measured once for each round."""

    def measure_round(self, calls: int) -> Mapping[str, float]:
        """Return the seconds that one call of each subject took."""


class InProcess:
    """The program of this very process."""

    def __init__(self, subjects: Mapping[str, Subject]) -> None:
        self._subjects = subjects

    def measure_round(self, calls: int) -> Mapping[str, float]:
        """Measure each of its subjects once."""
        return {name: subject(calls) for name, subject in self._subjects.items()}


def measure(programs: Iterable[Program], rounds: int, calls: int) -> Iterator[dict[str, float]]:
    """Yield for each round the seconds of each subject of every program."""
    programs = list(programs)
    for _ in range(rounds):
        spent: dict[str, float] = {}
        for program in programs:
            spent |= program.measure_round(calls)
        yield spent


def repeated(call: Call, times: int = 1) -> Subject:
    """Return the subject of one call; `times` as many where it is over in no time."""

    def subject(calls: int) -> float:
        for _ in range(WARMUP_CALLS):
            call()
        every = range(-(-calls * times // SLICES))
        return median(_time_slice(call, every) for _ in range(SLICES))

    return subject


def preceded(first: Call, call: Call) -> Subject:
    """Return the subject of a call that finds the processor's caches as `first` left them."""

    def subject(calls: int) -> float:
        spent = []
        for _ in range(calls):
            first()
            spent.append(_time_slice(call, range(1)))
        return median(spent)

    return subject


def in_threads(call: Call, count: int) -> Subject:
    """Return the subject that shares its calls among `count` threads that wait for each other."""

    def subject(calls: int) -> float:
        return median(_time_threads(call, count, calls) for _ in range(THREAD_RUNS))

    return subject


def _time_slice(call: Call, every: range) -> float:
    began = perf_counter()
    for _ in every:
        call()
    return (perf_counter() - began) / len(every)


def _time_threads(call: Call, count: int, calls: int) -> float:
    each = max(MIN_THREAD_CALLS, 4 * calls // count)
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


def request(
    app: WSGIApplication, path: str = "/", headers: Mapping[str, str] | None = None
) -> Call:
    """Return a call that sends `app` one request in process, as a server does it.

    Making the environ from bytes is left out.
    """
    pattern = create_environ(
        path,
        headers={"User-Agent": "benchmark", **(headers or {})},
        environ_base={"REMOTE_ADDR": "127.0.0.1", "wsgi.file_wrapper": FILE_WRAPPER},
    )

    def call() -> None:
        body = app(pattern.copy(), _start_response)
        if body.__class__ is not FILE_WRAPPER:  # which leaves by sendfile
            for _ in body:
                pass
        if hasattr(body, "close"):
            body.close()

    return call


def failing_request(app: WSGIApplication) -> Call:
    """Return the same for a bare app that raises; the server would answer."""
    send = request(app)

    def call() -> None:
        try:
            send()
        except ValueError:
            return

    return call


def _start_response(
    status: str, headers: list[tuple[str, str]], exc_info: object = None
) -> Callable[[bytes], object]:
    return _write


def _write(data: bytes) -> None:
    """Take what an app of the old kind would write."""
