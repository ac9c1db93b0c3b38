"""Sentry's ingest endpoint on this machine: it keeps what it is sent, and may be a bad one."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support import PATIENCE, eventually

Item = tuple[dict[str, Any], bytes]


class Endpoint:
    """What came in, decompressed; and how it answers."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.requests = 0
        self.status = 200
        self.released = threading.Event()  # while it is clear, nobody is answered
        self.released.set()
        self.port = 0

    @property
    def dsn(self) -> str:
        return f"http://public@127.0.0.1:{self.port}/1"

    @property
    def raw(self) -> bytes:
        """Everything that came, as one text."""
        return b"\n".join(self.bodies)

    @property
    def items(self) -> list[Item]:
        """Every item of every envelope: its header, its payload."""
        return [item for body in self.bodies for item in _items(body)]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The payloads of one kind, such as ``event`` or ``transaction``."""
        return [json.loads(payload) for header, payload in self.items if header["type"] == kind]

    @property
    def events(self) -> list[dict[str, Any]]:
        return self.of("event")

    def wait_for_events(self, count: int) -> list[dict[str, Any]]:
        eventually(lambda: len(self.events) >= count)
        return self.events


def _items(envelope: bytes) -> Iterator[Item]:
    _, _, rest = envelope.partition(b"\n")
    while rest:
        head, _, rest = rest.partition(b"\n")
        if head:
            header = json.loads(head)
            length = header.get("length", rest.find(b"\n"))
            yield header, rest[:length]
            rest = rest[length:]


@contextmanager
def sentry_endpoint() -> Iterator[Endpoint]:
    """Listen on a free port until the block ends."""
    endpoint = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if not endpoint.released.is_set():
                endpoint.requests += 1
                endpoint.released.wait(PATIENCE)
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            elif self.headers.get("Content-Encoding") == "br":
                import brotli

                body = brotli.decompress(body)
            endpoint.bodies.append(body)
            self.send_response(endpoint.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # a client that gave up

    server = Server(("127.0.0.1", 0), Handler)
    endpoint.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
