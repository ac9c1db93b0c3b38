"""The peers: what a user would install instead, each set up as its own documentation says."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from statistics import median
from typing import NamedTuple

from benchmarks.apps import flask_hello
from benchmarks.costs import Cost, Series
from benchmarks.timing import Subject, repeated, request

OTHERS = "What others add to the Flask hello"
RATIOS = "The whole stack beside others"


class Peer(NamedTuple):
    """A set-up: its name, the function that makes its app, and what that app then does."""

    name: str
    make: str
    job: str
    requirements: tuple[str, ...] = ()
    """Of an environment of its own, where its dependencies clash with the others'."""


EVERYTHING = "ID, error envelope, probes, one JSON line"

PEERS = [
    Peer("no-op middleware", "minimal.no_op", "nothing: the floor"),
    Peer("the least by hand", "minimal.by_hand", "ID, one JSON line by orjson; no failure handled"),
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

FOUR = ("dockerflow", "Talisker", "OpenTelemetry WSGI", "Sentry WSGI, errors only")


def subjects(make: str) -> dict[str, Subject]:
    """Return a peer's app, and the bare one that it is divided by."""
    module, _, function = make.partition(".")
    app = getattr(import_module(f"{__name__}.{module}"), function)()
    return {"bare": repeated(request(flask_hello())), "with it": repeated(request(app))}


def costs() -> list[Cost]:
    """Return what each peer adds, and what our stack adds as a part of that."""
    rows = []
    for peer in PEERS:
        bare, with_it = f"{peer.name}: bare", f"{peer.name}: with it"
        rows.append(Cost(OTHERS, peer.name, with_it, bare, bare))
    for ours in ("wsgi_observe", "wsgi_observe, orjson"):
        for other in ("hand-written recipe", "the cheapest of four"):
            what = f"{ours} ÷ {other}"
            rows.append(Cost(RATIOS, what, f"part: {ours}", by=f"part: {other}", unit=""))
    return rows


def derive(series: Series) -> Series:
    """Return each peer's cost as a part of its own bare hello, and that of the cheapest."""
    parts: dict[str, Sequence[float]] = {}
    for peer in PEERS:
        with_it, bare = series.get(f"{peer.name}: with it"), series.get(f"{peer.name}: bare")
        if with_it and bare:
            rounds = zip(with_it, bare, strict=True)
            parts[f"part: {peer.name}"] = [more / base - 1 for more, base in rounds]
    four = [parts[f"part: {name}"] for name in FOUR if f"part: {name}" in parts]
    if four:
        parts["part: the cheapest of four"] = min(four, key=median)
    return parts
