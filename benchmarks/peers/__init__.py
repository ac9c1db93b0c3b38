"""What a user would install instead, each set up as its own documentation says."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

from benchmarks.apps import flask_hello
from benchmarks.requests import request
from benchmarks.rounds import Subject, repeated


class Peer(NamedTuple):
    """A set-up: its name, the function that makes its app, and what that app then does."""

    name: str
    make: str
    job: str
    requirements: tuple[str, ...] = ()
    """Of an environment of its own, where its dependencies clash with the others'."""


EVERYTHING = "ID, error envelope, probes, one JSON line"

PEERS = [
    Peer("no-op middleware", "noop.app", "nothing: the floor"),
    Peer("the least by hand", "least.app", "ID, one JSON line by orjson; no failure handled"),
    Peer("wsgi_observe, no access line", "ours.silent", "ID, error envelope, probes"),
    Peer("wsgi_observe", "ours.plain", EVERYTHING),
    Peer("wsgi_observe, orjson", "ours.orjson", EVERYTHING),
    Peer("hand-written recipe", "recipe.app", "ID, one JSON line"),
    Peer("Flask-3-Log-Request-ID", "log_request_id.app", "ID (not sent), one text line"),
    Peer("dockerflow", "dockerflow.app", "ID (not sent), probes, one JSON line"),
    Peer(
        "Talisker",
        "talisker.app",
        "ID, error page, probes, one logfmt line, metrics",
        # It changes with what is installed beside it, wants an old prometheus-client, and imports
        # pkg_resources, which setuptools has given up.
        requirements=("talisker[flask,gunicorn]", "setuptools<81"),
    ),
    Peer("OpenTelemetry WSGI", "opentelemetry.app", "a span, exported nowhere"),
    Peer("Sentry WSGI, errors only", "sentry.errors", "a scope for errors, no line"),
    Peer("Sentry WSGI, with tracing", "sentry.traces", "the same and a transaction, dropped"),
    Peer("prometheus-flask-exporter", "prometheus.app", "a counter, a histogram"),
]


def subjects(make: str) -> dict[str, Subject]:
    """Return a peer's app, and the bare one that it is divided by."""
    module, _, function = make.partition(".")
    app = getattr(import_module(f"{__name__}.{module}"), function)()
    return {"bare": repeated(request(flask_hello())), "with it": repeated(request(app))}
