"""What is measured: apps, and the way a request is sent to one in process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.test import create_environ

from benchmarks.lines import lines
from wsgi_observe import ErrorEnvelope, observe
from wsgi_observe.inflight.recorder import InFlight, Recorder
from wsgi_observe.inflight.table import Table
from wsgi_observe.inflight.watchdog import Watchdog

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Call = Callable[[], object]


def flask_hello() -> WSGIApplication:
    """Return the bare app that everything is a part of."""
    app = Flask(__name__)

    @app.get("/")
    def index() -> dict[str, str]:
        return {"hello": "world"}

    return app


def trivial(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer at once: what is added to it is the stack's own work."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]


def request(app: WSGIApplication, path: str = "/") -> Call:
    """Return a call that sends `app` one request as a server would: call, iterate, close."""
    pattern = create_environ(path, headers={"User-Agent": "benchmark"})

    def call() -> None:
        body = app(pattern.copy(), _start_response)
        for _ in body:
            pass
        if hasattr(body, "close"):
            body.close()

    return call


def noted(app: WSGIApplication) -> WSGIApplication:
    """Return `app` with the stack round it, its requests noted and watched as under Gunicorn."""
    recorder = Recorder(Table.make(seats=1, slots=8).seat(0))
    Watchdog(recorder, slow=22.5).start()
    observed = observe(app, access_log=False)
    observed.take_in(InFlight(observed, recorder), ahead_of=ErrorEnvelope)
    return observed


def subjects() -> dict[str, Call]:
    """Return each subject's call by its name."""
    checks = {f"check_{number}": bool for number in range(10)}
    found = {}
    for name, app in {"Flask": flask_hello(), "trivial": trivial}.items():
        found[f"{name}, bare"] = request(app)
        found[f"{name}, no access line"] = request(observe(app, access_log=False))
        found[f"{name}, access line"] = request(observe(app))
        # Without the access line, next to which so little cannot be seen.
        found[f"{name}, noted"] = request(noted(app))
    found["health"] = request(observe(trivial), "/health")
    found["ready"] = request(observe(trivial, checks=checks, check_ttl=60.0), "/ready")
    return found | lines()


def _start_response(
    status: str, headers: list[tuple[str, str]], exc_info: object = None
) -> Callable[[bytes], object]:
    return lambda data: None
