"""What Gunicorn's parser refuses, whatever the bytes: one answer, one line."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from gunicorn import http
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.sync import SyncWorker
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Log
from wsgi_observe import Settings
from wsgi_observe.gunicorn.worker.rejected_requests import handle_rejected_requests


@contextmanager
def answering(settings: Settings) -> Iterator[Any]:
    cfg = Config()
    made = SyncWorker(1, 1, [], None, 30, cfg, Logger(cfg))
    handle_rejected_requests(made, settings)
    try:
        yield made
    finally:
        made.tmp.close()


@pytest.fixture(scope="module")
def worker() -> Any:
    with answering(Settings()) as made:
        yield made


def rejected(worker: Any, wire: bytes) -> bytes | None:
    """Parse `wire` as a worker does; return what the client is sent, None if it is fit."""
    ours, clients = socket.socketpair()
    with ours, clients:
        try:
            parser = http.RequestParser(worker.cfg, iter([wire]), ("10.1.2.3", 4))
            next(parser)
        except (http.errors.NoMoreData, StopIteration):
            return None
        except Exception as error:
            worker.handle_error(None, ours, ("10.1.2.3", 4), error)
            ours.close()
            return clients.recv(65536)
        return None


METHODS = st.sampled_from([b"GET", b"POST", b"G\x00T", b"get", b""])
PATHS = st.sampled_from([b"/", b"/a?token=abc", b"*", b"/" + b"a" * 5000, b"\xff\n", b"http://[/"])
VERSIONS = st.sampled_from([b"HTTP/1.1", b"HTTP/9.9", b"HTCPCP/1.0", b"", b"HTTP/1.1 extra"])
HEADERS = st.sampled_from(
    [
        *(b"", b"Bad Name: x\r\n", b"X: a\x00b\r\n", b"X: \xe9\r\n", b" folded\r\n", b":\r\n"),
        *(b"Content-Length: -1\r\n", b"Transfer-Encoding: foo\r\n", b"Expect: nothing\r\n"),
        b"X" * 9000 + b": 1\r\n",
    ]
)
REQUESTS = st.one_of(
    st.binary(max_size=60).map(lambda some: some + b"\r\n\r\n"),
    st.builds(b"%b %b %b\r\n%b\r\n".__mod__, st.tuples(METHODS, PATHS, VERSIONS, HEADERS)),
)


@given(REQUESTS)
def test_whatever_is_refused_gets_one_answer_under_one_id(
    worker: Any, log: Log, wire: bytes
) -> None:
    log.clear()
    answer = rejected(worker, wire)
    if answer is None:
        assert log.lines == []
        return
    head, _, body = answer.partition(b"\r\n\r\n")
    line = log.access
    assert log.lines == [line]
    assert (line["outcome"], line["remote_addr"]) == ("rejected", "10.1.2.3")
    assert json.loads(body)["request_id"] == line["request_id"]
    assert int(re.match(rb"HTTP/1.1 (\d{3}) ", head)[1]) == line["status_code"]  # type: ignore[index]
    assert f"X-Request-ID: {line['request_id']}".encode() in head
    assert len(line["reason"]) <= 700
    assert "token" not in str(line)


@pytest.mark.parametrize(
    ("method", "shown"), [(b"password=hunter22", "-"), (b"BREW", "BREW"), (b"", "-")]
)
def test_a_method_that_is_none_is_not_shown(
    method: bytes, shown: str, worker: Any, log: Log
) -> None:
    assert rejected(worker, method + b" / HTTP/9.9\r\n\r\n") is not None
    assert log.access["method"] == shown
    assert "hunter22" not in str(log.lines)


FORWARDED = b"GET / HTTP/1.1\r\nX-Forwarded-For: 203.0.113.7\r\n%b\r\n\r\n"


@pytest.mark.parametrize(
    ("wire", "shown"),
    [
        (FORWARDED % b"Content-Length: -1", "203.0.113.7"),
        (FORWARDED % b"Transfer-Encoding: foo", "203.0.113.7"),
        (b"NON SENSE\r\n\r\n", "10.1.2.3"),  # refused before its headers were read
    ],
)
def test_the_line_has_the_address_that_a_trusted_proxy_forwards(
    wire: bytes, shown: str, log: Log
) -> None:
    with answering(Settings(trusted_proxies=("10.0.0.0/8",))) as worker:
        assert rejected(worker, wire) is not None
    assert log.access["remote_addr"] == shown


@pytest.mark.parametrize(
    ("ids", "is_kept"),
    [(b"X-Request-ID: its-own", True), (b"X-Request-ID: a\r\nX-Request-ID: b", False)],
)
def test_it_has_the_id_and_the_user_agent_that_the_client_has_sent(
    ids: bytes, is_kept: bool, worker: Any, log: Log
) -> None:
    wire = b"GET / HTTP/1.1\r\n%b\r\nUser-Agent: x/1\r\nContent-Length: -1\r\n\r\n" % ids
    answer = rejected(worker, wire)
    assert (log.access["request_id"] == "its-own") is is_kept
    assert f"X-Request-ID: {log.access['request_id']}".encode() in (answer or b"")
    assert log.access["user_agent"] == "x/1"


def test_a_handshake_of_a_websocket_that_is_refused_gets_the_envelope(
    worker: Any, log: Log
) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    answer = rejected(worker, b"GET / HTTP/1.1\r\n%bContent-Length: -1\r\n\r\n" % upgrade)
    assert b'"code": 400' in (answer or b"")
    assert log.access["outcome"] == "rejected"


@pytest.mark.parametrize(
    "middlewares", [("request_id", "access_log"), ("request_id", "health", "errors")]
)
def test_without_our_errors_or_our_line_the_answer_is_gunicorns(
    middlewares: tuple[str, ...], log: Log
) -> None:
    with answering(Settings(middlewares=middlewares)) as worker:
        answer = rejected(worker, b"NON SENSE\r\n\r\n")
    assert answer is not None
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"<html>" in answer
    assert log.of("wsgi_observe.access") == []


def test_a_client_that_has_gone_leaves_its_line(worker: Any, log: Log) -> None:
    ours, clients = socket.socketpair()
    clients.close()
    with ours:
        error = http.errors.InvalidRequestLine("NON SENSE")
        worker.handle_error(None, ours, None, error)
    assert log.access["status_code"] == 400
    assert log.access["remote_addr"] == ""


def test_a_failure_of_the_server_is_none_of_it(worker: Any, log: Log) -> None:
    ours, clients = socket.socketpair()
    with ours, clients:
        worker.handle_error(None, ours, ("10.1.2.3", 4), ValueError("a bug"))
        assert clients.recv(65536).startswith(b"HTTP/1.1 500 ")
    assert not log.of("wsgi_observe.access")
