"""The line of an outgoing call (``log_calls``): what is on it, and that no secret is."""

from __future__ import annotations

import logging
import socket
from contextlib import suppress
from typing import Any

import pytest

from tests.conftest import Log
from tests.outgoing.clients import Client
from tests.outgoing.conftest import TRACE, in_request
from tests.outgoing.upstream import Upstream

TOKEN = "4f5d6e7a8b9c0d1e2f3a"


def lines(client: Client, log: Log, url: str, **settings: Any) -> list[dict[str, Any]]:
    """Get a URL inside a request; return the lines of its calls."""

    def work() -> None:
        made = client.module.instrument(client.make(None), **settings)
        with suppress(Exception):
            client.get(made, url, {})

    in_request(work)
    return log.of("wsgi_observe.calls")


def test_a_call_has_one_line_in_its_request(client: Client, upstream: Upstream, log: Log) -> None:
    (line,) = lines(client, log, upstream.url("/orders?page=2"), log_calls="info")
    host = f"127.0.0.1:{upstream.port}"
    assert line["message"] == f"GET {host}/orders 200"
    assert (line["level"], line["request_id"], line["trace_id"]) == ("INFO", "abc", TRACE)
    assert (line["method"], line["path"]) == ("GET", "/")  # the request's own
    assert (line["call_method"], line["call_host"]) == ("GET", host)
    assert (line["call_path"], line["call_status_code"]) == ("/orders", 200)
    assert line["call_duration_ms"] > 0
    assert upstream.last.propagated == {}  # without an allow-list


def test_neither_a_secret_nor_the_query_nor_userinfo_is_on_it(
    client: Client, upstream: Upstream, log: Log
) -> None:
    url = upstream.url(f"/reset/{TOKEN}?code=hunter2", "jane:hunter2@127.0.0.1")
    (line,) = lines(client, log, url, log_calls="info")
    assert line["call_path"] == "/reset/[REDACTED]"
    assert not [text for text in (TOKEN, "hunter2", "jane", "?") if text in str(line)]


def test_each_redirect_is_a_call(client: Client, upstream: Upstream, log: Log) -> None:
    url = upstream.url(f"/redirect?to={upstream.url('/there', 'localhost')}")
    found = lines(client, log, url, log_calls="info", hosts=["127.0.0.1"])
    assert [line["call_status_code"] for line in found] == [302, 200]
    assert [line["call_host"].partition(":")[0] for line in found] == ["127.0.0.1", "localhost"]
    assert log.access["http_calls"] == 2


def test_a_status_of_failure_is_on_it(client: Client, upstream: Upstream, log: Log) -> None:
    (line,) = lines(client, log, upstream.url("/status?code=503"), log_calls="info")
    assert (line["call_status_code"], line["level"]) == (503, "INFO")


def test_a_call_that_fails_has_the_exception(client: Client, log: Log) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (line,) = lines(client, log, f"http://127.0.0.1:{port}/orders", log_calls="info")
    assert line["exc_type"] in ("ConnectError", "ConnectionError", "MaxRetryError")
    assert line["message"] == f"GET 127.0.0.1:{port}/orders {line['exc_type']}"
    assert "call_status_code" not in line
    assert log.access["http_calls"] == 1
    assert log.access["http_calls_ms"] > 0


def test_a_call_that_is_sent_again_has_one_line(
    client: Client, upstream: Upstream, log: Log
) -> None:
    (line,) = lines(client, log, upstream.url("/break"), log_calls="info", hosts=["127.0.0.1"])
    assert line["exc_type"]
    assert log.access["http_calls"] == 1


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
def test_at_debug_it_is_written_where_debug_is(
    level: int, client: Client, upstream: Upstream, log: Log
) -> None:
    logging.getLogger().setLevel(level)
    found = lines(client, log, upstream.url(), log_calls="debug")
    assert [line["level"] for line in found] == ["DEBUG"] * (level == logging.DEBUG)


def test_it_is_off_by_default(client: Client, upstream: Upstream, log: Log) -> None:
    assert lines(client, log, upstream.url(), hosts=["127.0.0.1"]) == []


def test_every_client_of_the_process_can_have_it(
    client: Client, upstream: Upstream, log: Log
) -> None:
    client.module.install(log_calls="info")
    in_request(lambda: client.get(client.make(None), upstream.url(), {}))
    (line,) = log.of("wsgi_observe.calls")
    assert line["call_status_code"] == 200


def test_a_field_of_the_apps_does_not_take_its_names(log: Log) -> None:
    def work() -> None:
        logging.getLogger("shop").info("called", extra={"call_host": "mine"})

    in_request(work)
    assert log.of("shop")[0]["extra_call_host"] == "mine"
