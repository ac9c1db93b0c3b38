"""A client that connects and sends no request: on a sync worker it costs that worker its life."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gunicorn.serving import KINDS, boots, gunicorn
from tests.servers.gunicorn import connected, read_all
from tests.support import Server, strict_json

ALARMS = ("WARNING", "ERROR", "CRITICAL")


def silent(server: Server, sent: bytes) -> bytes:
    """Send no more than this, and return what the server makes of it."""
    with connected(server) as sock:
        sock.sendall(sent)
        return read_all(sock)


def alarms_between_boots(server: Server, sent: bytes) -> tuple[bytes, list[dict[str, Any]]]:
    before, booted = len(server.records), len(boots(server))
    answer = silent(server, sent)
    server.wait_for(lambda: len(boots(server)) > booted)
    since = [line for line in server.records[before:] if line not in boots(server)]
    # The app warns at its import, as each new worker imports it.
    since = [line for line in since if line["logger"] != "py.warnings"]
    return answer, [line for line in since if line["level"] in ALARMS]


def check(server: Server) -> None:
    for sent, path in ((b"", "-"), (b"GET /a?token=abc HTTP/1.1\r\nHost: x\r\n", "/a")):
        answer, alarms = alarms_between_boots(server, sent)
        assert answer.startswith(b"HTTP/1.1 408 ")
        (line,) = alarms
        assert (line["level"], line["logger"]) == ("WARNING", "wsgi_observe.access")
        assert (line["outcome"], line["status_code"]) == ("rejected", 408)
        assert (line["remote_addr"], line["path"]) == ("127.0.0.1", path)
        assert "worker timeout of 1 s" in line["reason"]
        assert strict_json(answer.partition(b"\r\n\r\n")[2])["request_id"] == line["request_id"]
    assert server.get("/").status == 200


@pytest.mark.slow
def test_is_one_line_with_its_address_and_the_reason() -> None:
    with gunicorn(*KINDS["sync"], "--timeout", "1") as server:
        check(server)


@pytest.mark.slow
def test_is_the_same_on_the_oldest_gunicorn(oldest_gunicorn: dict[str, str]) -> None:
    with gunicorn(*KINDS["sync"], "--timeout", "1", env=oldest_gunicorn) as server:
        check(server)


@pytest.mark.slow
def test_a_worker_that_hangs_without_a_request_raises_gunicorns_own_alarms() -> None:
    options = ("--timeout", "1", "-c", "tests/gunicorn/hanging_conf.py")
    with gunicorn(*KINDS["sync"], *options) as server:
        silent(server, b"GET /orders HTTP/1.0\r\n\r\n")
        server.wait_for(lambda: len(boots(server)) > 1)
        messages = [line["message"] for line in server.records if line["level"] == "CRITICAL"]
    assert [message.split(" (")[0] for message in messages] == ["WORKER TIMEOUT"]
