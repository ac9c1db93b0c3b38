"""The request path: what the stack adds to a trivial app and to a Flask hello, in process."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flask.logging import default_handler

from benchmarks import apps
from benchmarks.costs import Cost
from benchmarks.peers.minimal import NoOp
from benchmarks.timing import Call, Subject, failing_request, preceded, repeated, request
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

PATH = "Added to a request, in process"
ALONE = "Each middleware alone, and the stack as it grows"

MIDDLEWARES = (RequestID, Health, AccessLog, ErrorEnvelope)
"""From the outside in."""

HELLO = "json: Flask"

APP_NAMES = {"trivial": "a trivial app", "Flask": "Flask"}
ENCODERS = {"json": "", "orjson": ", orjson"}

COLD = {"trivial", "trivial, stack", "trivial, stack with line"}
"""Measured once more, with a Flask hello before each call."""


def subjects(encoder: str) -> dict[str, Subject]:
    """Return all of them, or with another encoder than `json` those that write a line."""
    configure_logging(log_format="json", log_encoder=encoder, capture_uncaught=False)
    calls = bare() | logged()
    if encoder == "json":
        calls |= silent() | alone() | nested()
    return {name: repeated(call) for name, call in calls.items()} | {
        f"{name}, cold": preceded(calls["Flask"], call)
        for name, call in calls.items()
        if name in COLD
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
        "Flask, stack with line": request(apps.observed_hello()),
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
    ready = observe(
        apps.trivial, checks={f"c{n}": apps.passing_check for n in range(10)}, check_ttl=600.0
    )
    return {
        "Flask, stack": request(apps.observed_hello(access_log=False)),
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


def costs() -> list[Cost]:
    """Return what is added to a request, in the order in which it is reported."""
    return [*_stack_costs(), *_error_costs(), *_body_costs(), *_middleware_costs()]


def _added(what: str, of: str, minus: str | None, program: str, per: float = 1.0) -> Cost:
    base = f"{program}: {minus}" if minus else None
    return Cost(PATH, what, f"{program}: {of}", base, f"{program}: Flask", per)


def _stack_costs() -> list[Cost]:
    rows = []
    for app, its_name in APP_NAMES.items():
        on = f"on {its_name}"
        rows.append(_added(f"stack, no access line, {on}", f"{app}, stack", app, "json"))
        for program, suffix in ENCODERS.items():
            what = f"stack, JSON access line{suffix}, {on}"
            rows.append(_added(what, f"{app}, stack with line", app, program))
    cold = "on a trivial app that is sent a Flask hello before each request"
    rows += [
        _added(f"stack, no access line, {cold}", "trivial, stack, cold", "trivial, cold", "json"),
        _added(
            f"stack, JSON access line, {cold}",
            "trivial, stack with line, cold",
            "trivial, cold",
            "json",
        ),
        _added("Flask `Observe`, no access line", "Flask, Observe", "Flask", "json"),
    ]
    for program, suffix in ENCODERS.items():
        what = f"Flask `Observe`, JSON access line{suffix}"
        rows.append(_added(what, "Flask, Observe with line", "Flask", program))
    return rows


def _error_costs() -> list[Cost]:
    return [
        cost
        for program, suffix in ENCODERS.items()
        for cost in (
            _added(f"a 404, envelope{suffix}", "trivial 404, stack", "trivial 404", program),
            _added(
                f"a 404 on Flask, `Observe`{suffix}", "Flask 404, Observe", "Flask 404", program
            ),
            _added(
                f"a 500, its traceback logged{suffix}",
                "trivial raising, stack",
                "trivial raising",
                program,
            ),
            _added(
                f"a 500 on Flask, `Observe`, more than Flask's own log{suffix}",
                "Flask 500, Observe",
                "Flask 500",
                program,
            ),
        )
    ]


def _body_costs() -> list[Cost]:
    return [
        _added("a chunk of a streamed body", "stream, stack", "stream", "json", apps.CHUNKS),
        _added("a file by the file wrapper", "file, stack", "file", "json"),
        _added("a health answer, whole", "health", None, "json"),
        _added("a readiness answer within the TTL, ten checks, whole", "ready", None, "json"),
    ]


def _middleware_costs() -> list[Cost]:
    rows = []
    for app, its_name in APP_NAMES.items():
        for name in ("NoOp", "RequestID", "Health", "AccessLog", "ErrorEnvelope"):
            what = f"{name} alone, on {its_name}"
            rows.append(Cost(ALONE, what, f"json: {app}, {name}", f"json: {app}", HELLO))
    silenced = "json: trivial, stack silenced"
    rows.append(Cost(ALONE, "the stack, its line silenced", silenced, "json: trivial", HELLO))
    below = "json: trivial"
    for name in ("ErrorEnvelope", "AccessLog", "Health", "RequestID"):
        here = f"json: trivial, up to {name}"
        rows.append(Cost(ALONE, f"{name} over what is inside it", here, below, HELLO))
        below = here
    return rows
