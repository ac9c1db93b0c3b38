"""A server in process: it calls a WSGI app as PEP 3333 asks, and notes what it is handed."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

from tests.support import strict_json

Headers = list[tuple[str, str]]


@dataclass
class Start:
    """One call of the server's `start_response`."""

    status: str
    headers: Headers
    exc_info: Any = None


@dataclass
class Server:
    """What a server was handed for one request; its `start_response` is a bound method."""

    starts: list[Start] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    has_write: bool = True
    refuse: Callable[[Start], object] = lambda start: False

    def start_response(self, status: str, headers: Headers, exc_info: Any = None) -> Any:
        start = Start(status, headers, exc_info)
        if self.refuse(start):
            raise AssertionError(f"refused: {status} {headers}")
        if self.starts and exc_info is None:
            raise AssertionError("headers already set")
        self.starts.append(start)
        self.order.append("start")
        return self.write if self.has_write else None

    def write(self, data: bytes) -> None:
        assert isinstance(data, bytes)
        self.order.append("write")
        self.chunks.append(data)

    def serve(self, app: Any, environ: dict[str, Any]) -> Server:
        """Call the app, read its body to the end, close it."""
        body = app(environ, self.start_response)
        try:
            for chunk in body:
                self.order.append("chunk")
                self.chunks.append(chunk)
        finally:
            close(body)
        return self

    @property
    def status(self) -> str:
        (start,) = self.starts
        return start.status

    @property
    def code(self) -> int:
        return int(self.status[:3])

    @property
    def headers(self) -> dict[str, str]:
        """The headers by lower-case name; none may be there twice."""
        (start,) = self.starts
        names = [name.lower() for name, _ in start.headers]
        assert len(set(names)) == len(names), names
        return {name.lower(): value for name, value in start.headers}

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def json(self) -> Any:
        return strict_json(self.body)

    @property
    def request_id(self) -> str:
        return self.headers["x-request-id"]


def environ(path: str = "/", method: str = "GET", **more: Any) -> dict[str, Any]:
    """Return the environ of a request."""
    made: dict[str, Any] = {
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "REQUEST_METHOD": method,
        "QUERY_STRING": "",
        "REMOTE_ADDR": "127.0.0.1",
    }
    setup_testing_defaults(made)
    made["wsgi.errors"] = io.StringIO()
    made.update(more)
    return made


def call(app: Any, path: str = "/", method: str = "GET", **more: Any) -> Server:
    """Serve one request, with both sides watched by `wsgiref.validate`."""
    return Server().serve(validator(app), environ(path, method, **more))


def call_freely(app: Any, path: str = "/", method: str = "GET", **more: Any) -> Server:
    """Serve one request that the validator would refuse, as servers do not."""
    return Server().serve(app, environ(path, method, **more))


def close(body: Any) -> None:
    """Close a body as servers do."""
    closer = getattr(body, "close", None)
    if closer is not None:
        closer()


def answering(
    status: str = "200 OK",
    headers: Iterable[tuple[str, str]] = (("Content-Type", "text/plain"),),
    body: Any = (b"hello",),
) -> Any:
    """Return an app that always gives this answer; `body` may be a function."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response(status, list(headers))
        return body() if callable(body) else list(body)

    return app


def doing(act: Callable[[], object], *answer: Any, **named: Any) -> Any:
    """Return an app that does something, then gives this answer."""

    def app(environ: Any, start_response: Any) -> Any:
        act()
        return answering(*answer, **named)(environ, start_response)

    return app


def raising(error: BaseException) -> Any:
    """Return an app that fails."""

    def app(environ: Any, start_response: Any) -> Any:
        raise error

    return app


class Closing:
    """A body that notes its `close`."""

    def __init__(self, chunks: Iterable[bytes] = (b"hello",), error: Any = None) -> None:
        self.chunks = chunks
        self.error = error
        self.closed = 0

    def __iter__(self) -> Any:
        return iter(self.chunks)

    def close(self) -> None:
        self.closed += 1
        if self.error is not None:
            raise self.error
