"""One application line inside a request: kinds of lines, each as every set-up writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import Context, copy_context
from functools import partial
from typing import TYPE_CHECKING

from werkzeug.test import create_environ

from benchmarks.apps import flask_hello
from benchmarks.loggers import SETUPS, Write, remember
from benchmarks.requests import Call, request
from benchmarks.rounds import Subject, repeated
from wsgi_observe import observe

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

TEN = {f"field_{number}": f"value {number}" for number in range(10)}
SECRETS = {"password": "hunter2", "authorization": "Bearer abcdefgh12345678"}


def short(write: Write) -> None:
    """Write a line with two fields."""
    write("order %s placed", 7, fields={"order_id": 7, "currency": "EUR"})


def ten_fields(write: Write) -> None:
    """Write one with ten."""
    write("order %s placed", 7, fields=TEN)


def traceback(write: Write) -> None:
    """Write one with a traceback of three frames."""
    try:
        _outer()
    except ValueError:
        write("order %s failed", 7, fields={}, exc_info=True)


def secrets(write: Write) -> None:
    """Write one that has something to redact, where anybody does."""
    write("order %s placed", 7, fields=SECRETS)


KINDS: dict[str, Callable[[Write], None]] = {
    "short": short,
    "ten fields": ten_fields,
    "traceback": traceback,
    "secrets": secrets,
}


def subjects(setup: str) -> dict[str, Subject]:
    """Return each kind of line by a set-up of `SETUPS`."""
    inside = request_in_flight()
    write = inside.run(SETUPS[setup])
    calls: dict[str, Call] = {"Flask": request(flask_hello())}
    calls["none"] = partial(inside.run, lambda: None)
    for name, kind in KINDS.items():
        calls[name] = partial(inside.run, kind, write)
    return {name: repeated(call) for name, call in calls.items()}


def request_in_flight() -> Context:
    """Return the context of a request that goes on: its fields are bound, for us and for others."""
    seen: list[Context] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        remember(environ)
        seen.append(copy_context())
        start_response("200 OK", [])
        return [b"ok"]

    environ = create_environ("/orders", environ_base={"REMOTE_ADDR": "127.0.0.1"})
    # Its body is never closed, so it does not end.
    copy_context().run(observe(app), environ, lambda *start: lambda data: None)
    return seen[0]


def _outer() -> None:
    _inner({})


def _inner(order: dict[str, int]) -> None:
    if "total" not in order:
        raise ValueError("an order without a total")
