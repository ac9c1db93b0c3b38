"""The arbiter's side of the flight recorder: seats, statuses, and what a Gunicorn may lack."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from time import time
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import Log
from wsgi_observe.gunicorn.arbiter.crashed_workers import Reaper, TimeoutMessageFilter
from wsgi_observe.gunicorn.arbiter.worker_entries import WorkerEntries
from wsgi_observe.scoreboard.scoreboard import REQUEST_ENTRY, Scoreboard, encode_request, pack_entry


@pytest.fixture
def scoreboard() -> Scoreboard:
    return Scoreboard.make(worker_count=2, max_requests=2)


@pytest.fixture
def worker_entries(scoreboard: Scoreboard) -> WorkerEntries:
    return WorkerEntries(scoreboard)


@pytest.fixture(autouse=True)
def _no_filter_is_left() -> Iterator[None]:
    """Remove the filters of reapers that were not closed, which keep their scoreboards open."""
    yield
    logger = logging.getLogger("gunicorn.error")
    for one in list(logger.filters):
        if isinstance(one, TimeoutMessageFilter):
            logger.removeFilter(one)


class Worker:
    def __init__(self) -> None:
        self.pid: Any = "[booting]"
        self.aborted = False


class Arbiter:
    """As much of Gunicorn's as reaps."""

    WORKER_BOOT_ERROR, APP_LOAD_ERROR = 3, 4

    def __init__(self) -> None:
        self.WORKERS: dict[int, Worker] = {}
        self.saw: list[int] = []

    def reap_workers(self) -> None:
        for pid in list(self.WORKERS):
            found, status = os.waitpid(pid, 0)
            self.saw.append(status)
            del self.WORKERS[found]

    def kill_worker(self, pid: int, number: int) -> None:
        os.kill(pid, number)


def fork(
    arbiter: Arbiter,
    worker_entries: WorkerEntries,
    code: int = 0,
    *,
    booted: bool = True,
    running: bool = True,
) -> Worker:
    """Have a worker leave a request in its seat and exit."""
    made = Worker()
    worker_entries.assign(made)
    worker_entry = worker_entries.of(made)
    assert worker_entry is not None
    worker_entry.booted = booted
    if running:
        offset = worker_entry.request_offsets[0]
        worker_entry.memory[offset : offset + REQUEST_ENTRY.size] = pack_entry(
            encode_request("abc", "GET", "/"), time()
        )
    made.pid = os.fork()
    if not made.pid:
        if code < 0:
            signal.pause()
        os._exit(code)
    arbiter.WORKERS[made.pid] = made
    return made


@pytest.mark.parametrize(
    ("code", "booted", "seen", "cause"),
    [
        (7, True, 7, "exit 7"),
        (3, True, 255, "exit 3"),
        (4, True, 255, "exit 4"),
        (3, False, 3, "exit 3"),
    ],
    ids=["any code", "3 after it served", "4 after it served", "3 before it served"],
)
def test_an_exit_is_told_as_it_was_and_ends_no_service_that_has_served(
    code: int, booted: bool, seen: int, cause: str, worker_entries: WorkerEntries, log: Log
) -> None:
    arbiter = Arbiter()
    Reaper(arbiter, worker_entries)
    fork(arbiter, worker_entries, code, booted=booted)
    wait = os.waitpid
    arbiter.reap_workers()
    assert os.waitpid is wait
    assert [os.WEXITSTATUS(status) for status in arbiter.saw] == [seen]
    assert (log.error["cause"], log.error["request_id"]) == (cause, "abc")
    assert len(log.warnings) == (seen == 255)


def test_a_kill_by_the_arbiter_is_the_end_of_its_patience(
    worker_entries: WorkerEntries, log: Log
) -> None:
    arbiter = Arbiter()
    reaper = Reaper(arbiter, worker_entries)
    gone = fork(arbiter, worker_entries, -1)
    arbiter.kill_worker(gone.pid, signal.SIGKILL)
    reaper.close()
    assert log.error["cause"] == "graceful timeout"


def test_a_worker_that_somebody_else_has_reaped_is_still_told_of(
    worker_entries: WorkerEntries, log: Log
) -> None:
    arbiter = Arbiter()
    Reaper(arbiter, worker_entries)
    gone = fork(arbiter, worker_entries)
    os.waitpid(gone.pid, 0)
    arbiter.WORKERS.clear()
    arbiter.reap_workers()
    arbiter.reap_workers()
    assert log.error["cause"] == "unknown"


def test_a_request_without_a_slot_and_a_torn_one_are_counted(
    worker_entries: WorkerEntries, log: Log
) -> None:
    arbiter = Arbiter()
    Reaper(arbiter, worker_entries)
    worker_entry = worker_entries.of(fork(arbiter, worker_entries, 7))
    assert worker_entry is not None
    worker_entry.overflow = 3
    worker_entry.memory[worker_entry.request_offsets[1]] = 9
    arbiter.reap_workers()
    named, overflow, corrupt = log.errors
    assert named["request_id"] == "abc"
    reason = "which ones is unknown: their worker ran more than the scoreboard has entries for"
    assert overflow["message"] == f"3 requests died: exit 7; {reason}"
    reason = "which ones is unknown: their worker died while it recorded them"
    assert corrupt["message"] == f"1 requests died: exit 7; {reason}"


def test_seats_are_given_again_and_a_failed_fork_keeps_none(
    worker_entries: WorkerEntries, log: Log
) -> None:
    for _ in range(10):
        worker_entries.assign(Worker())
    assert len(list(worker_entries.assigned)) == 1
    assert log.warnings == []


def test_workers_beyond_the_seats_are_one_warning(worker_entries: WorkerEntries, log: Log) -> None:
    workers = [Worker() for _ in range(4)]
    for number, one in enumerate(workers):
        worker_entries.assign(one)
        one.pid = number
    assert [worker_entries.of(one) is None for one in workers] == [False, False, True, True]
    (warning,) = log.warnings
    assert "more workers than scoreboard entries" in warning["message"]


def test_what_a_gunicorn_lacks_is_said_once_each(worker_entries: WorkerEntries, log: Log) -> None:
    lacking = SimpleNamespace()
    for _ in range(2):
        Reaper(lacking, worker_entries)
    assert vars(lacking) == {}
    losses = [line["message"].partition(": ")[2] for line in log.warnings]
    assert losses == [
        "requests that are lost when a worker dies are not reported",
        "a graceful timeout is reported as SIGKILL",
    ]


@pytest.fixture
def gunicorns_log(log: Log, monkeypatch: pytest.MonkeyPatch) -> Log:
    logger = logging.getLogger("gunicorn.error")
    monkeypatch.setattr(logger, "propagate", True)
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "disabled", False)
    return log


def alarm(pid: int) -> None:
    logger = logging.getLogger("gunicorn.error")
    logger.critical("WORKER TIMEOUT (pid:%s)", pid)
    logger.error("Worker (pid:%s) exited with code %s.", pid, 1)


@pytest.mark.parametrize(
    ("running", "has_logged_exit", "alarms"),
    [
        pytest.param(False, True, 0, id="it waited for a client, and said so"),
        pytest.param(False, False, 2, id="it hung elsewhere"),
        pytest.param(True, False, 2, id="a request hung"),
    ],
)
def test_a_timeout_raises_alarms_unless_its_worker_has_explained_it(
    worker_entries: WorkerEntries,
    gunicorns_log: Log,
    running: bool,
    has_logged_exit: bool,
    alarms: int,
) -> None:
    arbiter = Arbiter()
    reaper = Reaper(arbiter, worker_entries)
    try:
        worker = fork(arbiter, worker_entries, running=running)
        worker_entry = worker_entries.of(worker)
        assert worker_entry is not None
        worker_entry.has_logged_exit = has_logged_exit
        alarm(worker.pid)
        assert len(gunicorns_log.of("gunicorn.error")) == (2 if running else 0)
        arbiter.reap_workers()
        assert len(gunicorns_log.of("gunicorn.error")) == alarms
    finally:
        reaper.close()


def test_an_alarm_about_a_worker_that_is_never_reaped_is_raised_at_the_end(
    worker_entries: WorkerEntries, gunicorns_log: Log
) -> None:
    worker = Worker()
    worker_entries.assign(worker)
    worker.pid = 4194304  # more than there are
    worker_entry = worker_entries.of(worker)
    assert worker_entry is not None
    worker_entry.booted = True
    alarms = TimeoutMessageFilter(worker_entries)
    logging.getLogger("gunicorn.error").addFilter(alarms)
    alarm(worker.pid)
    assert gunicorns_log.of("gunicorn.error") == []
    alarms.close()
    assert [line["level"] for line in gunicorns_log.of("gunicorn.error")] == ["CRITICAL", "ERROR"]


def test_a_message_of_a_hook_may_have_any_argument(
    worker_entries: WorkerEntries, gunicorns_log: Log
) -> None:
    reaper = Reaper(Arbiter(), worker_entries)
    try:
        logging.getLogger("gunicorn.error").warning("serving %s", ["/orders"])
    finally:
        reaper.close()
    assert gunicorns_log.of("gunicorn.error")[0]["message"] == "serving ['/orders']"
