"""Metrics of all workers together: counts equal the clients' own, whatever ends a worker."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.gunicorn.scraping import APP, Scraped, counting
from tests.gunicorn.serving import (
    BY_LOGGER,
    KINDS,
    bare,
    boots,
    lines_with,
    workers,
)
from tests.marks import first_by_default
from tests.prometheus.serving import counts, parse, value
from tests.servers.gunicorn import connected, read_all
from tests.servers.postgres import free_port
from tests.support import PATIENCE, Server, alive, descendants, eventually, send, start
from wsgi_observe.gunicorn.arbiter.metrics_directory import MetricsDirectory
from wsgi_observe.scoreboard.scoreboard import Scoreboard

DIED = "wsgi_observe_died_requests_total"
OK = ("GET", "/ok/<name>", "200")


def ask(scraped: Scraped, times: int) -> set[int]:
    """Send requests until that many are answered and counted; return the workers that answered.

    A worker counts a request when its response has ended, right after the client has it.
    """
    answers: list[int] = []
    before = scraped.count()
    while len(answers) < times:
        with suppress(OSError, http.client.HTTPException):
            answers.append(int(scraped.server.get(f"/ok/{len(answers)}").body))
    eventually(lambda: scraped.count() >= before + times)
    return set(answers)


def of_app(scraped: Scraped) -> set[int]:
    """The workers that have booted and run."""
    return {line["pid"] for line in boots(scraped.server)} & set(workers(scraped.server))


def kill_a_worker(scraped: Scraped) -> None:
    """Kill one, and wait until it is gone, or it would be killed again."""
    victim = min(of_app(scraped))
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: victim not in of_app(scraped))


def metrics_process(scraped: Scraped) -> int:
    """The process below the arbiter that is no worker, once all workers have booted."""

    def find() -> set[int]:
        booted = of_app(scraped)
        others = set(workers(scraped.server)) - booted
        return others if len(booted) == 2 and len(others) == 1 else set()

    (pid,) = eventually(find)
    return pid


def directory(server: Server) -> Path:
    """Where the workers count."""
    maps = [Path(f"/proc/{pid}/maps") for pid in workers(server)]
    lines = [line for one in maps if one.exists() for line in one.read_text().splitlines()]
    (path,) = {Path(line.split()[-1]).parent for line in lines if line.endswith(".db")}
    return path


@pytest.mark.parametrize("kind", first_by_default(KINDS))
def test_the_port_has_what_all_workers_have_counted(kind: str) -> None:
    with counting(*KINDS[kind]) as scraped:
        seen: set[int] = set()
        asked = 0
        while len(seen) < 2:
            seen |= ask(scraped, 20)
            asked += 20
        for path in ("/health", "/ready"):
            scraped.server.get(path)
        scraped.server.get("/nowhere/4111")
        expected = {OK: asked, ("GET", "unmatched", "404"): 1}
        eventually(lambda: counts(scraped.scrape()) == expected)
        assert value(scraped.scrape(), "orders_total") == asked  # the app's own, likewise
        assert value(scraped.scrape(), "sessions") == 2
        ids = [s.exemplar.labels for s in scraped.scrape_openmetrics() if s.exemplar]
        known = {line["request_id"] for line in scraped.server.records if "request_id" in line}
        assert ids
        assert {one["request_id"] for one in ids} <= known


@pytest.mark.slow
def test_the_oldest_gunicorn_counts_as_well(oldest_gunicorn: dict[str, str]) -> None:
    with counting(env=oldest_gunicorn) as scraped:
        ask(scraped, 10)
        kill_a_worker(scraped)
        ask(scraped, 10)
        assert scraped.count() == 20
        os.kill(metrics_process(scraped), signal.SIGTERM)
        eventually(lambda: lines_with(scraped.server, "that serves metrics has ended: restarted"))
        assert scraped.count() == 20
        assert scraped.server.stop() == 0


def test_workers_that_are_killed_and_replaced_lose_and_double_no_count() -> None:
    with counting("-k", "gthread", "--threads", "4") as scraped:
        asked = 0
        for _ in range(3):
            ask(scraped, 15)
            kill_a_worker(scraped)
            ask(scraped, 15)
            asked += 30
            assert scraped.count() == asked
        reload_counted(scraped)
        assert scraped.count() == asked
        ask(scraped, 10)
        assert scraped.count() == asked + 10
        assert value(scraped.scrape(), "orders_total") == asked + 10


def reload_counted(scraped: Scraped) -> None:
    """Have the workers replaced; the process that serves the metrics is none."""
    before, booted = of_app(scraped), len(boots(scraped.server))
    os.kill(scraped.server.process.pid, signal.SIGHUP)
    scraped.server.wait_for(lambda: len(boots(scraped.server)) >= booted + 2)
    eventually(lambda: before.isdisjoint(descendants(scraped.server.process.pid)))


@pytest.mark.slow
def test_workers_that_end_by_max_requests_leave_no_files_behind() -> None:
    with counting("--max-requests", "3") as scraped:
        ask(scraped, 60)
        assert scraped.count() == 60
        assert len(boots(scraped.server)) > 12
        files = [file.name for file in directory(scraped.server).glob("histogram_*.db")]
        assert len(files) <= 6, files


@pytest.mark.slow
def test_live_gauges_end_with_their_worker() -> None:
    with counting() as scraped:
        while value(scraped.scrape(), "sessions") < 2:
            ask(scraped, 5)
        before = of_app(scraped)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: len(of_app(scraped) - before) == 2)
        assert value(scraped.scrape(), "sessions") == 0


@pytest.mark.parametrize(
    ("requests", "kind"),
    [
        pytest.param(5_000, "gthread", id="5,000", marks=pytest.mark.slow),
        pytest.param(100_000, "gthread", id="100,000", marks=pytest.mark.soak),
        pytest.param(100_000, "gevent", id="100,000, gevent", marks=pytest.mark.soak),
    ],
)
def test_clients_count_the_same_while_a_worker_is_killed_each_second(
    requests: int, kind: str
) -> None:
    with counting(*KINDS[kind], access_log="0") as scraped:
        clients = [Client(scraped.server.port, requests // 4) for _ in range(4)]
        killed = 0
        while any(client.is_alive() for client in clients):
            time.sleep(1.0)
            for pid in list(of_arbiter(scraped))[:1]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed += 1
        answered, broken = (sum(getattr(c, name) for c in clients) for name in ("ok", "broken"))
        assert answered == requests
        assert killed
        # A request in flight as its worker is killed: its client may have no answer although it
        # was counted, or the whole answer although it was not.
        assert answered - 4 * killed <= scraped.count() <= answered + broken


class Client(threading.Thread):
    """Send requests on a connection that is kept, until so many are answered."""

    def __init__(self, port: int, wanted: int) -> None:
        super().__init__()
        self.port, self.wanted = port, wanted
        self.ok = self.broken = 0
        self.start()

    def run(self) -> None:
        while self.ok < self.wanted:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            try:
                while self.ok < self.wanted:
                    connection.request("GET", "/ok/x")
                    response = connection.getresponse()
                    response.read()
                    assert response.status == 200
                    self.ok += 1
            except (OSError, http.client.HTTPException):
                self.broken += 1
            finally:
                connection.close()


def of_arbiter(scraped: Scraped) -> set[int]:
    """The workers that serve now, from the scoreboard."""
    scoreboard = Scoreboard.of_process(scraped.server.process.pid)
    # Read once: 0, which it may be a moment later, would be the group of this process.
    return {pid for one in scoreboard.worker_entries if one.booted and (pid := one.pid)}


class TestWhatOnlyThisLibraryKnows:
    def test_a_request_that_dies_is_counted_by_its_cause(self) -> None:
        with counting() as scraped:
            with suppress(OSError, http.client.HTTPException):
                scraped.server.get("/die")
            scraped.server.wait_for(lambda: lines_with(scraped.server, "/die died: SIGKILL"))
            eventually(lambda: value(scraped.scrape(), DIED, cause="SIGKILL") == 1)
            assert value(scraped.scrape(), DIED) == 1

    @pytest.mark.slow
    def test_a_worker_timeout_is_one_too(self) -> None:
        with counting("--timeout", "2", workers=1) as scraped:
            with suppress(OSError, http.client.HTTPException):
                scraped.server.get("/sleep/60.0")
            eventually(lambda: value(scraped.scrape(), DIED, cause="worker timeout") == 1)
            assert value(scraped.scrape(), DIED) == 1

    @pytest.mark.slow
    def test_running_and_slow_requests_show(self) -> None:
        with counting(slow_request_seconds="0.2") as scraped:
            thread = threading.Thread(target=lambda: scraped.server.get("/sleep/3.0"))
            thread.start()
            running = eventually(lambda: _with_a_busy_worker(scraped))
            assert value(running, "wsgi_observe_workers", state="idle") == 1
            assert value(running, "http_server_active_requests", http_request_method="GET") == 1
            eventually(lambda: value(scraped.scrape(), "wsgi_observe_slow_requests_total") == 1)
            thread.join()
            idle = scraped.scrape()
            assert value(idle, "wsgi_observe_workers", state="idle") == 2
            assert value(idle, "http_server_active_requests") == 0

    def test_a_rejected_request_is_counted_by_its_status_alone(self) -> None:
        with counting() as scraped:
            with connected(scraped.server) as client:
                client.sendall(b"NONSENSE\r\n\r\n")
                assert b" 400 " in read_all(client)
            name = "wsgi_observe_rejected_requests_total"
            eventually(lambda: value(scraped.scrape(), name) == 1)
            assert value(scraped.scrape(), name, http_response_status_code="400") == 1
            assert counts(scraped.scrape()) == {}

    def test_lost_lines_and_a_blocked_stream_show_while_it_is_blocked(self) -> None:
        with counting(workers=1, log_wait="0") as scraped:
            with scraped.server.unread():
                while not value(scraped.scrape(), "wsgi_observe_lost_log_lines_total"):
                    ask(scraped, 50)
                    scraped.server.get("/health")
                found = scraped.scrape()
                assert value(found, "wsgi_observe_blocked_log_streams", stream="stdout") == 1
            blocked = "wsgi_observe_blocked_log_streams"

            def is_free() -> bool:
                ask(scraped, 1)
                return value(scraped.scrape(), blocked) == 0

            eventually(is_free)

    def test_readiness_is_that_of_the_last_probe(self) -> None:
        checks = "db=tests.gunicorn.counted:passes,queue=tests.gunicorn.counted:fails"
        with counting(checks=checks) as scraped:
            scraped.server.get("/ready")
            found = scraped.scrape()
            passed = "wsgi_observe_readiness_check_passed"
            assert value(found, passed, check="db", critical="true") == 1
            assert value(found, passed, check="queue", critical="true") == 0
            assert len([s for s in found if s.name == passed]) == 2

    @pytest.mark.slow
    def test_draining_shows_until_the_server_stops(self) -> None:
        with counting(drain_seconds="3") as scraped:
            assert value(scraped.scrape(), "wsgi_observe_draining") == 0
            os.kill(scraped.server.process.pid, signal.SIGTERM)
            eventually(lambda: value(scraped.scrape(), "wsgi_observe_draining") == 1)
            assert scraped.server.end() == 0


def _with_a_busy_worker(scraped: Scraped) -> Any:
    found = scraped.scrape()
    return found if value(found, "wsgi_observe_workers", state="busy") == 1 else None


class TestThePort:
    def test_is_of_this_machine_alone_by_default(self) -> None:
        with counting() as scraped:
            inode = _listeners()[scraped.port]
            assert inode == "0100007F"

    def test_may_have_an_address(self) -> None:
        port = free_port()
        with counting(metrics_port=f"0.0.0.0:{port}") as scraped:
            assert _listeners()[port] == "00000000"
            assert scraped.scrape(port)

    def test_serves_nothing_but_metrics(self) -> None:
        with counting() as scraped:
            for path, method, status in (
                ("/ok/1", "GET", 404),
                ("/metrics", "POST", 405),
                ("/metrics", "HEAD", 200),
                ("/", "GET", 200),
            ):
                answer, _ = send(scraped.port, method, path, None, {})
                assert answer.status == status
            assert lines_with(scraped.server, "/metrics") == []

    def test_that_is_in_use_stops_the_start(self, tmp_path: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            environ = {"WSGI_OBSERVE_METRICS_PORT": port, "WSGI_OBSERVE_LOG_FORMAT": "json"}
            command = [*_command(), "--worker-tmp-dir", str(tmp_path)]
            server = start(command, None, environ)
            assert server.end() == 1
            (line,) = [one for one in server.records if one["level"] == "CRITICAL"]
            assert f"cannot serve metrics at metrics_port {port}" in line["message"]
            assert not list(tmp_path.iterdir())

    @pytest.mark.slow
    def test_is_served_again_when_its_process_was_killed(self) -> None:
        with counting() as scraped:
            ask(scraped, 5)
            metrics = metrics_process(scraped)
            os.kill(metrics, signal.SIGKILL)
            eventually(lambda: not alive(metrics))
            assert scraped.count() == 5  # the arbiter keeps the socket

    @pytest.mark.slow
    def test_is_closed_with_the_arbiter_even_if_that_is_killed(self) -> None:
        with counting("--timeout", "4") as scraped:
            processes = workers(scraped.server)
            os.kill(scraped.server.process.pid, signal.SIGKILL)
            eventually(lambda: not any(map(alive, processes)))
            assert scraped.port not in _listeners()

    @pytest.mark.slow
    def test_moves_with_a_reload(self, tmp_path: Path) -> None:
        config, ports = tmp_path / "conf.py", (free_port(), free_port())
        config.write_text(f"raw_env = ['WSGI_OBSERVE_METRICS_PORT={ports[0]}']")
        variables = {"WSGI_OBSERVE_LOG_FORMAT": "json"}
        with bare(*BY_LOGGER, "-c", str(config), "-w", "2", app=APP, env=variables) as server:
            server.wait_for(lambda: len(boots(server)) >= 2)
            scraped = Scraped(server, ports[0])
            ask(scraped, 5)
            config.write_text(f"raw_env = ['WSGI_OBSERVE_METRICS_PORT={ports[1]}']")
            reload_counted(scraped)
            eventually(lambda: ports[0] not in _listeners())
            assert counts(scraped.scrape(ports[1])) == {OK: 5}

    @pytest.mark.slow
    def test_is_taken_over_by_an_upgrade(self) -> None:
        with counting() as scraped:
            ask(scraped, 5)
            old = scraped.server.process.pid
            os.kill(old, signal.SIGUSR2)
            scraped.server.wait_for(lambda: len(boots(scraped.server)) >= 4)
            (new,) = {line["pid"] for line in lines_with(scraped.server, "Starting gunicorn")} - {
                old
            }
            try:
                assert scraped.count() >= 5
                os.kill(old, signal.SIGTERM)
                assert scraped.server.process.wait(PATIENCE) == 0
                eventually(lambda: _can_scrape(scraped))
                ask(scraped, 3)
                assert scraped.count() == 3
            finally:
                with suppress(ProcessLookupError):
                    os.kill(new, signal.SIGTERM)
                eventually(lambda: scraped.port not in _listeners())


def _can_scrape(scraped: Scraped) -> bool:
    with suppress(OSError, http.client.HTTPException):
        scraped.scrape()
        return True
    return False


def _command() -> list[str]:
    script = str(Path(sys.executable).with_name("gunicorn"))
    return [sys.executable, script, "-b", "127.0.0.1:0", *BY_LOGGER, APP]


def _listeners() -> dict[int, str]:
    """The addresses of the listening sockets of this machine, by their ports."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = [row[1].split(":") for row in rows if row[3] == "0A"]
    return {int(port, 16): address for address, port in listening}


class TestThePath:
    def test_has_the_counts_of_all_workers_on_the_apps_port(self) -> None:
        with counting(metrics_port="0", metrics_path="/internal/metrics") as scraped:
            for number in range(30):
                scraped.server.get(f"/ok/{number}")

            def scrape() -> object:
                answer = scraped.server.get("/internal/metrics")
                assert answer.status == 200
                return counts(parse(answer.body.decode()))

            eventually(lambda: scrape() == {OK: 30})
            for _ in range(4):
                assert scrape() == {OK: 30}
            assert lines_with(scraped.server, "/internal/metrics") == []
            assert scraped.port not in _listeners()

    def test_that_the_code_sets_is_a_problem_of_several_workers(self) -> None:
        variables = {"WSGI_OBSERVE_LOG_FORMAT": "json"}
        app = "tests.gunicorn.counting_alone:app"
        with bare(*BY_LOGGER, "-w", "2", app=app, env=variables) as server:
            server.wait_for(lambda: boots(server))
            (problem,) = [one for one in boots(server)[0]["problems"] if "metrics_path" in one]
            assert "WSGI_OBSERVE_METRICS_PORT" in problem


def _find_no_directory() -> str:
    raise FileNotFoundError("No usable temporary directory found")


class TestTheDirectory:
    def test_ends_with_the_server(self) -> None:
        with counting() as scraped:
            ask(scraped, 5)
            path = directory(scraped.server)
            assert path.is_dir()
            scraped.server.stop()
            assert not path.exists()

    def test_needs_no_other_directory_that_can_be_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As in a container whose file system is read-only but for one directory in memory."""
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
        monkeypatch.setattr(tempfile, "gettempdir", _find_no_directory)
        cfg = SimpleNamespace(worker_tmp_dir=str(tmp_path), uid=os.geteuid(), gid=os.getegid())
        made = MetricsDirectory(cfg)
        assert made.path.parent == tmp_path
        made.close()
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.slow
    def test_of_a_killed_server_is_removed_by_the_next_one(self, tmp_path: Path) -> None:
        option = ("--worker-tmp-dir", str(tmp_path), "--timeout", "4")
        with counting(*option) as scraped:
            ask(scraped, 5)
            left = directory(scraped.server)
            processes = workers(scraped.server)
            os.kill(scraped.server.process.pid, signal.SIGKILL)
            eventually(lambda: not any(map(alive, processes)))
            assert left.is_dir()
        with counting(*option) as scraped, counting(*option) as neighbour:
            assert not left.exists()
            ask(scraped, 2)
            ask(neighbour, 3)
            assert (scraped.count(), neighbour.count()) == (2, 3)

    @pytest.mark.slow
    def test_that_is_a_link_of_somebody_else_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "theirs").mkdir()
        (tmp_path / "shm").mkdir()
        (tmp_path / "shm" / "wsgi_observe-metrics-1").symlink_to(tmp_path / "theirs")
        with counting("--worker-tmp-dir", str(tmp_path / "shm")) as scraped:
            ask(scraped, 2)
        assert list((tmp_path / "theirs").iterdir()) == []
        assert [one.name for one in (tmp_path / "shm").iterdir()] == ["wsgi_observe-metrics-1"]

    @pytest.mark.slow
    def test_that_the_user_names_is_emptied_at_the_start(self, tmp_path: Path) -> None:
        env = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "mine")}
        for _ in range(2):
            with counting(env=env) as scraped:
                ask(scraped, 5)
                assert scraped.count() == 5
        assert list((tmp_path / "mine").glob("*.db"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", first_by_default(KINDS))
def test_a_preloaded_app_is_counted_as_well(kind: str) -> None:
    with counting("--preload", *KINDS[kind]) as scraped:
        for _ in range(3):
            ask(scraped, 10)
            eventually(lambda: len(of_app(scraped)) == 2)
            kill_a_worker(scraped)
        ask(scraped, 10)
        assert scraped.count() == 40
        assert value(scraped.scrape(), "orders_total") == 40
        # The arbiter's own, in which the app's metrics were made, and those of two workers.
        names = {file.name for file in directory(scraped.server).glob("counter_*.db")}
        assert len(names) <= 4, names


def test_without_the_settings_nothing_of_it_is_loaded() -> None:
    with bare(*BY_LOGGER, env={"WSGI_OBSERVE_LOG_FORMAT": "json"}) as server:
        server.wait_for(lambda: boots(server))
        (worker,) = workers(server)
        assert alive(worker)
        files = [str(fd.readlink()) for fd in Path(f"/proc/{worker}/fd").iterdir()]
        assert [one for one in files if "wsgi_observe.inflight" in one]
        assert not [one for one in files if "wsgi_observe.metrics" in one]
