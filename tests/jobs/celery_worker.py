"""Celery's worker as a child process."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager

from tests.jobs import tasks
from tests.jobs.working import working
from tests.support import Server

CELERY = (sys.executable, "-m", "celery", "-q", "-A", "tests.jobs.tasks")


def worker(
    url: str, *options: str, pool: str = "prefork", **env: str
) -> AbstractContextManager[Server]:
    """Start a worker with our tasks, which this process asks for from now on."""
    tasks.app.conf.update(broker_url=url, result_backend=url)
    command = [*CELERY, "worker", "-P", pool, "-c", "2", "--without-mingle", *options]
    return working(*command, env={"REDIS_URL": url, **env})
