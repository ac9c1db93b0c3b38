"""Three services of one request, and what each logs: with the request's number in ``marker``.

``first`` calls ``second`` by one of three clients; that asks for a job, or calls ``third``.
Environment: SECOND (a port), THIRD (a port, ``celery`` or ``rq``), REDIS_URL, and FAILS_EACH: each
so many jobs, one fails and is tried again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

import httpx
import requests
import rq
import urllib3
from celery import Celery
from redis import Redis

import wsgi_observe.celery
import wsgi_observe.httpx
import wsgi_observe.requests
import wsgi_observe.urllib3
from wsgi_observe import bind, observe
from wsgi_observe.rq import Queue
from wsgi_observe.threads import RequestContextExecutor

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:1/0")
SECOND, THIRD = os.environ.get("SECOND", ""), os.environ.get("THIRD", "")
HOSTS = ["127.0.0.1"]
FAILS_EACH = int(os.environ.get("FAILS_EACH", "5"))

log = logging.getLogger("hops")
executor = RequestContextExecutor(max_workers=8)

session = wsgi_observe.requests.instrument(requests.Session(), HOSTS, log_calls="info")
client = wsgi_observe.httpx.instrument(httpx.Client(), HOSTS, log_calls="info")
manager = wsgi_observe.urllib3.instrument(urllib3.PoolManager(), HOSTS, log_calls="info")
GET: tuple[Callable[[str], Any], ...] = (
    session.get,
    client.get,
    lambda url: manager.request("GET", url),
)

celery = Celery("hops", broker=REDIS_URL)
celery.conf.update(broker_connection_retry_on_startup=True, task_ignore_result=True)
wsgi_observe.celery.instrument()
queue = Queue("hops", connection=Redis.from_url(REDIS_URL))


def get(port: str, marker: int) -> None:
    """Call another service by the client whose turn it is."""
    answer = GET[marker % len(GET)](f"http://127.0.0.1:{port}/{marker}")
    status = answer.status if marker % len(GET) == 2 else answer.status_code
    assert status == 200


def run_in_pool(marker: int) -> None:
    log.info("in a pool", extra={"marker": marker})


def serve(then: Callable[[int], object]) -> Any:
    """Return an app that logs the number in the path, in a pool's thread too, and goes on."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        marker = int(environ["PATH_INFO"][1:])
        bind(marker=marker)
        log.info("serving")
        job = executor.submit(run_in_pool, marker)
        then(marker)
        job.result()
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
        return [b"ok"]

    return observe(app)


def go_on(marker: int) -> None:
    if THIRD == "celery":
        celery_job.delay(marker)
    elif THIRD == "rq":
        queue.enqueue(rq_job, marker, retry=rq.Retry(max=1))
    else:
        get(THIRD, marker)


first = serve(lambda marker: get(SECOND, marker))
second = serve(go_on)
third = serve(lambda marker: None)


@celery.task(bind=True, max_retries=1)
def celery_job(self: Any, marker: int) -> None:
    log.info("in a job", extra={"marker": marker})
    if marker % FAILS_EACH == 0 and not self.request.retries:
        raise self.retry(exc=ConnectionError("not yet"), countdown=0)


def rq_job(marker: int) -> None:
    log.info("in a job", extra={"marker": marker})
    job = rq.get_current_job()
    if marker % FAILS_EACH == 0 and job is not None and job.retries_left:
        raise ConnectionError("not yet")
