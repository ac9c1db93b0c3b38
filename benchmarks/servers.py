"""Behind Gunicorn: throughput, latency and CPU of each worker class, bare and observed in turn."""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack

from benchmarks.costs import Cost, Series
from benchmarks.load import THREADS, WORKERS, Gunicorn, load, require, send_requests, serve_hello
from benchmarks.processes import on_processor

SERVERS = "Behind Gunicorn, observed ÷ bare"

APPS = ("bare", "observed", "orjson")

CONNECTIONS = THREADS
MANY_CONNECTIONS = 16 * THREADS
"""Connections that fill the threads, so that every request has others waiting before it."""

WARMUP_REQUESTS = 200
"""Requests to each server before the first round: the first is answered once it has started."""

UNITS = {"answers/s": "/s", "CPU": "µs", "p50": "µs", "p99": "µs"}
"""What is read of each load, and its unit."""


def measure(rounds: int, seconds: float) -> Series:
    """Return answers in a second and the percentiles of each, for each round.

    :raises NotInstalled: without Gunicorn or gevent.
    """
    require("gunicorn", "gevent")
    series: dict[str, list[float]] = defaultdict(list)
    with ExitStack() as stack:
        servers = {(kind, app): _start(stack, kind, app) for kind in WORKERS for app in APPS}
        for _ in range(rounds):
            for (kind, app), server in servers.items():
                _add_load(series, f"{kind}, {app}", server, CONNECTIONS, seconds)
            for app in APPS:
                full = servers["gthread", app]
                _add_load(series, f"gthread full, {app}", full, MANY_CONNECTIONS, seconds)
    return dict(series)


def _start(stack: ExitStack, kind: str, app: str) -> Gunicorn:
    with on_processor(0):
        server = stack.enter_context(serve_hello(kind, app))
    send_requests(server.port, CONNECTIONS, requests=WARMUP_REQUESTS)
    return server


def _add_load(
    series: dict[str, list[float]], name: str, server: Gunicorn, connections: int, seconds: float
) -> None:
    before = server.cpu_microseconds()
    with on_processor(1):
        result = load(server.port, connections, seconds)
    series[f"{name}: CPU"].append((server.cpu_microseconds() - before) / result.answers)
    series[f"{name}: answers/s"].append(result.rate)
    series[f"{name}: p50"].append(result.p50)
    series[f"{name}: p99"].append(result.p99)


def costs() -> list[Cost]:
    """Return each figure of the observed servers as a part of the bare one's."""
    rows = []
    for where in (*WORKERS, "gthread full"):
        for app in APPS[1:]:
            name = f"{where}{', orjson' * (app == 'orjson')}"
            for figure, unit in UNITS.items():
                of, by = f"{where}, {app}: {figure}", f"{where}, bare: {figure}"
                rows.append(Cost(SERVERS, f"{name}, {figure}", of, by=by, unit=unit))
    return rows
