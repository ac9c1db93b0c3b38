"""A real WebSocket through the stack: flask-sock on Gunicorn's threads."""

from collections.abc import Iterator

import pytest
from simple_websocket import Client

from tests.servers.gunicorn import WORKERS, connected, gunicorn, read_all
from tests.support import Server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with gunicorn(*WORKERS["gthread"]) as server:
        yield server


def test_it_echoes_under_its_id_and_leaves_one_line(server: Server) -> None:
    client = Client(f"ws://127.0.0.1:{server.port}/echo", headers={"X-Request-ID": "socket"})
    for word in ("one", "two", "three"):
        client.send(word)
        assert client.receive(timeout=20) == f"socket {word}"
    client.close()
    (access,) = server.log_of("socket")
    assert access["outcome"] == "upgraded"
    assert "exc_type" not in access


def test_the_thread_that_served_it_has_no_id_left(server: Server) -> None:
    for number in range(8):
        assert server.get("/id", {"X-Request-ID": f"after-{number}"}).status == 200
        server.log_of(f"after-{number}")
    assert not [line for line in server.lines_of("socket") if line["logger"] == "shop"]


def test_an_upgrade_that_the_app_refuses_is_answered_by_the_app(server: Server) -> None:
    with connected(server) as sock:
        sock.sendall(
            b"GET /id HTTP/1.0\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"X-Request-ID: plain\r\n\r\n"
        )
        answer = read_all(sock)
    assert b" 400 " in answer.splitlines()[0]
    assert b"X-Request-ID: plain" in answer
    access = server.log_of("plain")[-1]
    assert (access["status_code"], access["outcome"]) == (400, "complete")
