"""The functions that RQ's workers run in the tests."""

import logging
import os
import signal
import time

import rq

from wsgi_observe.rq import Queue

log = logging.getLogger("shop")


def ship(order: int) -> int:
    log.info("shipping %d", order)
    return order


def fail(password: str = "") -> None:
    raise ValueError("card declined")


def log_and_fail() -> None:
    try:
        fail()
    except ValueError:
        log.exception("cannot pay")
        raise


def return_retry() -> object:
    log.info("trying")
    return rq.Retry(max=2)


def ask_for_more() -> None:
    job = rq.get_current_job()
    assert job is not None
    Queue(connection=job.connection).enqueue(ship, 7)


def die() -> None:
    log.info("dying")
    os.kill(os.getpid(), signal.SIGKILL)


def sleep(seconds: float) -> None:
    log.info("sleeping")
    time.sleep(seconds)
