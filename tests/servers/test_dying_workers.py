"""Workers that die beside others, one after the other, and with everything around them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import COMMAND
from tests.marks import first_by_default
from tests.servers.mortal import await_service, errors, flying, mortal, see
from tests.servers.ways import GEVENT, GTHREAD, SYNC
from tests.support import Answer, Server, alive, descendants, eventually
from wsgi_observe.redaction import REDACTED
from wsgi_observe.scoreboard.scoreboard import Scoreboard

KINDS = first_by_default([GTHREAD, SYNC, GEVENT])

Asked = dict[str, Future[Answer | None]]


@contextmanager
def in_flight(server: Server, *ids: str, path: str = "/sleep?seconds=20") -> Iterator[Asked]:
    """Have these requests run."""
    with ThreadPoolExecutor(len(ids)) as pool:
        asked = {one: pool.submit(see, server, path, one) for one in ids}
        eventually(lambda: set(ids) <= set(flying(server)))
        yield asked


def find_crash_line(server: Server, request_id: str) -> dict[str, Any]:
    """The one ERROR line of a request."""
    server.wait_for(lambda: errors(server, request_id))
    (line,) = errors(server, request_id)
    return line


@pytest.mark.parametrize("kind", first_by_default([GTHREAD, GEVENT]))
def test_all_requests_of_a_worker_die_with_the_one_that_ends_it(kind: str) -> None:
    with mortal(kind) as server:
        with in_flight(server, "beside-1", "beside-2") as asked:
            assert see(server, "/os-exit/7", "culprit") is None
        assert [future.result() for future in asked.values()] == [None, None]
        for one in ("beside-1", "beside-2", "culprit"):
            assert find_crash_line(server, one)["cause"] == "exit 7"
        await_service(server)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_workers_that_die_at_the_same_time_are_told_apart(kind: str) -> None:
    ids = [f"together-{number}" for number in range(4)]
    with mortal(kind, "-w", "4") as server:
        with in_flight(server, *ids):
            workers = set(descendants(server.process.pid))
            of = {one: worker for one, worker in flying(server).items() if one in ids}
            for worker in workers:
                os.kill(worker, signal.SIGKILL)
        for one in ids:
            line = find_crash_line(server, one)
            assert (line["cause"], line["worker_pid"]) == ("SIGKILL", of[one])
        eventually(lambda: len(set(descendants(server.process.pid)) - workers) == 4)
        await_service(server)


def kill_after_hup(server: Server) -> None:
    (old,) = descendants(server.process.pid)
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: descendants(server.process.pid) not in ([old], []))
    eventually(lambda: old not in descendants(server.process.pid))
    await_service(server)


def use_up(server: Server) -> None:
    for number in range(12):
        see(server, "/ok", f"used-{number}")  # Gunicorn 22 resets one now and then


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("options", "before"),
    [
        pytest.param((), kill_after_hup, id="HUP", marks=pytest.mark.slow),
        pytest.param(("--preload",), kill_after_hup, id="preload and HUP"),
        pytest.param(("--max-requests", "5"), use_up, id="max_requests", marks=pytest.mark.slow),
        pytest.param(
            ("--threads", "1", "--max-requests", "5", "--max-requests-jitter", "3"),
            use_up,
            id="max_requests with jitter",
        ),
    ],
)
def test_a_worker_that_took_anothers_place_is_told_of_too(
    kind: str, options: tuple[str, ...], before: Callable[[Server], None]
) -> None:
    with mortal(kind, *options) as server:
        before(server)
        for number in range(2):
            one = f"later-{number}"
            await_service(server)
            with in_flight(server, one):
                os.kill(flying(server)[one], signal.SIGKILL)
            assert find_crash_line(server, one)["cause"] == "SIGKILL"


@pytest.mark.slow
def test_an_old_worker_that_is_killed_during_a_reload_is_told_of() -> None:
    with mortal(GTHREAD, "--graceful-timeout", "20") as server, in_flight(server, "old"):
        (old,) = descendants(server.process.pid)
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: len(descendants(server.process.pid)) == 2)
        os.kill(old, signal.SIGKILL)
        assert find_crash_line(server, "old")["worker_pid"] == old
        await_service(server)


@pytest.mark.parametrize("kind", first_by_default([GTHREAD, GEVENT]))
def test_a_slow_request_is_named_while_it_runs_and_on_its_access_line(kind: str) -> None:
    with mortal(kind, WSGI_OBSERVE_SLOW_REQUEST_SECONDS="0.3") as server:
        assert server.request("GET", "/sleep?seconds=1", headers={"X-Request-ID": "slow"})
        (warning, access) = server.log_of("slow")
        assert (warning["level"], access["slow"]) == ("WARNING", True)
        assert warning["age"] >= 0.3
        assert "dying.py" in warning["stack"]
        assert ", in sleep" in warning["stack"]
        assert errors(server, "slow") == []


@pytest.mark.slow
def test_three_quarters_of_the_timeout_are_slow() -> None:
    with mortal(GTHREAD) as server:
        assert see(server, "/sleep?seconds=3", "slow") is not None
        assert 2.25 <= server.log_of("slow")[0]["age"] < 3


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_shows_what_runs_and_where(kind: str) -> None:
    with mortal(kind, "--timeout", "60") as server, in_flight(server, "shown"):
        worker = flying(server)["shown"]
        for pid in (worker, server.process.pid):
            shown = subprocess.run([*COMMAND, "stuck", str(pid)], capture_output=True, text=True)
            assert shown.returncode == 0, shown.stderr
            assert shown.stdout.startswith(f"worker {worker}: 1 running\n")
            assert "GET /sleep  shown" in shown.stdout
            assert "dying.py" in shown.stdout
        os.kill(worker, signal.SIGKILL)  # rather than wait until it has slept


@pytest.mark.slow
def test_a_request_in_a_loop_that_gevent_cannot_leave_is_named_with_its_stack() -> None:
    with mortal(GEVENT, WSGI_OBSERVE_SLOW_REQUEST_SECONDS="0.3") as server:
        assert server.request("GET", "/busy?seconds=1", headers={"X-Request-ID": "busy"})
        (warning, _) = server.log_of("busy")
        assert "in busy" in warning["stack"]


def kill_everything(server: Server) -> None:
    """As Kubernetes does when a container takes too much memory."""
    for pid in (server.process.pid, *descendants(server.process.pid)):
        os.kill(pid, signal.SIGKILL)
    server.end()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_what_died_with_the_whole_container_is_told_at_the_next_boot_once(
    kind: str, tmp_path: Path
) -> None:
    path = str(tmp_path / "recorder")
    with (
        mortal(kind, WSGI_OBSERVE_RECORDER_PATH=path) as server,
        in_flight(server, "gone") as asked,
    ):
        worker = flying(server)["gone"]
        eventually(lambda: server.process.poll() is None and _was_seen(server))
        kill_everything(server)
    assert asked["gone"].result() is None
    with mortal(kind, WSGI_OBSERVE_RECORDER_PATH=path) as server:
        line = find_crash_line(server, "gone")
        assert (line["cause"], line["worker_pid"]) == ("server killed", worker)
        assert (line["method"], line["path"], line["outcome"]) == ("GET", "/sleep", "died")
        assert line["age"] > 0
        with in_flight(server, "killed"):
            os.kill(flying(server)["killed"], signal.SIGKILL)
        assert find_crash_line(server, "killed")["cause"] == "SIGKILL"
        await_service(server)
    with mortal(kind, WSGI_OBSERVE_RECORDER_PATH=path) as server:
        await_service(server)
    assert errors(server, "gone") == errors(server, "killed") == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_truncated_under_it_harms_nobody_and_is_written_again(
    kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "recorder"
    with (
        mortal(kind, WSGI_OBSERVE_RECORDER_PATH=str(path)) as server,
        in_flight(server, "gone"),
    ):
        worker = flying(server)["gone"]
        for length in (0, 100):
            os.truncate(path, length)
            eventually(lambda: b"\0GET\0/sleep" in path.read_bytes())
        if kind != SYNC:  # whose one worker is busy
            await_service(server)
        assert flying(server)["gone"] == worker
        kill_everything(server)
    with mortal(kind, WSGI_OBSERVE_RECORDER_PATH=str(path)) as server:
        assert find_crash_line(server, "gone")["cause"] == "server killed"


def _was_seen(server: Server) -> bool:
    worker_entries = list(Scoreboard.of_process(server.process.pid).worker_entries)
    return any(
        request.started < worker_entry.last_seen
        for worker_entry in worker_entries
        for request in worker_entry.read_requests().requests.values()
    )


@pytest.mark.slow
def test_an_arbiter_that_is_killed_alone_takes_no_request_along(tmp_path: Path) -> None:
    path = str(tmp_path / "recorder")
    with mortal(GTHREAD, WSGI_OBSERVE_RECORDER_PATH=path) as server:
        with in_flight(server, "left-alone", path="/sleep?seconds=1.5") as asked:
            worker = flying(server)["left-alone"]
            server.process.kill()
        answer = asked["left-alone"].result()
        assert answer is not None
        assert answer.status == 200
        eventually(lambda: not alive(worker))
    with mortal(GTHREAD, WSGI_OBSERVE_RECORDER_PATH=path) as server:
        assert [line for line in server.records if line.get("outcome") == "died"] == []


@pytest.mark.slow
@pytest.mark.slow
def test_an_arbiter_that_takes_over_tells_nothing_of_what_still_runs(tmp_path: Path) -> None:
    path = str(tmp_path / "recorder")
    # What is executed anew finds Gunicorn's own `http` first: Flask could not be imported early.
    (tmp_path / "empty.py").touch()
    with mortal(SYNC, "-c", f"{tmp_path}/empty.py", WSGI_OBSERVE_RECORDER_PATH=path) as server:
        with in_flight(server, "old", path="/sleep?seconds=2") as asked:
            server.process.send_signal(signal.SIGUSR2)
            eventually(lambda: (tmp_path / "recorder.1").exists())
        answer = asked["old"].result()
        assert answer is not None
        assert answer.status == 200
        for pid in descendants(server.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        eventually(lambda: "Shutting down: Master.2" in str(server.records))
    assert errors(server, "old") == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_app_that_is_wrapped_by_its_own_code_is_noted_in_there(kind: str) -> None:
    with mortal(kind, app="own") as server:
        assert see(server, "/os-exit/7", "own") is None
        assert find_crash_line(server, "own")["cause"] == "exit 7"
        await_service(server)


@pytest.mark.parametrize(
    "place", first_by_default(["/nowhere/recorder", "/proc/recorder", "/dev/full"])
)
def test_a_place_where_nothing_can_be_written_is_one_warning(place: str) -> None:
    with mortal(SYNC, "-w", "2", WSGI_OBSERVE_RECORDER_PATH=place) as server:
        (warning,) = [line for line in server.records if place in line["message"]]
        assert warning["level"] == "WARNING"
        # The rest of the promise holds.
        with in_flight(server, "here"):
            os.kill(flying(server)["here"], signal.SIGKILL)
        assert find_crash_line(server, "here")["cause"] == "SIGKILL"


def test_without_shared_memory_there_is_one_warning_and_service() -> None:
    with mortal(SYNC, "-c", "tests/servers/memoryless_conf.py") as server:
        said = [line for line in server.records if "cannot share memory" in line["message"]]
        assert {line["level"] for line in said} == {"WARNING"}
        assert len([line for line in said if "scoreboard" in line["message"]]) == 1
        assert server.get("/ok").status == 200
        assert see(server, "/os-exit/7", "unknown") is None
        await_service(server)
        assert errors(server, "unknown") == []


def test_outside_gunicorn_none_of_it_is_loaded() -> None:
    code = (
        "import sys, threading; from wsgi_observe import observe; observe(lambda *_: []);"
        "print([name for name in sys.modules if 'scoreboard' in name],"
        " threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "[] 1"


def test_a_secret_in_a_path_is_not_told(tmp_path: Path) -> None:
    with mortal(SYNC, WSGI_OBSERVE_FLASK="1") as server:
        assert see(server, "/reset/s3cr3t", "secret") is None
        assert find_crash_line(server, "secret")["path"] == f"/reset/{REDACTED}"
        await_service(server)
    assert "s3cr3t" not in "".join(server.lines)
