"""What a worker holds after many requests, bare and observed, read ten times on the way."""

from __future__ import annotations

import re
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

from benchmarks import client
from benchmarks.gunicorns import THREADS, Gunicorn, gunicorn, require
from benchmarks.processors import on_processor
from benchmarks.series import Series

READINGS = 10


def measure(requests: int) -> Series:
    """Return the megabytes of each worker; the first tenth of the requests warms it up.

    :raises Missing: without Gunicorn, or where no `/proc` tells what a process holds.
    """
    require("gunicorn")
    found: dict[str, list[float]] = defaultdict(list)
    with ExitStack() as stack:
        with on_processor(0):
            servers = {
                app: stack.enter_context(gunicorn("gthread", app)) for app in ("bare", "observed")
            }
        for _ in range(READINGS):
            for app, server in servers.items():
                with on_processor(1):
                    client.ask(server.port, THREADS, seconds=120.0, requests=requests // READINGS)
                found[f"worker, {app}: MB"].append(resident(server))
    return dict(found)


def resident(server: Gunicorn) -> float:
    """Return the megabytes of memory that its worker holds."""
    status = Path(f"/proc/{server.worker}/status").read_text()
    held = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.M)
    assert held is not None
    return int(held[1]) / 1024
