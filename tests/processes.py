"""What the processes of a test run; it can be imported in a new interpreter."""

import logging

log = logging.getLogger("shop")


class PaymentError(Exception):
    pass


def say(number: int) -> None:
    log.info("%d", number)


def fail() -> None:
    raise PaymentError("declined")


def log_and_fail() -> None:
    try:
        fail()
    except PaymentError:
        log.exception("cannot pay")
        raise
