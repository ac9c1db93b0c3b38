"""Asks a running server, from another process, which requests are in flight and where they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep, time
from typing import NamedTuple

from wsgi_observe.scoreboard.entries import RunningRequest, WorkerEntry
from wsgi_observe.scoreboard.scoreboard import Scoreboard

_POLL_SECONDS = 0.02  # seconds


class StuckRequest(NamedTuple):
    """A running request, as somebody outside sees it."""

    pid: int
    request: RunningRequest
    age: float
    stack: str | None
    """None where the worker does not answer."""


class WorkerReport(NamedTuple):
    """What one worker had to say."""

    pid: int
    is_responding: bool
    requests: list[StuckRequest]
    overflow: int
    """Requests that have no slot."""


def iter_worker_reports(pid: int, timeout: float = 3.0) -> Iterator[WorkerReport]:
    """Yield what runs in a worker, or in all of an arbiter's.

    Which requests, and for how long, stands in shared memory, whatever state the worker is in. The
    stacks are its watchdog's to tell, for which it is given `timeout` seconds: while an extension
    keeps Python's lock, there is nobody to ask.

    :raises ProcessLookupError: when there is no such process.
    :raises PermissionError: when it is another user's.
    :raises LookupError: when it has no table of running requests.
    """
    scoreboard = Scoreboard.of_process(pid)
    worker_entries = [
        worker_entry
        for worker_entry in scoreboard.worker_entries
        if worker_entry.pid and (worker_entry.pid == pid or scoreboard.pid == pid)
    ]
    if not worker_entries and scoreboard.pid != pid:
        raise LookupError(f"process {pid} serves no requests")
    stack_requests = [
        (worker_entry, _request_stacks(worker_entry)) for worker_entry in worker_entries
    ]
    deadline = monotonic() + timeout
    for worker_entry, number in stack_requests:
        is_responding = _wait_for_stacks(worker_entry, number, deadline)
        yield _make_report(worker_entry, is_responding)


def _request_stacks(worker_entry: WorkerEntry) -> int:
    number = (worker_entry.stacks_requested + 1) % 2**32
    worker_entry.stacks_requested = number
    return number


def _wait_for_stacks(worker_entry: WorkerEntry, number: int, deadline: float) -> bool:
    while worker_entry.stacks_answered != number:
        # Somebody else may have asked since.
        if monotonic() > deadline or not worker_entry.pid:
            return False
        number = worker_entry.stacks_requested
        sleep(_POLL_SECONDS)
    return True


def _make_report(worker_entry: WorkerEntry, is_responding: bool) -> WorkerReport:
    pid = worker_entry.pid
    stacks = _read_stacks(worker_entry) if is_responding else {}
    now = time()
    requests = [
        StuckRequest(pid, request, request.age(now), stacks.get(str(number)))
        for number, request in worker_entry.read_requests().requests.items()
    ]
    return WorkerReport(
        pid, is_responding, sorted(requests, key=lambda one: -one.age), worker_entry.overflow
    )


def _read_stacks(worker_entry: WorkerEntry) -> dict[str, str]:
    with suppress(OSError, ValueError):
        text = Path(f"/proc/{worker_entry.pid}/fd/{worker_entry.stacks_descriptor}").read_text(
            encoding="utf-8"
        )
        stacks: dict[str, str] = json.loads(text)
        return stacks
    return {}
