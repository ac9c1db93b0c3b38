"""Measures what of Gunicorn's throughput is left: ``python -m benchmarks.throughput``."""

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

from wsgi_observe.demo.seed import seed

ROOT = Path(__file__).parent.parent
GTHREAD = ("-k", "gthread", "--workers", "2", "--threads", "4")
OBSERVED = ("--logger-class", "wsgi_observe.gunicorn.Logger")
CLIENTS = 4
ASK = b"GET /orders HTTP/1.1\r\nHost: shop\r\nUser-Agent: benchmark\r\n\r\n"


def main() -> None:
    """Serve the shop twice, load the two in turn, and print the parts of throughput."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--requests", type=int, default=400, help="to each server in a round")
    options = parser.parse_args()
    with ExitStack() as stack:
        bare, observed = (stack.enter_context(gunicorn(door)) for door in ((), OBSERVED))
        for port in (bare, observed):
            load(port, options.requests)  # warm
        rounds = [
            (load(bare, options.requests), load(observed, options.requests))
            for _ in range(options.rounds)
        ]
    print(table(rounds))


def table(rounds: list[tuple[float, float]]) -> str:
    """Return what requests per second of each round add up to, as lines for people."""
    parts = quantiles([observed / bare for bare, observed in rounds], n=4)
    bare, observed = (quantiles(rates, n=4)[1] for rates in zip(*rounds, strict=True))
    return (
        f"bare      {bare:8.0f} requests/s\n"
        f"observed  {observed:8.0f} requests/s\n"
        f"part      {parts[1]:8.3f} ({parts[0]:.3f} to {parts[2]:.3f})"
    )


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
def gunicorn(door: tuple[str, ...]) -> Iterator[int]:
    """Serve the shop from a folder of its own, and stop when the block ends."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as taken:
        seed(Path(folder) / "shop.db")
        command = [*(sys.executable, "-m", "gunicorn"), *("-b", f"fd://{taken.fileno()}")]
        process = subprocess.Popen(
            [*command, *GTHREAD, *door, "benchmarks.shop:app"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_RUNTIME_DIR": folder},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[taken.fileno()],
        )
        try:
            yield taken.getsockname()[1]
        finally:
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    main()
