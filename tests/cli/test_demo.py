"""The demo as a process: what it prints, what it refuses, and how it ends."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.command import COMMAND, DEMO, only_log, printed
from tests.marks import mark_rows_slow
from tests.support import PATIENCE, Server, alive, descendants, eventually, running, strict_json


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Server]:
    with running(*DEMO, env={"TMPDIR": str(tmp_path)}) as server:
        assert server.get("/health").status == 200
        yield server


def refused(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=os.environ | env, capture_output=True, text=True, check=False, timeout=20
    )


@pytest.mark.parametrize(
    ("send", "stopper"),
    [
        pytest.param(os.killpg, signal.SIGINT, id="Ctrl-C", marks=pytest.mark.slow),
        *mark_rows_slow(
            (os.kill, signal.SIGTERM),
            (os.kill, signal.SIGINT),
            (os.kill, signal.SIGHUP),
            (os.killpg, signal.SIGTERM),
            (os.killpg, signal.SIGHUP),
        ),
    ],
)
def test_a_signal_ends_it_and_the_log_alone_is_left(
    demo: Server, tmp_path: Path, stopper: signal.Signals, send: Callable[[int, int], None]
) -> None:
    workers = descendants(demo.process.pid)
    assert len(workers) == 3  # Gunicorn and its two
    send(demo.process.pid, stopper)
    assert demo.end() == 0
    assert not any(alive(worker) for worker in workers)
    log = only_log(tmp_path)
    assert f"The log lines of the demo are in {log}" in demo.lines
    lines = log.read_text(encoding="utf-8").splitlines()
    assert sorted(lines) == sorted(line for line in demo.lines if line.startswith("{"))
    assert any(strict_json(line)["message"] == "Shutting down: Master" for line in lines)
    assert not any("Traceback" in line for line in demo.lines)


def test_a_signal_before_the_server_runs_ends_it_too(tmp_path: Path) -> None:
    with running(*DEMO, env={"TMPDIR": str(tmp_path)}) as server:
        assert server.stop(signal.SIGINT) == 0
    assert not list(tmp_path.iterdir())


def test_a_server_that_dies_takes_all_with_it_and_its_exit_code_is_returned(
    demo: Server, tmp_path: Path
) -> None:
    gunicorn, *workers = descendants(demo.process.pid)
    os.kill(gunicorn, signal.SIGKILL)
    assert demo.end() == 128 + signal.SIGKILL
    eventually(lambda: not any(alive(worker) for worker in workers))
    assert only_log(tmp_path)


def test_a_port_that_is_taken_is_said_in_one_line_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = refused(*COMMAND, "demo", "--port", str(port), TMPDIR=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    done = refused(*COMMAND, "demo", f"--port={port}")
    assert done.returncode == 2
    assert "argument --port" in done.stderr


@pytest.mark.parametrize("missing", ["flask", "gunicorn", "sqlalchemy"])
def test_a_missing_extra_is_named_with_its_remedy(missing: str) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None\n"
    program += "from wsgi_observe.cli import main; sys.exit(main(['demo']))"
    done = refused(sys.executable, "-c", program)
    remedy = "run: pip install 'wsgi-observe[demo]'"
    message = f"wsgi-observe demo: {missing} is not installed; {remedy}\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", message)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("curl"), reason="the lines to try are for curl")
def test_every_line_to_try_can_be_tried_as_it_is_printed(demo: Server) -> None:
    lines = printed(demo, "curl")
    answers = [subprocess.run(["sh", "-c", line], capture_output=True, text=True) for line in lines]
    statuses = [int(answer.stdout.split()[1]) for answer in answers]
    assert statuses == [200, 201, 409, 500, 200, 200, 200]
    assert "X-Request-ID: my-first-id" in answers[0].stdout


@pytest.mark.skipif(not shutil.which("curl"), reason="the lines to try are for curl")
def test_the_file_has_the_lines_of_stdout_and_the_printed_ids(demo: Server) -> None:
    for line in printed(demo, "curl"):
        subprocess.run(["sh", "-c", line], capture_output=True, timeout=20)  # one breaks off
    trace, errors = printed(demo, "wsgi-observe")
    *named, request_id, path = shlex.split(trace)
    assert (named, shlex.split(errors)) == (
        ["wsgi-observe", "trace"],
        ["wsgi-observe", "errors", path],
    )
    assert len(demo.log_of("my-first-id")) == 2
    crash = demo.log_of(request_id)
    assert [(one["level"], one.get("exc_type")) for one in crash] == [
        ("ERROR", "PaymentError"),
        ("INFO", "PaymentError"),
    ]

    def kept() -> list[str]:
        return sorted(Path(path).read_text(encoding="utf-8").splitlines())

    eventually(lambda: kept() == sorted(line for line in demo.lines if line.startswith("{")))
    assert crash == [one for one in map(strict_json, kept()) if one.get("request_id") == request_id]
    for command in (trace, errors):
        _, *arguments = shlex.split(command)
        command_line = [sys.executable, "-m", "wsgi_observe", *arguments]
        done = subprocess.run(command_line, capture_output=True, text=True, timeout=20)
        assert "no charges in https://pay.example" in " ".join(done.stdout.split())  # the cause


@pytest.mark.slow
def test_on_a_terminal_lines_are_for_people_and_those_of_the_file_are_json(tmp_path: Path) -> None:
    terminal, theirs = os.openpty()
    process = subprocess.Popen(
        DEMO,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    output = bytearray()

    def read() -> None:
        with suppress(OSError):  # all who had it open have ended
            while chunk := os.read(terminal, 4096):
                output.extend(chunk)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        eventually(lambda: output.count(b"worker booted") == 2)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        reader.join(PATIENCE)
        os.close(terminal)
    assert b'{"timestamp"' not in output
    lines = only_log(tmp_path).read_text(encoding="utf-8").splitlines()
    assert [strict_json(line)["message"] for line in lines].count("worker booted") == 2
