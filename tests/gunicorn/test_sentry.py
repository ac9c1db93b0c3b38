"""Sentry by configuration alone: each failure arrives once, from each kind of worker."""

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.gunicorn.serving import KINDS, gunicorn
from tests.support import eventually

pytest.importorskip("sentry_sdk")
pytest.importorskip("wsgi_observe.sentry")


class Endpoint(BaseHTTPRequestHandler):
    """Takes what the SDK sends."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        lines = [json.loads(line) for line in body.splitlines() if line.startswith(b"{")]
        self.server.events += [line for line in lines if "exception" in line]  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    server.events = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
def test_a_failure_is_one_event_under_its_request_id(
    kind: str, preload: tuple[str, ...], endpoint: ThreadingHTTPServer
) -> None:
    dsn = f"http://key@127.0.0.1:{endpoint.server_port}/1"
    env = {"WSGI_OBSERVE_SENTRY": "1", "SENTRY_DSN": dsn}
    with gunicorn(*KINDS[kind], *preload, env=env) as server:
        for path in ("/", "/crash", "/missing"):
            server.get(path, {"X-Request-ID": f"sentry{path.replace('/', '-')}"})
        events = eventually(lambda: endpoint.events)  # type: ignore[attr-defined]
        assert server.stop() == 0
        assert [line for line in server.lines if not line.startswith("{")] == []
    (event,) = events
    assert event["exception"]["values"][-1]["type"] == "ValueError"
    assert event["tags"]["request_id"] == "sentry-crash"
