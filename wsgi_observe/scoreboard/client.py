"""Client of the scoreboard: reads from another process what a server's workers run."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic, sleep, time
from typing import NamedTuple

from wsgi_observe.scoreboard.scoreboard import RunningRequest, Scoreboard, WorkerEntry
from wsgi_observe.scoreboard.stacks import read_stacks

_POLL_SECONDS = 0.02


class RequestReport(NamedTuple):
    """A running request, with its age in seconds."""

    request: RunningRequest
    age: float
    stack: str | None
    """None where its worker does not respond."""


class WorkerReport(NamedTuple):
    """The running requests of one worker, the oldest first."""

    pid: int
    is_responding: bool
    requests: list[RequestReport]
    overflow: int
    """How many more run without an entry in the scoreboard."""


def iter_worker_reports(pid: int, timeout: float = 3.0) -> Iterator[WorkerReport]:
    """Request and return what a worker runs, or each worker of an arbiter.

    The requests and their ages are read from shared memory, whatever state the worker is in. The
    stacks come from its watchdog, which cannot run while an extension holds Python's lock.

    :param timeout: seconds to wait for the stacks.
    :raises ProcessLookupError: when there is no such process.
    :raises PermissionError: when it is another user's.
    :raises LookupError: when it has no scoreboard, or is neither arbiter nor worker.
    """
    scoreboard = Scoreboard.of_process(pid)
    worker_entries = [
        entry
        for entry in scoreboard.worker_entries
        if entry.pid and pid in (entry.pid, scoreboard.pid)
    ]
    if not worker_entries and scoreboard.pid != pid:
        raise LookupError(f"process {pid} serves no requests")
    requests = [(entry, _request_stacks(entry)) for entry in worker_entries]
    deadline = monotonic() + timeout
    return (
        _make_report(entry, _wait_for_stacks(entry, number, deadline)) for entry, number in requests
    )


def _request_stacks(worker_entry: WorkerEntry) -> int:
    number = (worker_entry.stacks_requested + 1) % 2**32
    worker_entry.stacks_requested = number
    return number


def _wait_for_stacks(worker_entry: WorkerEntry, number: int, deadline: float) -> bool:
    while worker_entry.stacks_answered != number:
        if monotonic() > deadline or not worker_entry.pid:
            return False
        number = worker_entry.stacks_requested  # another client may have requested them since
        sleep(_POLL_SECONDS)
    return True


def _make_report(worker_entry: WorkerEntry, is_responding: bool) -> WorkerReport:
    stacks = read_stacks(worker_entry.pid) if is_responding else {}
    snapshot, now = worker_entry.read_requests(), time()
    requests = [
        RequestReport(request, request.age(now), stacks.get(number))
        for number, request in snapshot.requests.items()
    ]
    requests.sort(key=lambda report: -report.age)
    return WorkerReport(worker_entry.pid, is_responding, requests, snapshot.overflow)
