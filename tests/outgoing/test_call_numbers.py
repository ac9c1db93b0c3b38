"""http_calls and http_calls_ms: the calls of a request on its access line."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Any

import httpx
import pytest
import urllib3

import wsgi_observe.httpx
import wsgi_observe.requests
import wsgi_observe.urllib3
from tests.conftest import Log
from tests.outgoing.clients import CLIENTS, Client, make_session
from tests.outgoing.conftest import in_request
from tests.outgoing.upstream import Upstream
from wsgi_observe import log_context


def calls_of(client: Client, log: Log, url: str, **settings: Any) -> Any:
    """Get a URL by an instrumented client inside a request; return the number of its calls."""

    def work() -> None:
        made = client.module.instrument(client.make(None), **settings)
        with suppress(Exception):
            client.get(made, url, {})

    in_request(work)
    return log.access["http_calls"]


@pytest.mark.parametrize(
    "settings",
    [{}, {"hosts": ["127.0.0.1"]}, {"hosts": ["*.example"]}, {"log_calls": "info"}],
    ids=["nothing is on", "a host on the list", "another host", "a line"],
)
def test_a_call_counts_whatever_else_is_on(
    settings: dict[str, Any], client: Client, upstream: Upstream, log: Log
) -> None:
    assert calls_of(client, log, upstream.url(), **settings) == 1
    assert 0 < log.access["http_calls_ms"] < log.access["duration_ms"]


def test_a_call_that_is_sent_again_is_one(upstream: Upstream, log: Log) -> None:
    assert calls_of(CLIENTS["urllib3"], log, upstream.url("/break")) == 1
    assert len(upstream.received) == 4


def test_calls_of_every_client_add_up(upstream: Upstream, log: Log) -> None:
    def work() -> None:
        for client in CLIENTS.values():
            client.get(client.module.instrument(client.make(None)), upstream.url(), {})

    in_request(work)
    assert log.access["http_calls"] == len(CLIENTS)


def test_what_is_installed_counts_the_calls_of_every_client(
    client: Client, upstream: Upstream, log: Log
) -> None:
    client.module.install()
    client.module.install()
    in_request(lambda: client.get(client.make(None), upstream.url(), {}))
    assert log.access["http_calls"] == 1


def test_a_client_that_is_instrumented_twice_and_installed_counts_once(
    client: Client, upstream: Upstream, log: Log
) -> None:
    client.module.install()

    def work() -> None:
        made = client.module.instrument(client.module.instrument(client.make(None)))
        client.get(made, upstream.url(), {})

    in_request(work)
    assert log.access["http_calls"] == 1


def test_a_call_of_requests_by_an_instrumented_urllib3_counts_once(
    upstream: Upstream, log: Log
) -> None:
    wsgi_observe.requests.install()
    wsgi_observe.urllib3.install()
    in_request(lambda: CLIENTS["requests"].get(make_session(None), upstream.url(), {}))
    assert log.access["http_calls"] == 1


def test_a_prepared_request_that_is_sent_twice_is_two_calls(upstream: Upstream, log: Log) -> None:
    from requests import Request

    def work() -> None:
        with wsgi_observe.requests.instrument(make_session(None)) as session:
            prepared = session.prepare_request(Request("GET", upstream.url()))
            session.send(prepared)
            session.send(prepared)

    in_request(work)
    assert log.access["http_calls"] == 2


def test_headers_that_are_sent_twice_by_urllib3_are_two_calls(upstream: Upstream, log: Log) -> None:
    headers = urllib3.HTTPHeaderDict({"Accept": "*/*"})

    def work() -> None:
        with wsgi_observe.urllib3.instrument(urllib3.PoolManager(headers=headers)) as manager:
            manager.request("GET", upstream.url())
            manager.request("GET", upstream.url())

    in_request(work)
    assert log.access["http_calls"] == 2


def test_concurrent_calls_add_up(upstream: Upstream, log: Log) -> None:
    async def get_all() -> None:
        async with wsgi_observe.httpx.instrument(httpx.AsyncClient(trust_env=False)) as client:
            await asyncio.gather(*(client.get(upstream.url()) for _ in range(5)))

    in_request(lambda: asyncio.run(get_all()))
    assert log.access["http_calls"] == 5


def test_calls_in_threads_of_the_request_count(
    client: Client, upstream: Upstream, log: Log
) -> None:
    def get() -> None:
        client.get(client.module.instrument(client.make(None)), upstream.url(), {})

    def work() -> None:
        threads = [threading.Thread(target=copy_context().run, args=(get,)) for _ in range(3)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

    in_request(work)
    assert log.access["http_calls"] == 3


def job(work: Callable[[], object]) -> None:
    with log_context("job-7"):
        work()


@pytest.mark.parametrize("run", [lambda work: work(), job], ids=["no context", "a job"])
def test_outside_a_request_nothing_is_counted(
    run: Callable[[Any], None], client: Client, upstream: Upstream, log: Log
) -> None:
    made = client.module.instrument(client.make(None))
    run(lambda: client.get(made, upstream.url(), {}))
    in_request(lambda: None)
    assert len(upstream.received) == 1
    assert "http_calls" not in log.access
