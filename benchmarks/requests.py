"""Sends an app a request in process, as a server does it: call, iterate, close."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from werkzeug.test import create_environ

from benchmarks.apps import FILE_WRAPPER

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Call = Callable[[], object]


def request(
    app: WSGIApplication, path: str = "/", headers: Mapping[str, str] | None = None
) -> Call:
    """Return a call that sends `app` one request; making the environ from bytes is left out."""
    pattern = create_environ(
        path,
        headers={"User-Agent": "benchmark", **(headers or {})},
        environ_base={"REMOTE_ADDR": "127.0.0.1", "wsgi.file_wrapper": FILE_WRAPPER},
    )

    def call() -> None:
        body = app(pattern.copy(), _start_response)
        if body.__class__ is not FILE_WRAPPER:  # which leaves by sendfile
            for _ in body:
                pass
        if hasattr(body, "close"):
            body.close()

    return call


def failing_request(app: WSGIApplication) -> Call:
    """Return the same for a bare app that raises; the server would answer."""
    send = request(app)

    def call() -> None:
        try:
            send()
        except ValueError:
            return

    return call


def _start_response(
    status: str, headers: list[tuple[str, str]], exc_info: object = None
) -> Callable[[bytes], object]:
    return _write


def _write(data: bytes) -> None:
    """Take what an app of the old kind would write."""
