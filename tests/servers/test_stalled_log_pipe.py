"""A log pipe that nobody reads, behind real Gunicorn workers: the service goes on."""

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import pytest

from tests.servers.gunicorn import gunicorn
from tests.support import PATIENCE, Server, descendants, eventually

STALL = float(os.environ.get("TEST_STALL_SECONDS", "5"))  # promised is 30
TIMEOUT = max(3, int(STALL / 3))  # Gunicorn's: a worker that hangs on its log would be killed
CLIENTS = 8
FAILURES = 20

KINDS = {
    "gthread": ("-k", "gthread", "-w", "2", "--threads", "4"),
    "sync": ("-k", "sync", "-w", "2"),
}
WAIT = {"gthread": 3.0, "sync": 0.25}  # seconds; without a wait no request takes the first


class Clients:
    """Some who ask for everything in turn; an answer that does not come is a `TimeoutError`."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.enough = threading.Event()
        self.seconds: list[tuple[str, float]] = []

    def run(self) -> None:
        for path in cycle(("/id", "/health", "/ready")):
            if self.enough.is_set():
                return
            began = time.monotonic()
            # Long, since it is on the log line and the pipe has to fill.
            assert self.server.get(path, {"User-Agent": "x" * 900}).status == 200
            self.seconds.append((path, time.monotonic() - began))

    @contextmanager
    def asking(self) -> Iterator[None]:
        with ThreadPoolExecutor(CLIENTS) as pool:
            runs = [pool.submit(self.run) for _ in range(CLIENTS)]
            try:
                yield
            finally:
                self.enough.set()
            for run in runs:
                run.result(PATIENCE)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_each_request_is_answered_and_what_mattered_comes_first(kind: str) -> None:
    with gunicorn(*KINDS[kind], "--timeout", str(TIMEOUT), log_wait=WAIT[kind]) as server:
        eventually(lambda: len(descendants(server.process.pid)) == 2)
        workers = descendants(server.process.pid)
        clients = Clients(server)
        with server.unread(), clients.asking():
            eventually(lambda: len(clients.seconds) > 900)  # no more fits by then
            for number in range(FAILURES):
                failed = server.get("/raise/error", {"X-Request-ID": f"failed-{number}"})
                assert failed.status == 500
            # From here on only: a slow machine takes seconds to fill the pipe, and a worker whose
            # wait has not ended when somebody reads again has lost nothing.
            began = time.monotonic()
            stall = max(STALL, WAIT[kind] + 1.5)  # longer than either worker's one wait
            eventually(lambda: time.monotonic() - began > stall, stall + PATIENCE)
        # Each worker finds out at its next line that somebody reads again.
        eventually(lambda: server.get("/id") and len(counts(server.records)) == 2)
        assert descendants(server.process.pid) == workers, "a worker was killed"
        assert server.stop() == 0
    if kind == "gthread":  # at a sync worker, who comes next waits for who is served
        waited = [path for path, seconds in clients.seconds if seconds > WAIT[kind] * 0.8]
        assert set(waited) <= {"/id"}
        assert len(waited) <= len(workers), "more than one of a worker's has waited"
    check(server.lines, server.records)


def counts(records: list[dict[str, Any]]) -> dict[int, int]:
    """Where the lines stand that say how many were lost, by their worker."""
    return {record["pid"]: at for at, record in enumerate(records) if "lost" in record}


def check(lines: list[str], records: list[dict[str, Any]]) -> None:
    """What mattered is there, before the count, and nothing is torn."""
    assert len([record for record in records if "lost" in record]) == len(counts(records))
    assert [line for line in lines if line.startswith("{") != line.endswith("}")] == []
    failed = {
        record["request_id"]: (at, record["pid"])
        for at, record in enumerate(records)
        if record["level"] == "ERROR"
    }
    assert set(failed) == {f"failed-{number}" for number in range(FAILURES)}
    for at, pid in failed.values():
        (count,) = [
            n for n, record in enumerate(records) if "lost" in record and record["pid"] == pid
        ]
        assert at < count
