"""Measures what is left of Gunicorn's throughput: ``python -m benchmarks.throughput``."""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

from wsgi_observe.demo.models import seed

ROOT = Path(__file__).parent.parent
GTHREAD = ("-k", "gthread", "--workers", "2", "--threads", "4")
OBSERVED = ("--logger-class", "wsgi_observe.gunicorn.Logger")
BARE = "bare"
SUBJECTS = {
    BARE: ("benchmarks.shop:app",),
    "bare, its own lines written": ("benchmarks.shop_logging:app",),
    "observed": (*OBSERVED, "benchmarks.shop:app"),
}
CLIENTS = 4
ASK = b"GET /orders HTTP/1.1\r\nHost: shop\r\nUser-Agent: benchmark\r\n\r\n"


class Served(NamedTuple):
    """A running Gunicorn: where it listens, and its process."""

    port: int
    pid: int


def main() -> None:
    """Serve the shop in each way, load the servers in turn, and print what they make of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--requests", type=int, default=400, help="to each server in a round")
    options = parser.parse_args()
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(gunicorn(*arguments)) for name, arguments in SUBJECTS.items()
        }
        for server in servers.values():
            load(server.port, options.requests)  # warm
        before = {name: cpu_seconds(server.pid) for name, server in servers.items()}
        rounds = [
            {name: load(server.port, options.requests) for name, server in servers.items()}
            for _ in range(options.rounds)
        ]
        count = options.rounds * (options.requests // CLIENTS * CLIENTS)
        spent = {name: (cpu_seconds(s.pid) - before[name]) / count for name, s in servers.items()}
    print(table(rounds, spent))


def table(rounds: list[dict[str, float]], spent: dict[str, float]) -> str:
    """Return requests per second, their part of the bare ones, and the CPU that one takes."""
    lines = [f"{'':30} requests/s   part (quartiles)           CPU per request   part"]
    for name in SUBJECTS:
        rate = quantiles([one[name] for one in rounds], n=4)[1]
        low, part, high = quantiles([one[name] / one[BARE] for one in rounds], n=4)
        lines.append(
            f"{name:30} {rate:10.0f}   {part:.3f} ({low:.3f} to {high:.3f})   "
            f"{spent[name] * 1e6:12.0f} µs   {spent[BARE] / spent[name]:.3f}"
        )
    return "\n".join(lines)


def cpu_seconds(arbiter: int) -> float:
    """Return what the workers of a Gunicorn have used so far: user and system time."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        facts = stat.read_text().rpartition(")")[2].split() if stat.exists() else ["", "0"]
        if int(facts[1]) == arbiter:
            ticks += int(facts[11]) + int(facts[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def load(port: int, requests: int) -> float:
    """Ask for the list of orders over a few kept connections; return requests per second."""
    threads = [
        threading.Thread(target=ask, args=(port, requests // CLIENTS)) for _ in range(CLIENTS)
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return requests // CLIENTS * CLIENTS / (time.perf_counter() - began)


def ask(port: int, requests: int) -> None:
    """Send requests one after the other, each when the answer to the one before is there."""
    with socket.create_connection(("127.0.0.1", port), 30) as sock:
        for _ in range(requests):
            sock.sendall(ASK)
            head, _, body = sock.recv(65536).partition(b"\r\n\r\n")
            left = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]) - len(body)
            while left > 0:
                left -= len(sock.recv(65536))


@contextmanager
def gunicorn(*arguments: str) -> Iterator[Served]:
    """Serve the shop from a folder of its own, and stop when the block ends."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as taken:
        taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # from the first client on
        seed(Path(folder) / "shop.db")
        command = [*(sys.executable, "-m", "gunicorn"), *("-b", f"fd://{taken.fileno()}")]
        process = subprocess.Popen(
            [*command, *GTHREAD, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_RUNTIME_DIR": folder},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[taken.fileno()],
        )
        try:
            yield Served(taken.getsockname()[1], process.pid)
        finally:
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    main()
