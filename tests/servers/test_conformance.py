"""The same sentences on every server: what it takes for no failure to be silent."""

import http.client
import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import PAGES
from tests.servers import matrix
from tests.servers.gunicorn import ROOT, connected, read_all, read_until
from tests.servers.table import SENTENCES, SERVERS, Kind, conformance_table
from tests.support import PATIENCE, Answer, Server, eventually, running

numbers = count(1)
tested: set[str] = set()
FAILURES = [failure.__name__ for failure in matrix.FAILURES]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    kind: Kind = request.param
    if find_spec(kind.package) is None and os.environ.get("CI") != "true":
        pytest.skip(f"{kind.package} is not installed; the `test` dependency group brings it")
    port = free_port()
    command = [part.format(port=port) for part in kind.command]
    with running(*command, cwd=ROOT) as server:
        eventually(lambda: listens(server.port))  # Granian names its URL before it does
        yield server


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def everywhere(sentence: str) -> pytest.MarkDecorator:
    """Run a test of a sentence on each server; where it does not hold, the test has to fail."""
    tested.add(sentence)
    return pytest.mark.parametrize(
        "server", [_parameter(kind, sentence) for kind in SERVERS], indirect=True
    )


def _parameter(kind: Kind, sentence: str) -> Any:
    marks = []
    if sentence in kind.lacks:
        marks.append(pytest.mark.xfail(reason=kind.lacks[sentence]))
    if not kind.by_default:
        marks.append(pytest.mark.more_servers)
    return pytest.param(kind, marks=marks, id=kind.name)


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> Kind:
    """The kind of the test's `server`."""
    found: Kind = request.node.callspec.params["server"]
    return found


@pytest.fixture
def request_id() -> str:
    return f"test-{next(numbers)}"


def ask(server: Server, path: str, request_id: str, method: str = "GET") -> Answer:
    return server.request(method, path, headers={"X-Request-ID": request_id})


def ask_raw(server: Server, path: str, request_id: str) -> bytes:
    """Return all the bytes that a client of HTTP/1.1 gets until the connection ends."""
    with connected(server) as sock:
        sock.sendall(
            f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            f"X-Request-ID: {request_id}\r\n\r\n".encode()
        )
        return read_all(sock)


def reset(sock: socket.socket) -> None:
    """Have it close with a reset, so that the server's next call for it fails."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def lines_of(server: Server, request_id: str) -> list[dict[str, Any]]:
    """All lines of a request, when another one has been served after it."""
    server.log_of(request_id)
    after = f"after-{next(numbers)}"
    ask(server, "/hello", after)
    server.log_of(after)
    return server.lines_of(request_id)


def access_of(lines: list[dict[str, Any]]) -> dict[str, Any]:
    (access,) = access_lines(lines)
    return access


def access_lines(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["logger"] == "wsgi_observe.access"]


def error_of(lines: list[dict[str, Any]]) -> dict[str, Any]:
    (error,) = [line for line in lines if line["level"] in ("ERROR", "CRITICAL")]
    return error


def said(lines: list[dict[str, Any]]) -> list[str]:
    """What the app has said, beside the access line."""
    return [line["message"] for line in lines if line["logger"] == "matrix"]


@everywhere("id")
@pytest.mark.parametrize("path", ["/hello", "/lazily"])
def test_an_answer_has_the_id_of_its_request(server: Server, path: str, request_id: str) -> None:
    answer = ask(server, path, request_id)
    assert (answer.status, answer.body.decode()) == (200, request_id)
    assert answer.headers.get_all("X-Request-ID") == [request_id]
    access = access_of(lines_of(server, request_id))
    assert (access["status_code"], access["outcome"]) == (200, "complete")
    assert access["response_bytes"] == len(request_id)


@everywhere("failure")
@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_before_the_first_chunk_is_the_envelope(
    server: Server, failure: str, request_id: str
) -> None:
    answer = ask(server, f"/{failure}", request_id)
    assert (answer.status, answer.headers["Content-Type"]) == (500, "application/json")
    assert answer.headers.get_all("X-Request-ID") == [answer.json["request_id"]] == [request_id]
    assert answer.headers["Set-Cookie"] is None
    lines = lines_of(server, request_id)
    assert (access_of(lines)["status_code"], access_of(lines)["outcome"]) == (500, "complete")
    assert "Traceback" in error_of(lines)["exc_info"]
    tracebacks = [line for line in server.lines if "Traceback" in line and request_id in line]
    assert len(tracebacks) == 1


@everywhere("head")
@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_of_a_head_is_the_envelopes_headers(
    server: Server, failure: str, request_id: str
) -> None:
    answer = ask(server, f"/{failure}", request_id, "HEAD")
    assert (answer.status, answer.body) == (500, b"")
    assert answer.headers["X-Request-ID"] == request_id
    assert access_of(lines_of(server, request_id))["status_code"] == 500


@everywhere("failure")
def test_an_app_that_answers_its_own_failure_is_believed(server: Server, request_id: str) -> None:
    before = len([line for line in server.lines if matrix.SECRET in line])
    answer = ask(server, "/answering_it", request_id)
    assert (answer.status, answer.body) == (503, b"our own page")
    lines = lines_of(server, request_id)
    assert access_of(lines)["status_code"] == 503
    assert matrix.SECRET in error_of(lines)["exc_info"]
    # The server, which is handed the exception too, has nothing more to say of it.
    assert len([line for line in server.lines if matrix.SECRET in line]) == before + 1


@everywhere("late")
def test_an_app_that_answers_its_own_failure_after_an_empty_chunk_is_believed_or_broken_off(
    server: Server, kind: Kind, request_id: str
) -> None:
    answer = ask_raw(server, "/answering_it_late", request_id)
    lines = lines_of(server, request_id)
    if "flush" in kind.lacks:  # the headers were not out
        assert (answer.split()[1], b"our own page" in answer) == (b"503", True)
        assert (access_of(lines)["status_code"], access_of(lines)["outcome"]) == (503, "complete")
    else:
        assert (answer.split()[1], b"our own page" in answer) == (b"200", False)
        assert (access_of(lines)["status_code"], access_of(lines)["outcome"]) == (200, "broken")
    assert matrix.SECRET in error_of(lines)["exc_info"]
    assert said(lines) == ["closed"]


@everywhere("failure")
def test_a_header_that_the_server_refuses_is_a_failure(server: Server, request_id: str) -> None:
    answer = ask(server, "/with_a_header_that_is_none", request_id)
    assert (answer.status, answer.json["request_id"]) == (500, request_id)
    lines = lines_of(server, request_id)
    assert access_of(lines)["status_code"] == 500
    error_of(lines)


@everywhere("late")
def test_a_failure_after_an_empty_chunk_is_logged(server: Server, request_id: str) -> None:
    ask_raw(server, "/after_an_empty_chunk", request_id)
    lines = lines_of(server, request_id)
    assert (access_of(lines)["outcome"], said(lines)) == ("broken", ["closed"])
    error_of(lines)


@everywhere("late")
@pytest.mark.parametrize("failure", ["half_way", "half_of_a_length", "after_a_write"])
def test_a_failure_further_on_is_one_error_and_a_broken_transfer(
    server: Server, failure: str, request_id: str
) -> None:
    ask_raw(server, f"/{failure}", request_id)
    lines = lines_of(server, request_id)
    assert (access_of(lines)["status_code"], access_of(lines)["outcome"]) == (200, "broken")
    error_of(lines)


@everywhere("late")
def test_half_of_a_known_length_does_not_look_whole(
    server: Server, request_id: str, tmp_path: Path
) -> None:
    half = half_an_answer(server, "/half_of_a_length", request_id, tmp_path)
    with half as rest, pytest.raises(http.client.IncompleteRead):
        rest.read()


@everywhere("cut")
def test_half_a_stream_does_not_look_whole(server: Server, request_id: str, tmp_path: Path) -> None:
    half = half_an_answer(server, "/half_way", request_id, tmp_path)
    with half as rest, pytest.raises(http.client.IncompleteRead):
        rest.read()


@everywhere("cut")
def test_half_of_what_is_written_does_not_look_whole(server: Server, request_id: str) -> None:
    # Without a `write` of the server's (Granian) it fails at once, and may break off before it
    # has sent anything.
    with pytest.raises((http.client.IncompleteRead, http.client.RemoteDisconnected)):
        ask(server, "/after_a_write", request_id)


@contextmanager
def half_an_answer(
    server: Server, path: str, request_id: str, gate: Path
) -> Iterator[http.client.HTTPResponse]:
    """Read the half that comes before a failure, and have it fail."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    try:
        connection.request("GET", f"{path}?gate={gate}", headers={"X-Request-ID": request_id})
        response = connection.getresponse()
        assert response.read(4) == b"half"
        (gate / "0").touch()
        yield response
    finally:
        connection.close()


@everywhere("flush")
def test_an_empty_first_chunk_flushes_the_headers(
    server: Server, request_id: str, tmp_path: Path
) -> None:
    with connected(server) as sock:
        sock.sendall(
            f"GET /events?gate={tmp_path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            f"X-Request-ID: {request_id}\r\n\r\n".encode()
        )
        sock.settimeout(0.5)
        try:
            assert request_id.encode() in read_until(sock, b"\r\n\r\n")
        finally:
            (tmp_path / "0").touch()
            sock.settimeout(PATIENCE)
            read_all(sock)


@everywhere("stream")
def test_chunks_come_one_by_one_under_their_id(
    server: Server, request_id: str, tmp_path: Path
) -> None:
    with connected(server) as sock:
        sock.sendall(
            f"GET /stream?gate={tmp_path}&count=3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            f"X-Request-ID: {request_id}\r\n\r\n".encode()
        )
        (tmp_path / "0").touch()
        head = read_until(sock, f"{request_id}\n".encode())
        for number in (1, 2):
            (tmp_path / str(number)).touch()
            read_until(sock, f"{request_id}\n".encode())
        read_all(sock)
    assert b"200 OK" in head
    lines = lines_of(server, request_id)
    assert (access_of(lines)["outcome"], said(lines)) == ("complete", ["closed"])


@everywhere("aborted")
def test_a_client_that_goes_is_an_aborted_transfer(
    server: Server, request_id: str, tmp_path: Path
) -> None:
    (tmp_path / "0").touch()
    with connected(server) as sock:
        sock.sendall(
            f"GET /stream?gate={tmp_path}&count=50 HTTP/1.1\r\nHost: x\r\n"
            f"X-Request-ID: {request_id}\r\n\r\n".encode()
        )
        read_until(sock, f"{request_id}\n".encode())
        reset(sock)
    for number in range(1, 50):
        (tmp_path / str(number)).touch()
        if access_lines(server.lines_of(request_id)):
            break
        time.sleep(0.02)  # Waitress takes chunks ahead of what it sends
    lines = lines_of(server, request_id)
    assert (access_of(lines)["outcome"], said(lines)) == ("aborted", ["closed"])
    assert not [line for line in lines if line["level"] in ("ERROR", "CRITICAL")]


def send_body(server: Server, request_id: str, head: str, data: bytes) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    sock.sendall(
        f"POST /reading HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n"
        f"X-Request-ID: {request_id}\r\n\r\n".encode()
        + data
    )
    return sock


def no_error_of(server: Server, request_id: str) -> bool:
    """Return whether a request that the app may never have seen has left no failure."""
    after = f"after-{next(numbers)}"
    ask(server, "/hello", after)
    server.log_of(after)
    lines = server.lines_of(request_id)
    return not [line for line in lines if line["level"] in ("ERROR", "CRITICAL")]


@contextmanager
def half_a_body(server: Server, kind: Kind, request_id: str) -> Iterator[socket.socket]:
    """A connection whose body the app waits for, where it is not the server that does."""
    with send_body(server, request_id, "Content-Length: 10", b"abc") as sock:
        if not kind.reads_ahead:
            server.wait_for(lambda: said(server.lines_of(request_id)) == ["reading"])
        yield sock
    if not kind.reads_ahead:
        server.log_of(request_id)


@everywhere("short")
def test_a_body_that_ends_too_early_is_no_error(
    server: Server, kind: Kind, request_id: str
) -> None:
    with half_a_body(server, kind, request_id):
        pass
    assert no_error_of(server, request_id)


@everywhere("reset")
def test_a_client_that_resets_while_its_body_is_read_is_no_error(
    server: Server, kind: Kind, request_id: str
) -> None:
    with half_a_body(server, kind, request_id) as sock:
        reset(sock)
    assert no_error_of(server, request_id)


@everywhere("malformed")
def test_a_malformed_body_is_the_clients_error(server: Server, request_id: str) -> None:
    with send_body(server, request_id, "Transfer-Encoding: chunked", b"zz\r\nabc\r\n\r\n") as sock:
        answer = read_all(sock)
    assert answer.split()[1].startswith(b"4")
    assert no_error_of(server, request_id)


@everywhere("close")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "/closing"), ("HEAD", "/closing"), ("GET", "/nothing")),
        *(("GET", "/in_the_first_chunk"), ("GET", "/half_way")),
    ],
)
def test_the_body_is_closed_once_under_its_id(
    server: Server, method: str, path: str, request_id: str
) -> None:
    with connected(server) as sock:
        sock.sendall(
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            f"X-Request-ID: {request_id}\r\n\r\n".encode()
        )
        read_all(sock)
    lines = lines_of(server, request_id)
    assert said(lines) == ["closed"]
    assert lines[-1] == access_of(lines)


@everywhere("close")
def test_a_close_that_fails_is_one_error(server: Server, request_id: str) -> None:
    assert ask(server, "/closing_in_failure", request_id).body == b"hello"
    lines = lines_of(server, request_id)
    assert (access_of(lines)["status_code"], access_of(lines)["outcome"]) == (200, "broken")
    assert matrix.SECRET in error_of(lines)["exc_info"]


@everywhere("stream")
def test_a_file_goes_whole(server: Server, request_id: str, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"0123456789abcdef" * 65_536)
    answer = ask(server, f"/file?path={tmp_path}/large", request_id)
    assert answer.body == (tmp_path / "large").read_bytes()
    assert answer.headers["X-Request-ID"] == request_id
    access = access_of(server.log_of(request_id))
    assert (access["outcome"], access["response_bytes"]) == ("complete", 1 << 20)


@everywhere("length")
def test_a_list_of_one_chunk_is_sized_as_without_us(server: Server, request_id: str) -> None:
    bare, ours = (ask(server, path, request_id) for path in ("/bare", "/hello"))
    assert ours.headers["Content-Length"] == (
        bare.headers["Content-Length"] and str(len(ours.body))
    )


@everywhere("file")
def test_the_server_is_handed_its_own_file(server: Server, request_id: str, tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"hello")
    assert ask(server, f"/file?path={tmp_path}/small", request_id).body == b"hello"
    assert said(lines_of(server, request_id)) == ["native"]


@everywhere("id")
@pytest.mark.parametrize("path", ["/written", "/bytes_like"])
def test_what_is_written_comes_before_the_body(server: Server, path: str, request_id: str) -> None:
    assert ask(server, path, request_id).body == b"one two three"
    assert access_of(lines_of(server, request_id))["response_bytes"] == 13


@everywhere("head")
def test_a_head_of_a_probe_and_a_204_have_no_body(server: Server, request_id: str) -> None:
    assert ask(server, "/health", request_id, "HEAD").body == b""
    assert ask(server, "/ready", request_id).json["status"] == "ok"
    assert access_lines(server.lines_of(request_id)) == []
    assert ask(server, "/nothing", request_id).status == 204
    assert access_of(lines_of(server, request_id))["outcome"] == "complete"


@everywhere("id")
@pytest.mark.parametrize(
    "value", [b"a b", b"a,b", b"\xe9", b"x" * 2000, b""], ids=lambda value: repr(value[:10])
)
def test_an_unfit_id_from_the_wire_is_replaced(server: Server, value: bytes) -> None:
    answer = ask(server, "/hello", value.decode("latin-1"))
    assert (answer.status, len(answer.body)) == (200, 32)
    assert answer.headers.get_all("X-Request-ID") == [answer.body.decode()]


@everywhere("close")
def test_nothing_of_a_request_is_left_when_it_has_ended(server: Server, request_id: str) -> None:
    paths = ["hello", *FAILURES, "closing_in_failure", "nothing", "written"]
    for number, path in enumerate(paths * 2):
        ask(server, f"/{path}", f"{request_id}-{number}")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    for number in range(6):
        connection.request("GET", "/hello", headers={"X-Request-ID": f"{request_id}-kept-{number}"})
        assert connection.getresponse().read().decode() == f"{request_id}-kept-{number}"
    connection.close()
    lines_of(server, f"{request_id}-kept-5")
    assert not [line for line in server.lines if "left behind" in line]


def test_the_documentation_has_what_holds_where() -> None:
    assert tested == set(SENTENCES)
    assert "\n".join(conformance_table()) in PAGES["servers"]
