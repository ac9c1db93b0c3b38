"""Sentry's integrations for Celery and RQ: a job that fails is one event, under its ID."""

from __future__ import annotations

import pytest

from tests.sentry.child import run
from tests.sentry.endpoint import sentry_endpoint

pytest.importorskip("celery")
pytest.importorskip("rq")

CELERY = """
from tests.jobs import tasks
with log_context("mine"):
    tasks.{name}.apply()
"""
RQ = """
import rq
from tests.jobs import rq_jobs
from wsgi_observe.rq import Queue, SimpleWorker
from redis import Redis
queue = Queue(connection=Redis.from_url({url!r}))
with log_context("mine"):
    queue.enqueue(rq_jobs.{name})
SimpleWorker([queue], connection=queue.connection).work(burst=True)
"""


@pytest.mark.parametrize("name", ["fail", "log_and_fail", "try_thrice"])
def test_a_celery_job_that_fails_is_one_event(name: str) -> None:
    with sentry_endpoint() as endpoint:
        run(endpoint, "init_sentry()" + CELERY.format(name=name))
        (event,) = endpoint.events
    assert event["tags"]["request_id"] == "mine"
    assert len(event["tags"]["error_id"]) == 12


@pytest.mark.parametrize("name", ["fail", "log_and_fail"])
def test_an_rq_job_that_fails_is_one_event(name: str, broker: str) -> None:
    with sentry_endpoint() as endpoint:
        run(endpoint, "init_sentry()" + RQ.format(name=name, url=broker))
        (event,) = endpoint.events
    assert event["tags"]["request_id"] == "mine"
