"""A log file that is rotated under a real Gunicorn: renamed, with its signal or without one."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.marks import first_by_default
from tests.servers.gunicorn import gunicorn
from tests.support import PATIENCE, Server, eventually, strict_json

CLIENTS = 4

SAYS_ITS_PORT = """
def when_ready(server):
    print(f"http://127.0.0.1:{server.LISTENERS[0].getsockname()[1]}", flush=True)
"""


def ask(server: Server, client: int, enough: threading.Event) -> list[str]:
    """Ask until it is enough; return the IDs."""
    asked: list[str] = []
    while not enough.is_set():
        asked.append(f"client-{client}-{len(asked)}")
        assert server.get("/id", {"X-Request-ID": asked[-1]}).status == 200
    return asked


@pytest.mark.parametrize("with_signal", first_by_default([True, False]), ids=["USR1", "no signal"])
def test_no_line_is_lost_over_a_rotation(with_signal: bool, tmp_path: Path) -> None:
    path, old = tmp_path / "shop.log", tmp_path / "shop.log.1"
    conf = tmp_path / "conf.py"
    conf.write_text(SAYS_ITS_PORT)
    options = ("-c", str(conf), "-k", "gthread", "-w", "2", "--threads", "2")
    with gunicorn(*options, log_stream=path) as server:
        enough = threading.Event()
        with ThreadPoolExecutor(CLIENTS) as pool:
            asking = [pool.submit(ask, server, number, enough) for number in range(CLIENTS)]
            try:
                eventually(lambda: len(read(path)) > 100)
                path.rename(old)
                if with_signal:
                    os.kill(server.process.pid, signal.SIGUSR1)
                eventually(lambda: path.exists() and len(read(path)) > 100)
            finally:
                enough.set()
            asked = [one for each in asking for one in each.result(PATIENCE)]
        assert server.stop() == 0
    for logger in ("shop", "wsgi_observe.access"):
        told = [line["request_id"] for line in read(old) + read(path) if line["logger"] == logger]
        assert sorted(told) == sorted(asked)


def read(path: Path) -> list[dict[str, Any]]:
    return [strict_json(line) for line in path.read_text().splitlines()]


AS_ANOTHER_USER = """
import logging, os, sys
from wsgi_observe.logs import LineHandler

os.umask(0o022)
path, user = sys.argv[1], 65534
handler = LineHandler(path, owner=(user, user))
log = logging.getLogger("shop")
log.addHandler(handler)
log.warning("by the arbiter")
os.rename(path, path + ".1")
worker = os.fork()
if worker == 0:
    os.setgid(user)
    os.setuid(user)
    log.warning("by the worker, before there is a new file")
    os._exit(0)
os.waitpid(worker, 0)
log.warning("by the arbiter, which makes one")
worker = os.fork()
if worker == 0:
    os.setgid(user)
    os.setuid(user)
    log.warning("by the worker, in the new file")
    os._exit(0)
os.waitpid(worker, 0)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_what_root_creates_belongs_to_the_user_that_the_workers_serve_as() -> None:
    with TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        log = Path(place, "log")
        subprocess.run([sys.executable, "-c", AS_ANOTHER_USER, log], check=True, timeout=20)
        assert {(one.stat().st_uid, one.stat().st_gid) for one in Path(place).iterdir()} == {
            (65534, 65534)
        }
        assert Path(place, "log.1").read_text().splitlines() == [
            "by the arbiter",
            "by the worker, before there is a new file",
        ]
        assert log.read_text().splitlines() == [
            "by the arbiter, which makes one",
            "by the worker, in the new file",
        ]
