"""Request bodies on each kind of worker: broken off, garbled, left unread."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest

from tests.gunicorn.serving import KINDS, access_of, gunicorn
from tests.servers.gunicorn import connected, read_all, read_until
from tests.support import Server

numbers = count(1)

OLDEST = [
    pytest.param((kind, "oldest"), id=f"{kind}-oldest", marks=pytest.mark.slow) for kind in KINDS
]


@pytest.fixture(scope="module", params=[*(pytest.param((k, ""), id=k) for k in KINDS), *OLDEST])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    kind, version = request.param
    environment = request.getfixturevalue("oldest_gunicorn") if version else {}
    with gunicorn(*KINDS[kind], env=environment) as server:
        yield server


@contextmanager
def uploading(
    server: Server, path: str, head: str, data: bytes
) -> Iterator[tuple[socket.socket, str]]:
    """Send a request whose body is `data`, and more to come; yield with its ID."""
    request_id = f"upload-{next(numbers)}"
    with connected(server) as sock:
        sock.sendall(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nX-Request-ID: {request_id}\r\n".encode()
            + f"{head}\r\n\r\n".encode()
            + data
        )
        yield sock, request_id


def levels_of(server: Server, request_id: str) -> set[str]:
    return {line["level"] for line in server.lines_of(request_id)}


def reset(sock: socket.socket) -> None:
    """Close a connection so that the other side gets an error, and not an end."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize("head", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
def test_a_client_that_resets_its_upload_leaves_no_error(server: Server, head: str) -> None:
    with uploading(server, "/upload", head, b"5\r\nab") as (sock, request_id):
        server.wait_for(lambda: server.lines_of(request_id))  # the app reads
        reset(sock)
        access: dict[str, Any] = access_of(server, request_id)
    assert (access["outcome"], access["status_code"]) == ("aborted", 400)
    assert levels_of(server, request_id) == {"INFO"}


GARBLED = {
    "a chunk header that is none": b"5\r\nabcde\r\nZZ\r\nab\r\n0\r\n\r\n",
    "a chunk without its end": b"5\r\nabcdefgh\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("path", ["/upload", "/swallowed"])
@pytest.mark.parametrize("data", GARBLED.values(), ids=GARBLED)
def test_a_garbled_upload_is_the_clients_400(server: Server, path: str, data: bytes) -> None:
    with uploading(server, path, "Transfer-Encoding: chunked", data) as (sock, request_id):
        answer = read_all(sock)  # the connection ends: nobody knows where the next request begins
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert f'"request_id": "{request_id}"'.encode() in answer
    access = access_of(server, request_id)
    assert (access["outcome"], access["status_code"]) == ("aborted", 400)
    assert levels_of(server, request_id) == {"INFO"}


def test_a_whole_upload_is_read(server: Server) -> None:
    data = b"5\r\nabcde\r\n0\r\n\r\n"
    with uploading(server, "/upload", "Transfer-Encoding: chunked", data) as (sock, request_id):
        assert b'{"length":5}' in read_until(sock, b"}")
    assert access_of(server, request_id)["outcome"] == "complete"


def test_after_a_failure_with_an_unread_body_the_connection_ends(server: Server) -> None:
    head = "Content-Length: 300000"
    with uploading(server, "/unread", head, b"x" * 1000) as (sock, request_id):
        answer = read_until(sock, b"}\n")
        assert answer.startswith(b"HTTP/1.1 500 ")
        assert b"\r\nconnection: close\r\n" in answer.lower()
    (error,) = [line for line in server.log_of(request_id) if line["level"] == "ERROR"]
    assert error["exc_type"] == "ValueError"


def test_a_5xx_that_a_view_returns_is_one_error_line(server: Server) -> None:
    answer = server.get("/busy", {"X-Request-ID": f"busy-{next(numbers)}"})
    assert (answer.status, answer.json) == (503, {"state": "busy"})
    (line,) = server.log_of(answer.headers["X-Request-ID"])
    assert (line["level"], line["logger"]) == ("ERROR", "wsgi_observe.access")


def test_a_5xx_of_an_exception_is_one_error_line(server: Server) -> None:
    answer = server.get("/crash", {"X-Request-ID": f"crash-{next(numbers)}"})
    lines = server.log_of(answer.headers["X-Request-ID"])
    assert sorted((line["level"], line["logger"]) for line in lines) == [
        ("ERROR", "plain"),
        ("INFO", "wsgi_observe.access"),
    ]
