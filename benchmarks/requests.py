"""A request in process, and the apps that it is sent to."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from werkzeug.test import create_environ, run_wsgi_app

from wsgi_observe import observe

Request = Callable[[], object]


def hello() -> Flask:
    """Return the bare app that everything is measured against."""
    app = Flask(__name__)

    @app.get("/")
    def index() -> dict[str, str]:
        return {"hello": "world"}

    return app


def request(app: Callable[..., object], path: str = "/") -> Request:
    """Return a call that makes a request's environ, has `app` answer it, and closes the body."""
    return lambda: run_wsgi_app(app, create_environ(path), buffered=True)


def environ_alone() -> Request:
    """Return a call that only makes the environ: what each of the others pays, app or not."""
    return lambda: create_environ("/")


def subjects() -> dict[str, Request]:
    """Return what is measured, by name; ``bare`` is the whole that the others are parts of."""
    checks = {f"check_{number}": bool for number in range(10)}
    return {
        "bare": request(hello()),
        "environ": environ_alone(),
        "no access line": request(observe(hello(), access_log=False)),
        "access line": request(observe(hello())),
        "health": request(observe(hello()), "/health"),
        "ready": request(observe(hello(), checks=checks, check_ttl=60.0), "/ready"),
    }
