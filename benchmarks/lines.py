"""One application line inside a request, in each kind, as a set-up writes it."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import Context, copy_context
from functools import partial
from typing import TYPE_CHECKING

from werkzeug.test import create_environ

from benchmarks.apps import flask_hello
from benchmarks.loggers import KINDS, SETUPS, remember
from benchmarks.requests import Call, request
from benchmarks.rounds import Subject, repeated
from wsgi_observe import observe

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def subjects(setup: str) -> dict[str, Subject]:
    """Return each kind of line by a set-up of `SETUPS`."""
    inside = request_in_flight()
    line = inside.run(SETUPS[setup])
    calls: dict[str, Call] = {"Flask": request(flask_hello())}
    calls["none"] = partial(inside.run, lambda: None)
    for name, kind in KINDS.items():
        call = line(kind)
        calls[name] = partial(inside.run, failing(call) if kind.traceback else call)
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


def failing(call: Call) -> Call:
    """Return a call that is made while an exception is handled."""

    def fail() -> None:
        try:
            _outer()
        except ValueError:
            call()

    return fail


def _outer() -> None:
    _inner({})


def _inner(order: dict[str, int]) -> None:
    if "total" not in order:
        raise ValueError("an order without a total")
