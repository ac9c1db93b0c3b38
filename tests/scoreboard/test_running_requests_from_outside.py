"""Reading from outside what a worker runs: which requests, for how long, and where they are."""

from __future__ import annotations

import gc
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.calls import environ
from tests.cli.command import COMMAND
from wsgi_observe.scoreboard.client import iter_worker_reports
from wsgi_observe.scoreboard.recorder import Recorder
from wsgi_observe.scoreboard.scoreboard import Scoreboard
from wsgi_observe.scoreboard.watchdog import Watchdog


@pytest.fixture
def workers(scoreboard: Scoreboard) -> Iterator[list[int]]:
    """Two processes in a request each: one with a watchdog, one without."""
    gc.collect()  # a scoreboard of another test would be found first
    pids = [_fork(scoreboard, number) for number in range(2)]
    yield pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _fork(scoreboard: Scoreboard, number: int) -> int:
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            worker_entry = scoreboard.worker_entries[number]
            worker_entry.pid = os.getpid()

            def wait_for_ever(*_: object) -> None:
                os.write(writing, b"!")
                signal.pause()

            recorder = Recorder(wait_for_ever, worker_entry)  # type: ignore[arg-type]
            if number == 0:
                Watchdog(recorder, 0).start()
            recorder(environ(f"/{number}", HTTP_X_REQUEST_ID="abc"), lambda status, headers: None)
        finally:
            os._exit(1)
    assert os.read(reading, 1) == b"!"
    os.close(reading)
    os.close(writing)
    return pid


def test_a_worker_tells_its_requests_and_their_stacks(workers: list[int]) -> None:
    for _ in range(2):
        (report,) = iter_worker_reports(workers[0])
        (requests,) = report.requests
        assert (report.pid, requests.request.path) == (workers[0], "/0")
        assert requests.age >= 0
        assert requests.stack is not None
        assert requests.stack.splitlines()[-2].endswith("in wait_for_ever")


def test_a_worker_that_does_not_answer_is_still_known_by_its_requests(workers: list[int]) -> None:
    (report,) = iter_worker_reports(workers[1], timeout=0.05)
    assert [(one.request.path, one.stack) for one in report.requests] == [("/1", None)]
    assert not report.is_responding


def test_an_arbiter_tells_of_all_its_workers(workers: list[int]) -> None:
    looks = list(iter_worker_reports(os.getpid(), timeout=2.0))
    assert [(report.pid, report.is_responding) for report in looks] == [
        (workers[0], True),
        (workers[1], False),
    ]


def test_the_command_prints_them_oldest_first(workers: list[int]) -> None:
    done = _stuck(workers[0])
    assert done.returncode == 0, done.stderr
    head, _, row, *_ = done.stdout.splitlines()
    assert head == f"worker {workers[0]}: 1 running"
    assert re.fullmatch(r"  \d+\.\d s  GET /0  -", row)
    assert "in wait_for_ever" in done.stdout


def test_the_command_prints_json_for_programs(workers: list[int]) -> None:
    (line,) = _stuck(workers[0], "--json").stdout.splitlines()
    requests = json.loads(line)
    assert (requests["worker_pid"], requests["method"], requests["path"]) == (
        workers[0],
        "GET",
        "/0",
    )
    assert "wait_for_ever" in requests["stack"]


@pytest.mark.parametrize(
    ("pid", "what"),
    [
        ("4194999", "there is no process 4194999"),
        ("self", "is not a Gunicorn"),
        ("99999999999", "is not a process ID"),
    ],
)
def test_the_command_says_whom_it_cannot_ask(pid: str, what: str) -> None:
    if pid == "self":
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
            done = _stuck(other.pid)
    else:
        done = _stuck(int(pid))
    assert done.returncode == 1
    assert what in done.stderr


@pytest.mark.slow
def test_the_command_heeds_the_patterns_of_the_server() -> None:
    program = """if True:
        import os, signal
        from tests.calls import environ
        from wsgi_observe.scoreboard.recorder import Recorder
        from wsgi_observe.scoreboard.scoreboard import Scoreboard

        def wait_for_ever(*_):
            print("ready", flush=True)
            input()

        entry = Scoreboard.make(1, 4).worker_entries[0]
        entry.pid = os.getpid()
        app = Recorder(wait_for_ever, entry)
        app(environ("/staff/EMP-\\xc3\\xa9-7"), None)
    """
    variables = {"WSGI_OBSERVE_REDACT_PATTERNS": "EMP-\u00e9-\\d", "WSGI_OBSERVE_CHECKS": "unfit"}
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **variables, "PYTHONUTF8": "1"},
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        (line,) = _stuck(server.pid, "--json").stdout.splitlines()
        server.kill()
    assert json.loads(line)["path"] == "/staff/[REDACTED]"


def _stuck(pid: int, *options: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "stuck", str(pid), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)
