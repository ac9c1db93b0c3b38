"""What `Observe` adds to `observe` on the good path, counted in calls."""

from __future__ import annotations

from typing import Any

from flask import Flask

from tests.calls import Server, environ
from tests.counting import python_calls
from wsgi_observe import observe
from wsgi_observe.flask import Observe

ADDED = 5  # preprocess_request, the note, and what it asks: three small questions


def hello() -> Flask:
    app = Flask("shop")
    app.add_url_rule("/", "hello", lambda: "hello")
    return app


def calls_of(app: Any) -> int:
    """Count the Python-level calls of one request, after a first one."""
    Server().serve(app, environ("/"))
    return python_calls(Server().serve, app, environ("/"))


def test_it_adds_next_to_nothing() -> None:
    bare, observed = hello(), hello()
    bare.wsgi_app = observe(bare.wsgi_app, access_log=False)  # type: ignore[method-assign]
    Observe(observed, access_log=False)
    assert calls_of(observed) - calls_of(bare) <= ADDED
