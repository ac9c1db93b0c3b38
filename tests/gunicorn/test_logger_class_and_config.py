"""Everything by configuration alone: on each kind of worker, both ways, after HUP and USR1."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from http.client import IncompleteRead
from itertools import count

import pytest

from tests.gunicorn.serving import (
    BY_CONFIG,
    BY_LOGGER,
    KINDS,
    access_of,
    boots,
    gunicorn,
    lines_with,
    reload,
)
from tests.marks import mark_slow
from tests.servers.gunicorn import connected, read_all, read_until
from tests.support import Server

numbers = count(1)

ENVIRONMENT = {
    "WSGI_OBSERVE_CHECKS": "db=tests.gunicorn.pings:ping",
    "WSGI_OBSERVE_FLASK": "1",
    "WSGI_OBSERVE_LOG_FIELDS": "service=shop",
}
# Each pair of kind, entry point, preload and age is among them; by default each of them.
BY_DEFAULT = {"sync-logger", "gthread-config-preload", "gevent-logger-preload-reloaded"}
SETUPS = [
    pytest.param(
        (kind, door, preload, reloaded, ""),
        id=f"{kind}-{'-'.join(words)}",
        marks=[] if f"{kind}-{'-'.join(words)}" in BY_DEFAULT else [pytest.mark.slow],
    )
    for kind in KINDS
    for door, preload, reloaded, *words in (
        (BY_LOGGER, False, False, "logger"),
        (BY_CONFIG, True, False, "config", "preload"),
        (BY_CONFIG, False, True, "config", "reloaded"),
        (BY_LOGGER, True, True, "logger", "preload", "reloaded"),
    )
]
OLDEST = [
    pytest.param((kind, BY_LOGGER, preload, reloaded, "oldest"), id=f"{kind}-oldest-{word}")
    for kind, preload, reloaded, word in (
        ("sync", False, True, "reloaded"),
        ("gthread", True, True, "preload-reloaded"),
        ("gevent", False, False, "new"),
    )
]


@pytest.fixture(scope="module", params=[*SETUPS, *map(mark_slow, OLDEST)])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    kind, door, preload, reloaded, version = request.param
    environment = dict(ENVIRONMENT)
    if version:
        environment |= request.getfixturevalue("oldest_gunicorn")
    options = (*KINDS[kind], *(("--preload",) if preload else ()))
    with gunicorn(*options, door=door, env=environment) as server:
        server.kind, server.is_oldest = kind, bool(version)  # type: ignore[attr-defined]
        server.get("/pid")
        if reloaded:
            reload(server)
            os.kill(server.process.pid, signal.SIGUSR1)
            server.wait_for(lambda: lines_with(server, "Handling signal: usr1"))
        yield server


@pytest.fixture
def request_id() -> str:
    return f"entry-{next(numbers)}"


def loggers(server: Server, request_id: str) -> list[str]:
    return sorted(line["logger"] for line in server.log_of(request_id))


def test_a_request_has_its_id_in_the_answer_and_on_its_two_lines(server, request_id) -> None:
    answer = server.get("/", {"X-Request-ID": request_id})
    assert (answer.status, answer.headers["X-Request-ID"]) == (200, request_id)
    assert loggers(server, request_id) == ["shop", "wsgi_observe.access"]
    assert {line["service"] for line in server.lines_of(request_id)} == {"shop"}


def test_a_failure_is_the_envelope_and_one_traceback(server: Server, request_id: str) -> None:
    answer = server.get("/crash", {"X-Request-ID": request_id})
    assert (answer.status, answer.json["request_id"]) == (500, request_id)
    assert access_of(server, request_id)["status_code"] == 500
    assert len([line for line in server.lines_of(request_id) if "exc_info" in line]) == 1


def test_flasks_own_errors_have_their_description(server: Server, request_id: str) -> None:
    answer = server.get("/missing", {"X-Request-ID": request_id})
    assert (answer.status, answer.json["description"]) == (404, "No such order")
    assert access_of(server, request_id)["route"] == "/missing"


def test_a_failure_in_the_middle_has_one_traceback_and_one_error(server, request_id) -> None:
    before = len(server.records)
    with pytest.raises(IncompleteRead):
        server.get("/half", {"X-Request-ID": request_id})
    access = access_of(server, request_id)
    assert (access["status_code"], access["outcome"]) == (200, "broken")
    server.get("/", {"X-Request-ID": f"{request_id}-next"})
    server.log_of(f"{request_id}-next")
    new = server.records[before:]
    assert len([line for line in new if "exc_info" in line]) == 1
    assert len([line for line in new if line["level"] == "ERROR"]) == 1


def test_text_for_wsgi_errors_is_lines_of_its_request(server: Server, request_id: str) -> None:
    server.get("/errors", {"X-Request-ID": request_id})
    lines = [line for line in server.log_of(request_id) if line["logger"] == "wsgi.errors"]
    assert [line["message"] for line in lines] == [
        *["a line", "two", "three"],
        *["the app wrote a traceback to wsgi.errors", "no end"],
    ]
    assert lines[3]["exc_type"] == "KeyError"
    assert lines[3]["exc_info"].endswith("KeyError: 'caught'")
    assert [line["level"] for line in lines] == [*["WARNING"] * 3, "ERROR", "WARNING"]


def test_a_warning_is_a_line_of_its_request(server: Server, request_id: str) -> None:
    pid = int(server.get("/warning", {"X-Request-ID": request_id}) and server.get("/pid").body)
    assert "py.warnings" in loggers(server, request_id)
    assert len(lines_with(server, f"warned in {pid}")) == 1


def test_an_uncaught_exception_in_a_thread_is_a_line(server: Server) -> None:
    before = len(server.records)
    server.get("/thread")
    server.wait_for(
        lambda: [
            line for line in server.records[before:] if line["logger"] == "wsgi_observe.uncaught"
        ]
    )


REJECTED = {
    "malformed": (b"NON SENSE\r\n\r\n", {400}),
    "request line": (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n\r\n", {414, 400}),
    "headers": (b"GET /big?token=abc HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n", {431}),
    "header name": (b"GET /named HTTP/1.1\r\nBad Name: x\r\n\r\n", {400}),
}


@pytest.mark.parametrize("kind", REJECTED)
def test_a_rejected_request_leaves_one_access_line_and_the_client_gets_its_id(
    server: Server, kind: str
) -> None:
    wire, statuses = REJECTED[kind]
    before = len(server.records)
    with connected(server) as sock:
        sock.sendall(wire)
        head, _, body = read_all(sock).partition(b"\r\n\r\n")
    found = server.wait_for(
        lambda: [line for line in server.records[before:] if line.get("outcome") == "rejected"]
    )
    (line,) = found
    assert (line["logger"], line["level"]) == ("wsgi_observe.access", "INFO")
    assert line["status_code"] in statuses
    assert f"HTTP/1.1 {line['status_code']} ".encode() in head
    assert line["request_id"].encode() in head
    assert line["request_id"].encode() in body
    assert line["remote_addr"] == "127.0.0.1"
    assert "token" not in str(line)
    server.get("/pid")
    assert not [line for line in server.records[before:] if "Invalid request" in line["message"]]


def test_a_malformed_request_on_the_same_connection_has_an_id_of_its_own(
    server: Server, request_id: str
) -> None:
    before = len(server.records)
    with connected(server) as sock:
        sock.sendall(f"GET / HTTP/1.1\r\nHost: x\r\nX-Request-ID: {request_id}\r\n\r\n".encode())
        read_until(sock, b"hello")
        with suppress(OSError):  # a sync worker has closed it already
            sock.sendall(b"NON SENSE\r\n\r\n")
            read_all(sock)
    assert loggers(server, request_id) == ["shop", "wsgi_observe.access"]

    def rejected() -> list[dict[str, object]]:
        return [line for line in server.records[before:] if line.get("outcome") == "rejected"]

    if server.kind != "sync":  # type: ignore[attr-defined]
        server.wait_for(rejected)
    assert request_id not in str(rejected())


def test_probes_run_the_checks_of_the_environment_and_leave_no_line(server, request_id) -> None:
    for path, body in (
        ("/health", {"status": "ok"}),
        ("/ready", {"status": "ok", "checks": {"db": "ok"}}),
    ):
        answer = server.get(path, {"X-Request-ID": request_id})
        assert (answer.json, answer.headers["X-Request-ID"]) == (body, request_id)
    server.get("/", {"X-Request-ID": f"{request_id}-next"})
    server.log_of(f"{request_id}-next")
    assert server.lines_of(request_id) == []


def test_each_worker_says_once_how_it_is_set_up(server: Server) -> None:
    pids = [line["pid"] for line in boots(server)]
    assert len(pids) == len(set(pids))
    worker = int(server.get("/pid").body)
    (boot,) = [line for line in boots(server) if line["pid"] == worker]
    assert boot["level"] == "INFO"
    assert boot["checks"] == ["db"]
    assert boot["stack"][-5:] == ["RequestID", "Health", "AccessLog", "ErrorEnvelope", "Flask"] or (
        boot["stack"][-4:] == ["RequestID", "Health", "AccessLog", "ErrorEnvelope"]
    )
    assert boot["settings"] == {
        "log_fields": {"service": "shop"},
        "checks": {"db": "tests.gunicorn.pings:ping"},
        "flask": True,
    }


def test_all_output_is_lines_of_the_schema_and_each_is_there_once(server: Server) -> None:
    server.get("/pid")
    assert [line for line in server.lines if not line.startswith("{")] == []
    for line in server.records:
        assert {"timestamp", "level", "logger", "module", "message", "pid"} <= line.keys()
    assert len(lines_with(server, "Starting gunicorn")) == 1
    assert len(lines_with(server, "Listening at")) == 1
    for pid in {line["pid"] for line in boots(server)}:
        assert len(lines_with(server, f"Booting worker with pid: {pid}")) == 1
    assert not [line for line in server.records if line["logger"] == "gunicorn.access"]
