"""The demo behind Gunicorn: what is left of its throughput with the logger class.

``python -m benchmarks.demo``
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING

from benchmarks.load import Gunicorn, gunicorn, send_requests
from wsgi_observe.demo.app import create_app
from wsgi_observe.demo.models import Database, seed

if TYPE_CHECKING:
    from flask import Flask

GTHREAD = ("-k", "gthread", "--workers", "2", "--threads", "4")
OBSERVED = ("--logger-class", "wsgi_observe.gunicorn.Logger")
BARE = "bare"
SUBJECTS = {
    BARE: ("benchmarks.demo:shop()",),
    "bare, its own lines written": ("benchmarks.demo:shop_with_lines()",),
    "observed": (*OBSERVED, "benchmarks.demo:shop()"),
}
CLIENTS = 4
FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def shop() -> Flask:
    """Return the demo's shop, bare."""
    return create_app(Database("sqlite:///file:shop.db?mode=rw&uri=true"))


def shop_with_lines() -> Flask:
    """Return the same with its own lines written, as the standard library does it."""
    logging.basicConfig(level="INFO", format=FORMAT)
    return shop()


def main() -> None:
    """Serve the shop in each way, load the servers in turn, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.demo")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--requests", type=int, default=400, help="to each server in a round")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        seed(Path(folder) / "shop.db")
        servers = {
            name: stack.enter_context(gunicorn(*GTHREAD, *arguments, cwd=Path(folder)))
            for name, arguments in SUBJECTS.items()
        }
        for server in servers.values():
            _measure_rate(server, options.requests)  # warm
        before = {name: server.cpu_microseconds() for name, server in servers.items()}
        rounds = [
            {name: _measure_rate(server, options.requests) for name, server in servers.items()}
            for _ in range(options.rounds)
        ]
        count = options.rounds * options.requests
        spent = {name: (s.cpu_microseconds() - before[name]) / count for name, s in servers.items()}
    print(format_table(rounds, spent))


def _measure_rate(server: Gunicorn, requests: int) -> float:
    return send_requests(server.port, CLIENTS, path="/orders", requests=requests).rate


def format_table(rounds: list[dict[str, float]], spent: dict[str, float]) -> str:
    """Return requests per second, their part of the bare ones, and the CPU that one takes."""
    lines = [f"{'':30} requests/s   part (quartiles)           CPU per request   part"]
    for name in SUBJECTS:
        rate = quantiles([one[name] for one in rounds], n=4)[1]
        low, part, high = quantiles([one[name] / one[BARE] for one in rounds], n=4)
        lines.append(
            f"{name:30} {rate:10.0f}   {part:.3f} ({low:.3f} to {high:.3f})   "
            f"{spent[name]:12.0f} µs   {spent[BARE] / spent[name]:.3f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
