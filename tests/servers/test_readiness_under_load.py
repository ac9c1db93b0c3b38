"""Readiness under Gunicorn: what a failing, hanging or odd dependency does to the service."""

import http.client
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.marks import first_by_default
from tests.servers.gunicorn import ROOT
from tests.servers.postgres import Postgres, binaries, postgres
from tests.support import PATIENCE, Server, eventually, running

TIMEOUT = 0.8  # what a check has by default
SLACK = 3.0  # for a busy machine: what hangs would never come
CLIENTS = 200

GTHREAD = ("-k", "gthread", "--threads", "16")
GEVENT = ("-k", "gevent")

needs_postgres = pytest.mark.skipif(
    binaries() is None and os.environ.get("CI") != "true",
    reason="there is no PostgreSQL here: no initdb on PATH or in /usr/lib/postgresql",
)


@contextmanager
def serving(
    checks: str, directory: Path, *options: str, ttl: float = 0.5, database: str = ""
) -> Iterator[Server]:
    """Start Gunicorn with the app that is probed."""
    command = [sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:0", *options]
    environment = {
        "PROBED_CHECKS": checks,
        "PROBED_DIRECTORY": str(directory),
        "PROBED_TTL": str(ttl),
        "PROBED_DATABASE": database,
    }
    with running(*command, "tests.servers.probed:app", cwd=ROOT, env=environment) as server:
        yield server


def runs_of(directory: Path, check: str) -> list[str]:
    """The process of each run of a check."""
    noted = directory / f"{check}.runs"
    return noted.read_text().split() if noted.exists() else []


@pytest.mark.parametrize(
    "options", first_by_default([("-w", "2", "--preload"), ("-w", "2"), ("-w", "1")]), ids=str
)
def test_a_worker_runs_its_own_checks_before_it_says_ready(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    with serving("slow", tmp_path, *options, ttl=60) as server:
        assert runs_of(tmp_path, "slow") == []
        workers = int(options[1])
        asked = set()
        while len(asked) < workers:
            before = len(runs_of(tmp_path, "slow"))
            began = time.monotonic()
            answer = server.get("/ready")
            took = time.monotonic() - began
            assert (answer.status, answer.json["checks"]) == (200, {"slow": "ok"})
            asked = set(runs_of(tmp_path, "slow"))
            # Whoever answers for the first time has waited for its own first round.
            assert len(asked) == before or took >= 0.3
        assert len(runs_of(tmp_path, "slow")) == workers
        assert str(server.process.pid) not in asked


@pytest.mark.slow
@pytest.mark.parametrize("options", first_by_default([GTHREAD, GEVENT]), ids=["gthread", "gevent"])
def test_probes_of_a_check_that_never_returns_are_answered_in_time(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "hang").touch()
    with (
        serving("hang", tmp_path, *options, "--worker-connections", "1000") as server,
        ThreadPoolExecutor(CLIENTS) as pool,
        Load(server, ("/",)) as load,
    ):
        for _ in range(3):
            together = threading.Barrier(CLIENTS)
            answers = [pool.submit(probe, server, "/ready", together) for _ in range(CLIENTS)]
            assert {answer.result()[0] for answer in answers} == {503}
            assert max(answer.result()[1] for answer in answers) < TIMEOUT + 0.3 + SLACK
            assert len(server.get("/threads").json) == 1
            # The service is not disturbed: not by the probes, nor by the check.
            both = [pool.submit(probe, server, path) for path in ("/", "/ready") * 20]
            assert Counter(asked.result()[0] for asked in both) == {200: 20, 503: 20}
            assert max(asked.result()[1] for asked in both) < SLACK
            time.sleep(0.6)  # beyond the TTL
        assert len(runs_of(tmp_path, "hang")) == 1
        (tmp_path / "hang").unlink()
        eventually(lambda: server.get("/ready").status == 200, 0.5 + TIMEOUT + SLACK)
        server.wait_for(lambda: len(news(server)) == 2)
        assert [line["level"] for line in news(server)] == ["WARNING", "INFO"]
        assert set(load.seen) == {("/", 200)}


@pytest.mark.slow
def test_odd_checks_run_once_in_a_ttl_and_harm_nothing(tmp_path: Path) -> None:
    with serving("odd", tmp_path, *GTHREAD) as server:
        began = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(flood, server.port, 250) for _ in range(8)]
            answers = sum((future.result() for future in asked), Counter())
        rounds = (time.monotonic() - began) / 0.5 + 1
        assert answers == {503: 2000}
        found = server.get("/ready").json["checks"]
        failing = {name for name, result in found.items() if result == "fail"}
        assert failing == {"says_false", "raises", "exits"}
        for name in found:
            assert 1 <= len(runs_of(tmp_path, name)) <= rounds
        assert server.get("/").body == b"hello"
        server.wait_for(lambda: len(news(server)) == 3)
        assert {line["check"] for line in news(server)} == failing
        assert server.stop() == 0  # signals reach it


@pytest.mark.slow
@needs_postgres
def test_an_outage_of_the_database_shows_in_readiness_and_nowhere_else(tmp_path: Path) -> None:
    with (
        postgres() as database,
        serving("database", tmp_path, *GTHREAD, database=address(database)) as server,
        Load(server, ("/", "/health")) as load,
    ):
        follows(server, 200)
        assert len(database.connections()) == 1
        most = Most(database.connections)
        with most:
            database.tell(signal.SIGSTOP)  # it hangs
            follows(server, 503)
            time.sleep(1.5)  # several rounds
            database.tell(signal.SIGCONT)
            follows(server, 200)
            assert len(database.connections()) == 1
            database.kill()  # it refuses
            follows(server, 503)
            time.sleep(1.0)
        assert len(most.seen) == 1, most.seen
        database.start()
        follows(server, 200)
        assert len(database.connections()) == 1
        assert server.get("/threads").json == []
        assert set(load.seen) == {("/", 200), ("/health", 200)}
        assert min(load.seen.values()) > 200


def news(server: Server) -> list[dict[str, Any]]:
    """What the log says about checks."""
    return [line for line in server.records if line["logger"] == "wsgi_observe.health"]


def address(database: Postgres) -> str:
    return f"postgresql+psycopg://shop@127.0.0.1:{database.port}/postgres"


def follows(server: Server, status: int) -> None:
    """Readiness comes to say what holds, within TTL and timeout."""
    eventually(lambda: server.get("/ready").status == status, 0.5 + TIMEOUT + SLACK)


def probe(
    server: Server, path: str, together: threading.Barrier | None = None
) -> tuple[int, float]:
    """Ask once, all at the same time; return the status and the seconds it took."""
    if together is not None:
        together.wait(PATIENCE)
    began = time.monotonic()
    return server.get(path).status, time.monotonic() - began


def flood(port: int, times: int) -> Counter[int]:
    """Ask for readiness on one connection, 125 times a second."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    seen: Counter[int] = Counter()
    due = time.monotonic()
    for _ in range(times):
        connection.request("GET", "/ready")
        response = connection.getresponse()
        response.read()
        seen[response.status] += 1
        due += 0.008
        time.sleep(max(0.0, due - time.monotonic()))
    connection.close()
    return seen


class InBackground:
    """Something done over and over on threads, while a block runs."""

    def __init__(self, *steps: Callable[[], None]) -> None:
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._repeat, args=(step,)) for step in steps]

    def __enter__(self) -> "InBackground":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _repeat(self, step: Callable[[], None]) -> None:
        while not self._done.is_set():
            step()


class Load(InBackground):
    """Requests for each path, and how each of them was answered."""

    def __init__(self, server: Server, paths: tuple[str, ...]) -> None:
        super().__init__(*[lambda path=path: self._ask(path) for path in paths])
        self._server = server
        self.seen: Counter[tuple[str, object]] = Counter()

    def _ask(self, path: str) -> None:
        try:
            answer: object = self._server.get(path).status
        except OSError as error:
            answer = repr(error)
        self.seen[path, answer] += 1
        time.sleep(0.002)


class Most(InBackground):
    """The most that there was of something."""

    def __init__(self, look: Callable[[], set[str]]) -> None:
        super().__init__(self._look)
        self._now = look
        self.seen: set[str] = set()

    def _look(self) -> None:
        self.seen = max(self.seen, self._now(), key=len)
        time.sleep(0.01)
