"""The other services: one HTTP server that records what it receives, and redirects where asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

PROPAGATED = ("x-request-id", "traceparent", "tracestate")


class Received(NamedTuple):
    """A request as it came: its target, and its headers by their names in lower case."""

    target: str
    headers: dict[str, str]

    @property
    def host(self) -> str:
        return self.headers["host"]

    @property
    def propagated(self) -> dict[str, str]:
        return {name: self.headers[name] for name in PROPAGATED if name in self.headers}


class Upstream(ThreadingHTTPServer):
    """Answers 200, or what the path asks for; as a proxy too, for whatever host."""

    daemon_threads = True

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__((host, port), _Handler)
        self.received: list[Received] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def url(self, path: str = "/", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    @property
    def last(self) -> Received:
        return self.received[-1]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits for the delayed ACK of its head
    server: Upstream

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            assert name.lower() not in headers, f"{name} came twice"
            headers[name.lower()] = value
        self.server.received.append(Received(self.path, headers))
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        if url.path == "/challenge" and "authorization" not in headers:
            fields = {"WWW-Authenticate": 'Digest realm="shop", nonce="7", qop="auth"'}
            self._answer(401, fields)
        elif url.path == "/redirect":
            self._answer(int(query.get("code", ["302"])[0]), {"Location": query["to"][0]})
        elif url.path == "/status":
            self._answer(int(query["code"][0]), {})
        elif url.path == "/break":
            self.close_connection = True  # without an answer
        else:
            self._answer(200, {})

    do_POST = do_CONNECT = do_GET

    def _answer(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value.encode().decode("latin-1"))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def upstream_server(host: str = "127.0.0.1", port: int = 0) -> Iterator[Upstream]:
    """Serve, on a free port unless one is given, until the block ends."""
    with Upstream(host, port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
