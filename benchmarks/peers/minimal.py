"""The least that can be done: nothing, or an ID and a JSON line where no failure is handled."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from time import gmtime, perf_counter, strftime, time
from typing import TYPE_CHECKING

from orjson import dumps

from benchmarks.apps import flask_hello

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class NoOp:
    """Pass the request on."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        return self.app(environ, start_response)


class Minimal:
    """Give each request an ID and write its line; a failure leaves neither."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        return _Response(self.app, environ, start_response)


class _Response:
    __slots__ = ("_began", "_body", "_environ", "_request_id", "_sent", "_start", "_status")

    def __init__(
        self, app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse
    ) -> None:
        self._began = perf_counter()
        self._environ = environ
        self._request_id = environ.get("HTTP_X_REQUEST_ID") or os.urandom(16).hex()
        self._sent = 0
        self._start = start_response
        self._body = app(environ, self._start_response)

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], object]:
        self._status = status
        headers.append(("X-Request-ID", self._request_id))
        return self._start(status, headers)

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._body:
            self._sent += len(chunk)
            yield chunk

    def close(self) -> None:
        if hasattr(self._body, "close"):
            self._body.close()
        environ, seconds = self._environ, perf_counter() - self._began
        line = {
            "timestamp": strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(time())),
            "pid": os.getpid(),
            "request_id": self._request_id,
            "method": environ["REQUEST_METHOD"],
            "path": environ["SCRIPT_NAME"] + environ["PATH_INFO"],
            "remote_addr": environ.get("REMOTE_ADDR"),
            "status_code": int(self._status[:3]),
            "duration_ms": seconds * 1000,
            "response_bytes": self._sent,
            "user_agent": environ.get("HTTP_USER_AGENT"),
        }
        os.write(1, dumps(line) + b"\n")


def no_op() -> WSGIApplication:
    """Return the hello inside a middleware that does nothing."""
    return NoOp(flask_hello())


def by_hand() -> WSGIApplication:
    """Return the hello inside one with an ID and a line."""
    return Minimal(flask_hello())
