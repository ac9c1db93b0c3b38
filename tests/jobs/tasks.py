"""A Celery app as a user writes it: the jobs of the tests, and what asks for them."""

from __future__ import annotations

import logging
import os
import signal
import time
from pathlib import Path
from typing import Any

from celery import Celery
from celery.exceptions import Ignore

import wsgi_observe.celery
from wsgi_observe import current_traceparent, current_tracestate

VISIBILITY_TIMEOUT_SECONDS = 3

app = Celery("tasks")
app.conf.update(
    broker_url=os.environ.get("REDIS_URL"),
    result_backend=os.environ.get("RESULT_URL", os.environ.get("REDIS_URL")),
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": VISIBILITY_TIMEOUT_SECONDS},
    beat_schedule={"often": {"task": "tests.jobs.tasks.total", "schedule": 0.2, "args": [[4]]}},
)
wsgi_observe.celery.instrument()
log = logging.getLogger("shop")


class PaymentError(Exception):
    pass


@app.task
def ship(order: int) -> int:
    log.info("shipping %d", order)
    return order


@app.task
def trace() -> list[str | None]:
    return [current_traceparent(), current_tracestate()]


@app.task
def say_twice(text: str) -> None:
    log.info(text)
    time.sleep(0.005)
    log.info(text)


@app.task
def fail(password: str = "") -> None:
    raise PaymentError("card declined")


@app.task
def log_and_fail() -> None:
    try:
        fail.run()
    except PaymentError:
        log.exception("cannot pay")
        raise


@app.task(bind=True, max_retries=2)
def try_thrice(self: Any) -> None:
    log.info("trying")
    try:
        fail.run()
    except PaymentError as error:
        raise self.retry(exc=error, countdown=0) from None


@app.task
def total(orders: list[int]) -> int:
    log.info("total %d", sum(orders))
    return sum(orders)


@app.task
def ask_for_more() -> None:
    ship.delay(7)


@app.task
def ignored() -> None:
    raise Ignore


@app.task
def report(*_: Any) -> None:
    log.info("reported")


@app.task
def die() -> None:
    log.info("dying")
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(acks_late=True, reject_on_worker_lost=True)
def die_once(path: str) -> None:
    log.info("late")
    if not Path(path).exists():
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)


@app.task(time_limit=1)
def hang() -> None:
    time.sleep(60)


@app.task(acks_late=True)
def sleep_once(path: str) -> None:
    if not Path(path).exists():
        Path(path).touch()
        log.info("sleeping")
        time.sleep(60)
