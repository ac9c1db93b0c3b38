"""The stack on real Gunicorn workers of every kind."""

import http.client
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import IncompleteRead
from itertools import count
from pathlib import Path

import pytest

from tests.servers.gunicorn import WORKERS, connected, gunicorn, read_all, read_until
from tests.support import PATIENCE, Server

numbers = count(1)


@pytest.fixture(scope="module", params=WORKERS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with gunicorn(*WORKERS[request.param]) as server:
        server.kind = request.param  # type: ignore[attr-defined]
        yield server


@pytest.fixture
def request_id() -> str:
    return f"test-{next(numbers)}"


def loggers(lines: list[dict[str, object]]) -> list[object]:
    return sorted(str(line["logger"]) for line in lines)


def test_the_id_is_in_the_answer_and_on_each_line_of_its_request(server, request_id) -> None:
    answer = server.get("/id", {"X-Request-ID": request_id})
    assert answer.headers["X-Request-ID"] == answer.body.decode() == request_id
    assert loggers(server.log_of(request_id)) == ["shop", "wsgi_observe.access"]


def test_requests_on_one_connection_have_ids_of_their_own(server, request_id) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    seen = []
    for number in range(6):
        # Every other request brings none: it must not get the one before.
        headers = {} if number % 2 else {"X-Request-ID": f"{request_id}-{number}"}
        connection.request("GET", "/id", headers=headers)
        response = connection.getresponse()
        body = response.read().decode()
        assert response.headers["X-Request-ID"] == body
        seen.append(body)
    connection.close()
    assert seen[::2] == [f"{request_id}-{number}" for number in (0, 2, 4)]
    assert len(set(seen)) == 6
    for one in seen:
        assert loggers(server.log_of(one)) == ["shop", "wsgi_observe.access"]


def test_a_malformed_request_has_no_id_of_the_one_before(server: Server, request_id: str) -> None:
    before = len(server.records)
    ask = f"GET /id HTTP/1.1\r\nHost: x\r\nX-Request-ID: {request_id}\r\n\r\n".encode()
    with connected(server) as sock:
        sock.sendall(ask)
        read_until(sock, request_id.encode())
        with suppress(OSError):  # a sync worker has closed it already
            sock.sendall(b"NONSENSE\x00\r\n\r\n")
            read_all(sock)
    with connected(server) as sock:
        sock.sendall(b"NONSENSE\x00\r\n\r\n")
        read_all(sock)
    server.log_of(request_id)

    def rejected() -> list[dict[str, object]]:
        return [line for line in server.records[before:] if line.get("outcome") == "rejected"]

    server.wait_for(rejected)
    assert request_id not in str(rejected())


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<script>\r\nabc\r\n", id="a chunk without a size"),
        pytest.param(b"-1<script>\r\nabc\r\n", id="a negative size"),
        pytest.param(b"3\r\nabc<script>\r\n0\r\n\r\n", id="a chunk without its end"),
        pytest.param(b"3;" + b"<script>" * 9000 + b"\r\nabc\r\n", id="a long extension"),
        pytest.param(b"0\r\n<script>\r\n\r\n", id="a trailer that is no header"),
    ],
)
def test_a_malformed_body_that_nobody_reads_gets_no_response_of_its_own(
    server: Server, request_id: str, body: bytes
) -> None:
    before = len(server.records)
    head = f"POST /unread HTTP/1.1\r\nHost: x\r\nX-Request-ID: {request_id}\r\n"
    with connected(server) as sock, suppress(ConnectionResetError):
        sock.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + body)
        received = b""
        with suppress(OSError):  # it may have been reset, with the response to be read still
            sock.shutdown(socket.SHUT_WR)  # Gunicorn 22 waits for the end of any extension
        while more := sock.recv(65536):  # until the connection is closed
            received += more
    assert received.count(b"HTTP/1.1") == 1
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"<" not in received
    server.get("/id", {"X-Request-ID": f"{request_id}-next"})
    server.log_of(f"{request_id}-next")
    assert loggers(server.log_of(request_id)) == ["wsgi_observe.access"]
    assert not [line for line in server.records[before:] if line["level"] != "INFO"]


@pytest.mark.parametrize("kind", ["error", "exit", "timeout"])
def test_a_failure_is_the_envelope_and_the_worker_lives(server, kind: str, request_id) -> None:
    pid = server.get("/pid").body
    answer = server.get(f"/raise/{kind}", {"X-Request-ID": request_id})
    assert (answer.status, answer.json["request_id"]) == (500, request_id)
    assert server.get("/pid").body == pid
    lines = server.log_of(request_id)
    (error,) = [line for line in lines if line["level"] == "ERROR"]
    assert "Traceback" in error["exc_info"]


@pytest.mark.parametrize("kind", ["error", "exit", "timeout"])
def test_a_failure_in_the_middle_breaks_the_connection_off_and_the_worker_lives(
    server, kind: str, request_id: str
) -> None:
    pid = server.get("/pid").body
    with pytest.raises(IncompleteRead) as raised:
        server.get(f"/break/{kind}", {"X-Request-ID": request_id})
    assert raised.value.partial in (b"", b"half")
    assert server.get("/pid").body == pid
    lines = server.log_of(request_id)
    (access,) = [line for line in lines if line["logger"] == "wsgi_observe.access"]
    assert (access["status_code"], access["outcome"]) == (200, "broken")
    (error,) = [line for line in server.lines_of(request_id) if line["level"] == "ERROR"]
    assert error["logger"] == "wsgi_observe.errors"
    tracebacks = [line for line in server.records if request_id in str(line) and "exc_info" in line]
    assert len(tracebacks) == 1


def test_streams_at_the_same_time_keep_their_ids(server, request_id, tmp_path: Path) -> None:
    if server.kind == "sync":
        pytest.skip("it serves one request at a time")
    ids = [f"{request_id}-{number}" for number in range(3)]
    path = f"/stream?gate={tmp_path}&count=3"
    with ThreadPoolExecutor(len(ids)) as pool:
        asked = [pool.submit(server.get, path, {"X-Request-ID": one}) for one in ids]
        for number in range(3):
            (tmp_path / str(number)).touch()
            for one in ids:
                server.wait_for(lambda one=one, seen=number: len(server.lines_of(one)) > seen)
        answers = [future.result() for future in asked]
    for one, answer in zip(ids, answers, strict=True):
        assert answer.body.decode().split() == [one] * 3
        chunks = [line for line in server.log_of(one) if line["logger"] == "shop"]
        assert [line["chunk"] for line in chunks] == [0, 1, 2]


def test_an_empty_first_chunk_flushes_the_headers(server, request_id, tmp_path: Path) -> None:
    with connected(server) as sock:
        ask = f"GET /events?gate={tmp_path} HTTP/1.0\r\nX-Request-ID: {request_id}\r\n\r\n"
        sock.sendall(ask.encode())
        head = read_until(sock, b"\r\n\r\n")
        assert request_id.encode() in head
        assert b"data" not in head
        (tmp_path / "0").touch()
        assert b"data: 1" in read_all(sock)


def test_a_client_that_goes_in_the_middle_is_an_aborted_transfer(
    server, request_id, tmp_path: Path
) -> None:
    (tmp_path / "0").touch()
    with connected(server) as sock:
        ask = f"GET /stream?gate={tmp_path}&count=50 HTTP/1.0\r\nX-Request-ID: {request_id}\r\n\r\n"
        sock.sendall(ask.encode())
        read_until(sock, request_id.encode() + b"\n")
        # Closing with a reset, so that the next write of the server fails.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    for number in range(1, 50):
        (tmp_path / str(number)).touch()
    lines = server.log_of(request_id)
    (access,) = [line for line in lines if line["logger"] == "wsgi_observe.access"]
    assert (access["outcome"], access["status_code"]) == ("aborted", 200)
    assert not [line for line in lines if line["level"] == "ERROR"]


def test_head_of_a_stream_is_answered(server: Server, request_id: str, tmp_path: Path) -> None:
    (tmp_path / "0").touch()
    path = f"/stream?gate={tmp_path}&count=1"
    answer = server.request("HEAD", path, headers={"X-Request-ID": request_id})
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["X-Request-ID"] == request_id
    server.log_of(request_id)


def test_probes_leave_no_line(server: Server, request_id: str) -> None:
    for path in ("/health", "/ready"):
        answer = server.get(path, {"X-Request-ID": f"{request_id}-probe"})
        assert answer.json["status"] == "ok"
    server.get("/id", {"X-Request-ID": request_id})
    server.log_of(request_id)
    assert server.lines_of(f"{request_id}-probe") == []


@pytest.mark.parametrize(
    "value",
    [b"a b", b"a,b", b"\xe9", b"a\tb", b"x" * 8000, b"%0a", b'{"a":1}', b""],
    ids=lambda value: repr(value[:10]),
)
def test_an_unfit_id_from_the_wire_is_replaced(server: Server, value: bytes) -> None:
    with connected(server) as sock:
        sock.sendall(b"GET /id HTTP/1.0\r\nX-Request-ID: " + value + b"\r\n\r\n")
        head, _, body = read_all(sock).partition(b"\r\n\r\n")
    assert b" 200 " in head.splitlines()[0]
    assert len(body) == 32
    assert b"x-request-id: " + body in head.lower()


def test_two_ids_from_the_wire_are_replaced(server: Server) -> None:
    with connected(server) as sock:
        sock.sendall(b"GET /id HTTP/1.0\r\nX-Request-ID: one\r\nX-Request-ID: two\r\n\r\n")
        _, _, body = read_all(sock).partition(b"\r\n\r\n")
    assert len(body) == 32
