"""The request path: what is put round a trivial app and round a Flask hello, in process."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flask.logging import default_handler

from benchmarks import apps
from benchmarks.observed import observed_hello
from benchmarks.peers.noop import NoOp
from benchmarks.requests import Call, failing_request, request
from benchmarks.rounds import Subject, after, repeated
from wsgi_observe import (
    AccessLog,
    ErrorEnvelope,
    Health,
    RequestID,
    configure_logging,
    observe,
)
from wsgi_observe.flask import Observe

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

MIDDLEWARES = (RequestID, Health, AccessLog, ErrorEnvelope)
"""From the outside in."""

COLD = {"trivial", "trivial, stack", "trivial, stack with line"}
"""Measured once more, with a Flask hello before each call."""


def subjects(encoder: str) -> dict[str, Subject]:
    """Return all of them, or with another encoder than `json` those that write a line."""
    configure_logging(log_format="json", log_encoder=encoder, capture_uncaught=False)
    calls = bare() | logged()
    if encoder == "json":
        calls |= silent() | alone() | nested()
    return {name: repeated(call) for name, call in calls.items()} | {
        f"{name}, cold": after(calls["Flask"], call) for name, call in calls.items() if name in COLD
    }


def bare() -> dict[str, Call]:
    """Return what is taken off, and what it all is a part of."""
    flask, own_log = apps.flask_hello(), apps.flask_hello("benchmarks.own_log")
    # Flask's own way with an error, by a logger of which ours, in the same process, cannot know.
    own_log.logger = logging.Logger("benchmarks.own_log")
    own_log.logger.addHandler(default_handler)
    return {
        "Flask": request(flask),
        "Flask 404": request(flask, "/nowhere"),
        "Flask 500": request(own_log, "/crash"),
        "trivial": request(apps.trivial),
        "trivial 404": request(apps.missing),
        "trivial raising": failing_request(apps.crashing),
    }


def logged() -> dict[str, Call]:
    """Return what writes access lines."""
    extended = apps.flask_hello()
    Observe(extended)
    return {
        "Flask, stack with line": request(observed_hello()),
        "Flask, Observe with line": request(extended),
        "Flask 404, Observe": request(extended, "/nowhere"),
        "Flask 500, Observe": request(extended, "/crash"),
        "trivial, stack with line": request(observe(apps.trivial)),
        "trivial 404, stack": request(observe(apps.missing)),
        "trivial raising, stack": request(observe(apps.crashing)),
    }


def silent() -> dict[str, Call]:
    """Return what writes none."""
    extended = apps.flask_hello()
    Observe(extended, access_log=False)
    ready = observe(apps.trivial, checks={f"c{n}": apps.well for n in range(10)}, check_ttl=600.0)
    return {
        "Flask, stack": request(observed_hello(access_log=False)),
        "Flask, Observe": request(extended),
        "trivial, stack": request(observe(apps.trivial, access_log=False)),
        "trivial, stack silenced": request(observe(apps.trivial, access_level=_never)),
        "stream": request(apps.streaming),
        "stream, stack": request(observe(apps.streaming, access_log=False)),
        "file": request(apps.file),
        "file, stack": request(observe(apps.file, access_log=False)),
        "health": request(observe(apps.trivial), "/health"),
        "ready": request(ready, "/ready"),
        "observe()": lambda: observe(apps.trivial),
    }


def alone() -> dict[str, Call]:
    """Return each middleware by itself, and one that does nothing."""
    inside: dict[str, WSGIApplication] = {"trivial": apps.trivial, "Flask": apps.flask_hello()}
    return {
        f"{name}, {middleware.__name__}": request(middleware(app))
        for name, app in inside.items()
        for middleware in (NoOp, *MIDDLEWARES)
    }


def nested() -> dict[str, Call]:
    """Return the stack as it grows, from the inside out."""
    app: WSGIApplication = apps.trivial
    calls = {}
    for middleware in reversed(MIDDLEWARES):
        app = middleware(app)
        calls[f"trivial, up to {middleware.__name__}"] = request(app)
    return calls


def _never(environ: object, status: int, seconds: float) -> None:
    """Ask for silence, once everything that a line would need is known."""
