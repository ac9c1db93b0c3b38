"""Gunicorn with one worker on loopback, serving the hello bare or observed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from benchmarks.programs import ROOT, Missing

THREADS = 4

WORKERS = {
    "sync": ("-k", "sync"),
    "gthread": ("-k", "gthread", "--threads", str(THREADS)),
    "gevent": ("-k", "gevent"),
}


class Gunicorn:
    """A running server: where it listens, and the process that serves."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process = process
        self.port = port

    @property
    def worker(self) -> int:
        """The process ID of its only worker."""
        pid = self._process.pid
        (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(child)

    def running_for(self) -> float:
        """Return the microseconds that its worker's threads have been running, as Linux counts."""
        facts = Path(f"/proc/{self.worker}/task").glob("*/schedstat")
        return sum(int(one.read_text().split()[0]) for one in facts) / 1000


@contextmanager
def gunicorn(kind: str, app: str) -> Iterator[Gunicorn]:
    """Serve `benchmarks.served:app` until the end of the block; its lines go nowhere."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    # Gunicorn sets it too: too late for a client that has connected before, who then waits 40 ms
    # for each answer.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with listener, tempfile.TemporaryDirectory() as runtime:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "-w", "1", *WORKERS[kind]),
                *("-b", f"fd://{listener.fileno()}", "--log-level", "critical"),
                # gthread's default of two seconds would end in the middle of a measurement.
                *("--keep-alive", "60", f"benchmarks.served:{app}()"),
            ],
            cwd=ROOT,
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            # Gunicorn 25.1 and later keep a control socket there, one for all servers of a user.
            env={**os.environ, "XDG_RUNTIME_DIR": runtime},
            process_group=0,
        )
        try:
            yield Gunicorn(process, listener.getsockname()[1])
        finally:
            # Nothing of it is worth a graceful end, for which gthread takes seconds.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def require(*modules: str) -> None:
    """Raise Missing for the first that is not installed, or without Linux's account of a worker."""
    if not Path("/proc/self/schedstat").exists():
        raise Missing("no /proc here")
    for module in modules:
        if not find_spec(module):
            raise Missing(f"No module named {module!r}")


def server_name() -> str:
    """Return which Gunicorn it is."""
    return f"Gunicorn {version('gunicorn')}" if find_spec("gunicorn") else "none"
