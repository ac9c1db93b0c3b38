"""What is shown of a request that hangs, and dies with its worker: no secret of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.command import COMMAND
from tests.support import Server, descendants, running

LINK, LITERAL = "4f5d6e7a8b9c0d1e2f3a", "hunter2-canary"
APP = f"""
import time
def wait(seconds, password):
    time.sleep(seconds)
def app(environ, start_response):
    wait(30, password="{LITERAL}")
"""


def outputs(tmp_path: Path, redact: str) -> dict[str, bytes]:
    """Return what is shown of the request, by the way it took."""
    kept = tmp_path / "recorder"
    (tmp_path / "hanging.py").write_text(APP)
    env = {
        "WSGI_OBSERVE_REDACT": redact,
        "WSGI_OBSERVE_RECORDER_PATH": str(kept),
        "WSGI_OBSERVE_SLOW_REQUEST_SECONDS": "0.2",
    }
    logger = ("--logger-class", "wsgi_observe.gunicorn.Logger")
    command = (sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:0", *logger, "hanging:app")
    with running(*command, cwd=tmp_path, env=env) as server:
        asking = threading.Thread(target=_ask, args=(server, f"/reset/{LINK}"))
        asking.start()
        server.wait_for(lambda: any(" has run for " in line for line in server.lines))
        (worker,) = descendants(server.process.pid)
        found = {"recorder": kept.read_bytes()}
        for form in ((), ("--json",)):
            stuck = [*COMMAND, "stuck", str(server.process.pid), *form]
            found[" ".join(["stuck", *form])] = subprocess.check_output(stuck)
        os.kill(worker, signal.SIGKILL)
        server.wait_for(lambda: any(" died: SIGKILL" in line for line in server.lines))
        asking.join()
        lines = [line for line in server.lines if " died: " in line or " has run for " in line]
    return {**found, **{line[:40]: line.encode() for line in lines}}


def _ask(server: Server, path: str) -> None:
    with suppress(OSError):  # its worker is killed
        server.get(path)


def test_what_names_a_running_request_shows_no_secret_of_its_path_or_source(tmp_path: Path) -> None:
    for way, shown in outputs(tmp_path, "on").items():
        assert b"/reset/" in shown, way
        assert LINK.encode() not in shown, way
        assert LITERAL.encode() not in shown, way


@pytest.mark.slow
def test_without_redaction_they_are_in_its_file_and_on_its_lines(tmp_path: Path) -> None:
    found = outputs(tmp_path, "off")
    assert sum(LINK.encode() in shown for shown in found.values()) >= 3
    assert any(LITERAL.encode() in shown for shown in found.values())
