"""Gunicorn under load: a server with one worker, and clients on a number of connections."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import quantiles
from time import perf_counter
from typing import NamedTuple

from benchmarks.processes import ROOT, NotInstalled

THREADS = 4

WORKERS = {
    "sync": ("-k", "sync"),
    "gthread": ("-k", "gthread", "--threads", str(THREADS)),
    "gevent": ("-k", "gevent"),
}

TIMEOUT_SECONDS = 30.0


class Gunicorn:
    """A running server: where it listens, and the processes that serve."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process = process
        self.port = port

    @property
    def workers(self) -> list[int]:
        """The process IDs of its workers."""
        pid = self._process.pid
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))

    def cpu_microseconds(self) -> float:
        """Return how long its workers' threads have been running, as Linux counts."""
        tasks = (Path(f"/proc/{worker}/task").glob("*/schedstat") for worker in self.workers)
        return sum(int(task.read_text().split()[0]) for one in tasks for task in one) / 1000

    def resident_megabytes(self) -> float:
        """Return how much memory its workers hold."""
        return sum(_resident_kilobytes(worker) for worker in self.workers) / 1024


def _resident_kilobytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    held = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.M)
    assert held is not None
    return int(held[1])


@contextmanager
def gunicorn(*arguments: str, cwd: Path = ROOT) -> Iterator[Gunicorn]:
    """Serve on loopback until the end of the block; its output goes nowhere."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    # Gunicorn sets it too: too late for a client that has connected before, who then waits 40 ms
    # for each answer.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with listener, tempfile.TemporaryDirectory() as runtime:
        process = subprocess.Popen(
            [*(sys.executable, "-m", "gunicorn", "-b", f"fd://{listener.fileno()}"), *arguments],
            cwd=cwd,
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Gunicorn 25.1 and later keep a control socket there, one for all servers of a user.
            env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_RUNTIME_DIR": runtime},
            process_group=0,
        )
        try:
            yield Gunicorn(process, listener.getsockname()[1])
        finally:
            # Nothing of it is worth a graceful end, for which gthread takes seconds.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def serve_hello(kind: str, app: str) -> Iterator[Gunicorn]:
    """Serve the hello with one worker: ``bare``, or observed with lines by an encoder."""
    # gthread's default of two seconds would end in the middle of a measurement.
    options = ("-w", "1", *WORKERS[kind], "--log-level", "critical", "--keep-alive", "60")
    target = "flask_hello()" if app == "bare" else f"logging_hello({ENCODERS[app]!r})"
    with gunicorn(*options, f"benchmarks.apps:{target}") as server:
        yield server


ENCODERS = {"observed": "json", "orjson": "orjson"}


def require(*modules: str) -> None:
    """Raise NotInstalled without one of the modules, or without Linux's account of a process."""
    if not Path("/proc/self/schedstat").exists():
        raise NotInstalled("no /proc here")
    for module in modules:
        if not find_spec(module):
            raise NotInstalled(f"No module named {module!r}")


def server_name() -> str:
    """Return which Gunicorn it is."""
    return f"Gunicorn {version('gunicorn')}" if find_spec("gunicorn") else "none"


class Load(NamedTuple):
    """What the clients measured: answers, how many in a second, and microseconds of one."""

    answers: int
    rate: float
    p50: float
    p99: float


UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6}


def client_name() -> str:
    """Return which client is used: wrk where it is installed, or the one in this file."""
    wrk = shutil.which("wrk")
    if not wrk:
        return "benchmarks/load.py"
    shown = subprocess.run([wrk, "-v"], capture_output=True, text=True, check=False).stdout
    return " ".join(shown.split()[:2])


def load(port: int, connections: int, seconds: float) -> Load:
    """Send requests for so many seconds, each when the connection's last one is answered.

    :raises RuntimeError: for an answer that is no 200.
    """
    if not shutil.which("wrk") or seconds < 1:  # which wrk counts in whole
        return send_requests(port, connections, seconds=seconds)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--latency"]
    url = f"http://127.0.0.1:{port}/"
    done = subprocess.run([*command, url], capture_output=True, text=True, check=True)
    return read_wrk(done.stdout)


def read_wrk(report: str) -> Load:
    """Read what wrk prints.

    :raises RuntimeError: when it saw an answer that is no 200.
    """
    if "Non-2xx" in report:
        raise RuntimeError(report)
    answers = re.search(r"^\s+(\d+) requests in ", report, re.M)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", report)
    assert answers is not None, report
    assert rate is not None, report
    percentiles = (_percentile(report, which) for which in (50, 99))
    return Load(int(answers[1]), float(rate[1]), *percentiles)


def _percentile(report: str, which: int) -> float:
    match = re.search(rf"^\s+{which}%\s+([\d.]+)(us|ms|s)$", report, re.M)
    assert match is not None, report
    return float(match[1]) * UNITS[match[2]]


def send_requests(
    port: int,
    connections: int,
    *,
    path: str = "/",
    seconds: float = TIMEOUT_SECONDS,
    requests: int | None = None,
) -> Load:
    """Send the same request again and again with a client of our own.

    :param seconds: when to stop.
    :param requests: how many to stop after, if that is sooner; each connection has its share.
    :raises RuntimeError: for an answer that is no 200.
    """
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: benchmark\r\n\r\n"
    wire = head.encode()
    began = perf_counter()
    share = None if requests is None else -(-requests // connections)

    def is_over(done: int) -> bool:
        return done == share or (done > 0 and perf_counter() - began > seconds)

    def work(_: int) -> list[float]:
        return _use_connection(port, wire, is_over)

    with ThreadPoolExecutor(connections) as pool:
        spent = [each for one in pool.map(work, range(connections)) for each in one]
    rate = len(spent) / (perf_counter() - began)
    percentiles = quantiles(spent, n=100, method="inclusive")
    return Load(len(spent), rate, percentiles[49] * 1e6, percentiles[98] * 1e6)


def _use_connection(port: int, wire: bytes, is_over: Callable[[int], bool]) -> list[float]:
    """Return the seconds of each answer; a new connection is made where the server closes one."""
    spent: list[float] = []
    while not is_over(len(spent)):
        began = perf_counter()
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as sock:
            stays_open = True
            while stays_open and not is_over(len(spent)):
                stays_open = _send_request(sock, wire)
                now = perf_counter()
                spent.append(now - began)
                began = now
    return spent


def _send_request(sock: socket.socket, wire: bytes) -> bool:
    """Send a request and read its response; return whether the connection stays open."""
    sock.sendall(wire)
    return b"connection: close" not in _read_response(sock).lower()


def _read_response(sock: socket.socket) -> bytes:
    """Read a whole response, and return its head."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _receive(sock)
    head, _, body = data.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(head.decode("latin-1"))
    (length,) = (
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    while len(body) < length:
        body += _receive(sock)
    return head


def _receive(sock: socket.socket) -> bytes:
    data = sock.recv(65536)
    if not data:
        raise RuntimeError("the server closed the connection")
    return data
