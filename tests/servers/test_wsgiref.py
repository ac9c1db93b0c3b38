"""The stack on the standard library's server, which sizes a body by its length."""

import io
from wsgiref.handlers import SimpleHandler

import pytest

from tests.calls import answering, environ, raising
from tests.conftest import Log
from wsgi_observe import observe


def serve(app) -> tuple[bytes, bytes]:
    out = io.BytesIO()
    handler = SimpleHandler(io.BytesIO(), out, io.StringIO(), environ())
    handler.run(app)
    head, _, body = out.getvalue().partition(b"\r\n\r\n")
    return head, body


def test_a_body_of_one_chunk_keeps_the_servers_content_length() -> None:
    head, body = serve(observe(answering()))
    assert b"Content-Length: 5" in head
    assert body == b"hello"


def test_a_stream_has_none() -> None:
    head, body = serve(observe(answering(body=lambda: iter([b"a", b"b"]))))
    assert b"Content-Length" not in head
    assert body == b"ab"


@pytest.mark.parametrize("first", [b"", b"a"])
def test_what_was_written_before_is_not_cut_by_a_content_length(first: bytes) -> None:
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])(first)
        return [b"bc"]

    _, body = serve(observe(app))
    assert body == first + b"bc"


def test_a_failure_is_the_envelope(log: Log) -> None:
    head, body = serve(observe(raising(SystemExit(1))))
    assert head.startswith((b"HTTP/1.0 500", b"Status: 500"))
    assert b'"code": 500' in body
    assert log.access["status_code"] == 500
