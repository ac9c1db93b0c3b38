"""A Celery app as a user writes it: the jobs of the tests, and what asks for them."""

from __future__ import annotations

import logging
import os
import signal
import time
from typing import Any

from celery import Celery
from celery.exceptions import Ignore

import wsgi_observe.celery

app = Celery("tasks", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": 3},
    worker_cancel_long_running_tasks_on_connection_loss=True,
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
def die() -> None:
    log.info("dying")
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(acks_late=True, reject_on_worker_lost=True)
def die_once(path: str) -> None:
    log.info("late")
    if not os.path.exists(path):
        with open(path, "w"):
            os.kill(os.getpid(), signal.SIGKILL)


@app.task(time_limit=1)
def hang() -> None:
    time.sleep(60)


@app.task(bind=True, acks_late=True)
def sleep(self: Any, seconds: float) -> None:
    log.info("sleeping")
    time.sleep(seconds)
