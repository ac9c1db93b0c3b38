"""An app that Gunicorn mounts at a prefix: probes that come without it, and what else does."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from tests.gunicorn.serving import KINDS, access_of, gunicorn
from tests.servers.gunicorn import connected, read_all
from tests.support import Server

numbers = count(1)
MOUNTED = {"SCRIPT_NAME": "/api"}

SERVERS = [
    *(pytest.param((kind, False), id=kind) for kind in KINDS),
    *(pytest.param((k, True), id=f"{k}-oldest", marks=pytest.mark.slow) for k in KINDS),
]


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    kind, is_oldest = request.param
    oldest = request.getfixturevalue("oldest_gunicorn") if is_oldest else {}
    # Gunicorn 22 takes no header with an underscore, from nobody, unless it is told to.
    headers = ("--header-map", "dangerous") if is_oldest else ()
    with gunicorn(*KINDS[kind], *headers, env={**oldest, **MOUNTED}) as server:
        yield server


@pytest.fixture
def request_id() -> str:
    return f"test-{next(numbers)}"


def later_lines(server: Server, path: str = "/api/") -> list[dict[str, Any]]:
    """Return what was logged when one more request has been."""
    before = f"later-{next(numbers)}"
    server.get(path, {"X-Request-ID": before})
    server.log_of(before)
    return [line for line in server.records if line.get("request_id") != before]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", ["/health", "/ready", "/ready/", "/api/health", "/%68ealth"])
def test_a_probe_is_answered_with_and_without_the_prefix(
    server: Server, method: str, path: str, request_id: str
) -> None:
    answer = server.request(method, path, headers={"X-Request-ID": request_id})
    assert (answer.status, answer.headers["X-Request-ID"]) == (200, request_id)
    assert answer.headers["Content-Type"] == "application/json"
    assert (answer.body == b"") == (method == "HEAD")
    assert [line for line in later_lines(server) if line.get("request_id") == request_id] == []


def test_the_app_is_served_below_the_prefix(server: Server, request_id: str) -> None:
    assert server.get("/api/", {"X-Request-ID": request_id}).body == b"hello"
    assert access_of(server, request_id)["path"] == "/api/"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/orders?token=hunter22"), ("POST", "/health"), ("GET", "/health/db"), ("HEAD", "/")],
)
def test_what_else_is_outside_the_prefix_is_rejected_under_an_id(
    server: Server, method: str, path: str, request_id: str
) -> None:
    before = len(server.records)
    answer = server.request(method, path, headers={"X-Request-ID": request_id, "User-Agent": "me"})
    assert (answer.status, answer.headers["X-Request-ID"]) == (500, request_id)
    if method != "HEAD":
        assert answer.json["request_id"] == request_id
    access = access_of(server, request_id)
    assert (access["outcome"], access["status_code"], access["user_agent"]) == (
        "rejected",
        500,
        "me",
    )
    assert access["path"] == path.partition("?")[0]
    assert access["reason"].endswith("does not start with SCRIPT_NAME '/api'")
    later_lines(server)
    lines = [line for line in server.records[before:] if "SCRIPT_NAME" in str(line)]
    assert lines == [access]
    assert "hunter22" not in str(server.records[before:])


def test_a_body_that_waits_to_be_asked_for_is_answered_once(server: Server) -> None:
    with connected(server) as sock:
        sock.sendall(
            b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
        answers = read_all(sock)
    assert answers.count(b"HTTP/1.1 100 ") <= 1
    assert answers.count(b"HTTP/1.1 500 ") == 1
    assert b"\r\nConnection: close\r\n" in answers


def test_a_prefix_that_a_proxy_names_is_treated_alike(server: Server, request_id: str) -> None:
    named = {"SCRIPT_NAME": "/shop"}
    assert server.get("/health", named).json == {"status": "ok"}
    assert server.get("/shop/", named).body == b"hello"
    answer = server.get("/api/", {**named, "X-Request-ID": request_id})
    assert answer.json["request_id"] == request_id
    assert access_of(server, request_id)["outcome"] == "rejected"


@pytest.mark.slow
def test_without_access_lines_only_probes_are_answered() -> None:
    env = {**MOUNTED, "WSGI_OBSERVE_ACCESS_LOG": "0"}
    with gunicorn(env=env) as server:
        assert server.get("/health").json == {"status": "ok"}
        assert server.get("/orders").headers["Content-Type"] == "text/html"
        server.wait_for(lambda: [line for line in server.records if "SCRIPT_NAME" in str(line)])


@pytest.mark.slow
def test_an_access_log_of_gunicorns_has_each_of_them() -> None:
    options = ("--access-logfile", "-", "--access-logformat", "%(r)s %(s)s")
    with gunicorn(*options, env=MOUNTED) as server:
        server.get("/health")
        server.get("/orders")

        def found() -> list[str]:
            return [one["message"] for one in server.records if one["logger"] == "gunicorn.access"]

        server.wait_for(lambda: len(found()) == 2)
        assert found() == ["GET /health HTTP/1.1 200", "GET /orders HTTP/1.1 500"]
