"""Behind a real Gunicorn: each worker class under the same load, bare and observed in turn."""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack

from benchmarks import client
from benchmarks.gunicorns import THREADS, WORKERS, Gunicorn, gunicorn, require
from benchmarks.load import load
from benchmarks.processors import on_processor
from benchmarks.series import Series

APPS = ("bare", "observed", "orjson")

CONNECTIONS = THREADS
FULL = 16 * THREADS
"""Connections that fill the threads, so that every request has others waiting before it."""

WARMING = 200
"""Requests to each server before the first round: the first is answered once it has started."""


def measure(rounds: int, seconds: float) -> Series:
    """Return answers in a second and the percentiles of each, for each round.

    :raises Missing: without Gunicorn or gevent.
    """
    require("gunicorn", "gevent")
    found: dict[str, list[float]] = defaultdict(list)
    with ExitStack() as stack:
        servers = {(kind, app): _started(stack, kind, app) for kind in WORKERS for app in APPS}
        for _ in range(rounds):
            for (kind, app), server in servers.items():
                _ask(found, f"{kind}, {app}", server, CONNECTIONS, seconds)
            for app in APPS:
                _ask(found, f"gthread full, {app}", servers["gthread", app], FULL, seconds)
    return dict(found)


def _started(stack: ExitStack, kind: str, app: str) -> Gunicorn:
    with on_processor(0):
        server = stack.enter_context(gunicorn(kind, app))
    client.ask(server.port, CONNECTIONS, requests=WARMING)
    return server


def _ask(
    found: dict[str, list[float]], name: str, server: Gunicorn, connections: int, seconds: float
) -> None:
    before = server.running_for()
    with on_processor(1):
        seen = load(server.port, connections, seconds)
    found[f"{name}: CPU"].append((server.running_for() - before) / seen.answers)
    found[f"{name}: answers/s"].append(seen.rate)
    found[f"{name}: p50"].append(seen.p50)
    found[f"{name}: p99"].append(seen.p99)
