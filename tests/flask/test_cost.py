"""What `Observe` adds to `observe` on the good path, counted in calls."""

from __future__ import annotations

import gc
import sys
from types import FrameType
from typing import Any

from flask import Flask

from tests.calls import Server, environ
from wsgi_observe import observe
from wsgi_observe.flask import Observe

ADDED = 5  # preprocess_request, the note, and what it asks: three small questions


def hello() -> Flask:
    app = Flask("shop")
    app.add_url_rule("/", "hello", lambda: "hello")
    return app


def calls_of(app: Any) -> int:
    """Count the Python-level calls of one request, after a first one."""
    count = 0

    def count_calls(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    for tracer in (None, count_calls):
        made, server = environ("/"), Server()
        gc.disable()  # Hypothesis has Python call it at each collection
        sys.setprofile(tracer)
        try:
            server.serve(app, made)
        finally:
            sys.setprofile(None)
            gc.enable()
    return count


def test_it_adds_next_to_nothing() -> None:
    bare, observed = hello(), hello()
    bare.wsgi_app = observe(bare.wsgi_app, access_log=False)  # type: ignore[method-assign]
    Observe(observed, access_log=False)
    assert calls_of(observed) - calls_of(bare) <= ADDED
