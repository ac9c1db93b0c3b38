"""Starting, and memory: imports in a fresh interpreter, and what a worker holds after requests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from contextlib import ExitStack
from tempfile import TemporaryDirectory

from benchmarks.costs import Cost, Series
from benchmarks.load import THREADS, require, send_requests, serve_hello
from benchmarks.processes import ROOT, on_processor

STARTING = "Starting, and memory"

MODULES = ("flask", "wsgi_observe", "wsgi_observe.flask")

CODE = """
from time import perf_counter
{before}
began = perf_counter()
import {module}
print((perf_counter() - began) * 1e6)
"""

READINGS = 10
"""Of the memory, on the way to the number of requests."""


def measure_imports(rounds: int) -> Series:
    """Return the microseconds of each import for each round, `wsgi_observe.flask` after Flask's."""
    series: dict[str, list[float]] = defaultdict(list)
    with TemporaryDirectory() as compiled:
        for module in MODULES:
            _time_import(module, compiled)  # the first one compiles it
        for _ in range(rounds):
            for module in MODULES:
                series[f"import {module}"].append(_time_import(module, compiled))
    return dict(series)


def _time_import(module: str, compiled: str) -> float:
    before = "import flask" if module == "wsgi_observe.flask" else ""
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(module=module, before=before)],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": compiled},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def measure_memory(requests: int) -> Series:
    """Return the megabytes of a gthread worker; the first tenth of the requests warms it up.

    :raises NotInstalled: without Gunicorn, or without `/proc`.
    """
    require("gunicorn")
    series: dict[str, list[float]] = defaultdict(list)
    with ExitStack() as stack:
        with on_processor(0):
            servers = {
                app: stack.enter_context(serve_hello("gthread", app))
                for app in ("bare", "observed")
            }
        for _ in range(READINGS):
            for app, server in servers.items():
                with on_processor(1):
                    share = requests // READINGS
                    send_requests(server.port, THREADS, seconds=120.0, requests=share)
                series[f"worker, {app}: MB"].append(server.resident_megabytes())
    return dict(series)


def costs() -> list[Cost]:
    """Return what imports, `observe` and a worker's memory cost."""
    return [
        Cost(STARTING, "`import wsgi_observe` ÷ `import flask`", "import wsgi_observe", by=FLASK),
        Cost(
            STARTING,
            "`import wsgi_observe.flask`, Flask being there, ÷ `import flask`",
            "import wsgi_observe.flask",
            by=FLASK,
        ),
        Cost(STARTING, "`observe(app)`", "json: observe()", by="json: Flask"),
        Cost(
            STARTING,
            "a worker's memory, more",
            "worker, observed: MB",
            "worker, bare: MB",
            unit="MB",
        ),
    ]


FLASK = "import flask"
