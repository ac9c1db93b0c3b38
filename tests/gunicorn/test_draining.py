"""Stopping in two steps: not ready while it still serves, then gone."""

import http.client
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.command import COMMAND
from tests.gunicorn.serving import KINDS, access_of, boots, gunicorn, lines_with, reload, workers
from tests.marks import first_by_default
from tests.support import PATIENCE, Server, eventually

DRAINING = (503, {"status": "draining"})


def ready(server: Server) -> tuple[int, object]:
    answer = server.get("/ready")
    return answer.status, answer.json


def signalled(server: Server, number: signal.Signals = signal.SIGTERM) -> None:
    os.kill(server.process.pid, number)


@pytest.fixture(params=first_by_default(["gthread", "sync", "gevent"]))
def options(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return (*KINDS[request.param], "--workers", "2")


def test_it_says_no_while_it_serves_and_stops_at_the_second_signal(options) -> None:
    env = {"WSGI_OBSERVE_DRAIN_SECONDS": "600"}
    with gunicorn(*options, env=env) as server:
        server.wait_for(lambda: len(boots(server)) == 2)
        signalled(server)
        server.wait_for(lambda: lines_with(server, "draining for 600 s"))
        for number in range(8):
            assert ready(server) == DRAINING
            assert server.get("/health").status == 200
            assert server.get("/", {"X-Request-ID": f"late-{number}"}).body == b"hello"
            assert access_of(server, f"late-{number}")["status_code"] == 200
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < PATIENCE


@pytest.mark.parametrize("preload", first_by_default([("--preload",), ()]), ids=["preload", ""])
def test_it_stops_by_itself_when_the_time_is_over(preload: tuple[str, ...]) -> None:
    with gunicorn(*preload, env={"WSGI_OBSERVE_DRAIN_SECONDS": "1.5"}) as server:
        signalled(server)
        server.wait_for(lambda: lines_with(server, "draining for 1.5 s"))
        assert ready(server) == DRAINING
        assert server.end() == 0
        assert [line for line in server.lines if not line.startswith("{")] == []


def test_without_the_setting_a_signal_stops_it_as_ever() -> None:
    with gunicorn() as server:
        assert server.stop() == 0
        assert not lines_with(server, "draining")


@pytest.mark.slow
def test_a_reload_and_a_worker_that_has_served_enough_do_not_look_like_draining(options) -> None:
    env = {"WSGI_OBSERVE_DRAIN_SECONDS": "600"}
    # A worker that Gunicorn is just starting may miss its SIGTERM, and is killed after the grace.
    options = (*options, "--max-requests", "7", "--graceful-timeout", "3")
    with gunicorn(*options, env=env) as server:
        for _ in range(30):
            assert ready(server)[0] == 200
        reload_begun = time.monotonic()
        signalled(server, signal.SIGHUP)
        while not lines_with(server, "Hang up") or time.monotonic() - reload_begun < 2:
            assert ready(server)[0] == 200
            time.sleep(0.01)
        signalled(server)
        server.wait_for(lambda: lines_with(server, "draining for"))
        assert server.stop() == 0


@pytest.mark.slow
def test_workers_that_are_made_while_it_drains_drain_too() -> None:
    with gunicorn(env={"WSGI_OBSERVE_DRAIN_SECONDS": "600"}) as server:
        signalled(server)
        server.wait_for(lambda: lines_with(server, "draining for"))
        reload(server)
        assert ready(server) == DRAINING
        server.stop()


def test_a_kept_connection_ends_with_the_next_answer() -> None:
    env = {"WSGI_OBSERVE_DRAIN_SECONDS": "600"}
    with gunicorn(*KINDS["gthread"], "--keep-alive", "60", env=env) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        for closes in (None, "close"):
            connection.request("GET", "/")
            answer = connection.getresponse()
            assert (answer.read(), answer.headers["Connection"]) == (
                b"hello",
                closes or "keep-alive",
            )
            signalled(server)
            server.wait_for(lambda: lines_with(server, "draining for"))
            if closes:
                break
        connection.close()


def drain(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "drain", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize("by", first_by_default(["pidfile", "pid"]))
def test_the_command_drains_and_waits_and_the_signal_after_it_stops_at_once(
    by: str, tmp_path: Path
) -> None:
    pidfile = tmp_path / "pid"
    env = {"WSGI_OBSERVE_DRAIN_SECONDS": "1"}
    with gunicorn("-w", "2", "--pid", str(pidfile), env=env) as server:
        assert ready(server)[0] == 200
        began = time.monotonic()
        done = drain(str(pidfile) if by == "pidfile" else str(server.process.pid))
        assert (done.returncode, done.stderr) == (0, "")
        assert time.monotonic() - began >= 0.9
        for _ in range(6):
            assert ready(server) == DRAINING
        assert server.get("/").status == 200
        assert server.stop() == 0
        assert not lines_with(server, "draining for")


def test_the_command_may_say_how_long_and_ends_when_the_server_has() -> None:
    with gunicorn() as server:
        command = [*COMMAND, "drain", "--seconds", "600", str(server.process.pid)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            eventually(lambda: ready(server) == DRAINING)
            assert server.stop() == 0
            assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize("by", first_by_default(["undo", "reload"]))
def test_a_drain_of_the_commands_can_be_taken_back(by: str) -> None:
    with gunicorn("-w", "2") as server:
        server.wait_for(lambda: len(boots(server)) == 2)
        pid = str(server.process.pid)
        assert drain("--seconds", "0.2", pid).returncode == 0
        assert ready(server) == DRAINING
        if by == "reload":
            reload(server)
            assert lines_with(server, "drain cancelled by the reload")
        else:
            assert drain("--undo", pid).stdout == f"{pid} is in service\n"
        for _ in range(6):
            assert ready(server)[0] == 200
        assert drain("--seconds", "0.2", pid).returncode == 0
        assert ready(server) == DRAINING
        assert server.stop() == 0


@pytest.mark.slow
def test_undo_ends_the_command_that_waits() -> None:
    with gunicorn() as server:
        pid = str(server.process.pid)
        command = [*COMMAND, "drain", "--seconds", "600", pid]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            eventually(lambda: ready(server) == DRAINING)
            assert drain("--undo", pid).returncode == 0
            assert process.wait(PATIENCE) == 0
        assert ready(server)[0] == 200


def test_a_server_that_has_got_its_signal_is_not_taken_back() -> None:
    with gunicorn(env={"WSGI_OBSERVE_DRAIN_SECONDS": "600"}) as server:
        signalled(server)
        server.wait_for(lambda: lines_with(server, "draining for"))
        done = drain("--undo", str(server.process.pid))
        assert done.returncode == 1
        assert "stops in" in done.stderr
        assert ready(server) == DRAINING
        assert server.stop() == 0


@pytest.mark.parametrize("target", first_by_default(["another", "none", "file", "words"]))
def test_the_command_says_whom_it_cannot_drain_and_harms_nobody(
    target: str, tmp_path: Path
) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        (tmp_path / "words").write_text("no process")
        pid = {"another": str(other.pid), "none": "4194300", "file": "/no/such", "words": ""}
        done = drain(pid[target] or str(tmp_path / "words"))
        assert done.returncode == 1
        assert done.stderr.startswith("wsgi-observe drain: ")
        assert done.stderr.count("\n") == 1
        assert other.poll() is None
        other.kill()


def test_a_worker_that_is_killed_while_it_drains_comes_back_draining() -> None:
    with gunicorn(env={"WSGI_OBSERVE_DRAIN_SECONDS": "600"}) as server:
        signalled(server)
        server.wait_for(lambda: lines_with(server, "draining for"))
        (worker,) = workers(server)
        os.kill(worker, signal.SIGKILL)
        server.wait_for(lambda: len(boots(server)) == 2)
        assert ready(server) == DRAINING
        server.stop()


@pytest.mark.slow
def test_an_arbiter_that_has_handed_over_stops_at_once(tmp_path: Path) -> None:
    pidfile = tmp_path / "pid"
    env = {"WSGI_OBSERVE_DRAIN_SECONDS": "600"}
    with gunicorn("--pid", str(pidfile), env=env) as server:
        signalled(server, signal.SIGUSR2)
        server.wait_for(lambda: len(boots(server)) == 2)
        new = int((tmp_path / "pid.2").read_text())
        try:
            signalled(server)
            assert server.process.wait(PATIENCE) == 0
            assert ready(server)[0] == 200
            assert not lines_with(server, "draining for")
        finally:
            os.kill(new, signal.SIGQUIT)
        server.wait_for(lambda: len(lines_with(server, "Shutting down: Master")) == 2)
