"""The apps that are measured: as small as they come, so that what is put round them shows."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn
from wsgiref.util import FileWrapper

from flask import Flask

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

# wsgi_observe is imported by the functions that need it: a bare worker's memory is not to have it.

CHUNKS = 1_000
CHUNK = b"x" * 1_000

FILE_WRAPPER = FileWrapper
"""What a server that has sendfile looks for, and does not iterate."""


def flask_hello(name: str = "benchmarks.hello") -> Flask:
    """Return the bare app that everything is a part of; its `/crash` has the obvious bug.

    :param name: of its logger too, which two apps of one name share.
    """
    app = Flask(name)

    @app.get("/")
    def index() -> dict[str, str]:
        return {"hello": "world"}

    @app.get("/crash")
    def crash() -> NoReturn:
        raise ValueError("no")

    return app


def observed_hello(**settings: Any) -> Flask:
    """Return the hello with the whole stack round it, where the documentation puts it."""
    from wsgi_observe import observe

    app = flask_hello()
    app.wsgi_app = observe(app.wsgi_app, **settings)  # type: ignore[assignment, method-assign]
    return app


def logging_hello(encoder: str) -> Flask:
    """Return the hello with the whole stack and its JSON lines, as a server loads it."""
    from wsgi_observe import configure_logging

    configure_logging(log_format="json", log_encoder=encoder)
    return observed_hello()


def trivial(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer at once: what is added to it is the stack's own work."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]


def missing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer 404 without a body, which the envelope then is."""
    start_response("404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "0")])
    return []


def crashing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Fail, as a view with a bug does."""
    raise ValueError("no")


def streaming(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """Send a megabyte in a thousand chunks."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    for _ in range(CHUNKS):
        yield CHUNK


def file(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with a file in the server's own wrapper, which a server hands to sendfile."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return environ["wsgi.file_wrapper"](io.BytesIO(b"ok"))  # type: ignore[no-any-return]


def passing_check() -> None:
    """Pass, as the check of a dependency that is up does."""
