"""A pytest plugin for Flask's own tests: wraps each app that they make, keeps what comes of it."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import _pytest.monkeypatch
import flask
import pytest
from werkzeug.test import Client

from wsgi_observe import (
    AccessLog,
    ErrorEnvelope,
    Health,
    RequestID,
    current_request_id,
    observe,
)
from wsgi_observe.flask import Observe
from wsgi_observe.logs import JsonFormatter

# The tests of Flask 3.1 import a private name of pytest's, which pytest 9.2 spells otherwise.
if not hasattr(_pytest.monkeypatch, "notset"):
    _pytest.monkeypatch.notset = _pytest.monkeypatch.NOTSET


def stack(app: Any, propagate: Callable[[], bool]) -> Any:
    return observe(app, html_errors="keep", propagate=propagate)


def stack_twice(app: Any, propagate: Callable[[], bool]) -> Any:
    return stack(stack(app, propagate), propagate)


def strangers_between(app: Any, propagate: Callable[[], bool]) -> Any:
    """Stack the four by hand, so that each has an exchange of its own."""
    app = ErrorEnvelope(stranger(app), html_errors="keep", propagate=propagate)
    return RequestID(stranger(Health(stranger(AccessLog(stranger(app))))))


def stranger(app: Any) -> Any:
    """Return a middleware of somebody else's: it hands on a `start_response` of its own."""
    return lambda environ, start_response: app(environ, lambda *start: start_response(*start))


def without_flasks_rule(app: Any, propagate: Callable[[], bool]) -> Any:
    return observe(app, html_errors="keep")


WAYS = {
    way.__name__: way for way in (stack, stack_twice, strangers_between, without_flasks_rule)
} | {"extension": None}


def flasks_rule(app: flask.Flask) -> bool:
    """Return whether Flask raises an exception on instead of answering it."""
    chosen = app.config["PROPAGATE_EXCEPTIONS"]
    return app.testing or app.debug if chosen is None else bool(chosen)


@dataclass
class Results:
    """What came of a run: its tests, the requests they made, our log lines."""

    passed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    requests: int = 0
    lines: list[str] = field(default_factory=list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)
        elif report.passed and report.when == "call":
            self.passed.append(report.nodeid)


class OwnLines(logging.Handler):
    """Takes our log lines where Flask's tests do not look: those look at root and at stderr."""

    def __init__(self, results: Results) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.results = results

    def emit(self, record: logging.LogRecord) -> None:
        self.results.lines.append(self.format(record))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--way", choices=WAYS, help="how each app is wrapped; not at all without it")
    parser.addoption("--closing", action="store_true", help="close bodies, as a server does")
    parser.addoption("--results", type=Path, required=True, help="the file to write them to")


def pytest_configure(config: pytest.Config) -> None:
    results = Results()
    config.pluginmanager.register(results, "results")
    if config.option.way:
        wrap_every_app(WAYS[config.option.way])
    if config.option.closing:
        close_every_body(results)
    ours = logging.getLogger("wsgi_observe")
    ours.setLevel(logging.INFO)
    ours.addHandler(OwnLines(results))
    ours.propagate = False


def pytest_unconfigure(config: pytest.Config) -> None:
    results = config.pluginmanager.get_plugin("results")
    config.option.results.write_text(json.dumps(asdict(results)), "utf-8")


@pytest.fixture(autouse=True)
def nothing_stays_bound(pytestconfig: pytest.Config) -> Iterator[None]:
    yield
    if pytestconfig.option.closing:
        assert current_request_id() is None


def wrap_every_app(way: Callable[..., Any] | None) -> None:
    make = flask.Flask.__init__

    def make_wrapped(app: flask.Flask, *args: Any, **named: Any) -> None:
        make(app, *args, **named)
        if way is None:
            Observe(app, html_errors="keep")
        else:
            app.wsgi_app = way(app.wsgi_app, partial(flasks_rule, app))

    flask.Flask.__init__ = make_wrapped


def close_every_body(results: Results) -> None:
    """Have Werkzeug's client read each body at once and close it; by itself it leaves it open."""
    run = Client.run_wsgi_app

    def run_and_close(client: Client, environ: Any, buffered: bool = False) -> Any:
        results.requests += 1
        return run(client, environ, buffered=True)

    Client.run_wsgi_app = run_and_close
