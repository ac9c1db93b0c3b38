"""Processes of a server: each counts in files of its own, which a worker's successor goes on with.

By default prometheus-client names the files after the process ID and keeps those of every worker
that has ever run, so that with ``max_requests`` a scrape takes longer and longer.
"""

from __future__ import annotations

import os
from functools import cache

from prometheus_client import values

_identity = (0, "")


def count_by_worker(identifier: str = "") -> None:
    """Name the files of this process after its place among the workers; before the app is loaded.

    :param identifier: no other running process has the same one; empty in the arbiter, which loads
        an app whose metrics its workers inherit (``--preload``).
    """
    global _identity
    _identity = os.getpid(), identifier or str(os.getpid())
    _install()


@cache
def _install() -> None:
    # The client looks the class up for each metric that is made from now on.
    values.ValueClass = values.MultiProcessValue(_identify_process)


def _identify_process() -> str:
    """Return the name of the running process, which the client asks for at each count."""
    worker_pid, identifier = _identity
    pid = os.getpid()  # code of the app may fork
    return identifier if pid == worker_pid else str(pid)
