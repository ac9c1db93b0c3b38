"""Celery's worker as a child process."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.jobs import tasks
from tests.jobs.working import working
from tests.support import Server

CELERY = (sys.executable, "-m", "celery", "-q", "-A", "tests.jobs.tasks")


@contextmanager
def worker(url: str, *options: str, pool: str = "prefork", **env: str) -> Iterator[Server]:
    """Start a worker with our tasks, which this process asks for from now on."""
    tasks.app.conf.update(broker_url=url, result_backend=url)
    command = [*CELERY, "worker", "-P", pool, "-c", "2", "--without-mingle", *options]
    with working(*command, env={"REDIS_URL": url, **env}) as running:
        yield running
    gc.collect()  # a result that is deleted says so to Redis, as long as that is there
