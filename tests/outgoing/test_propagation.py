"""Outgoing calls of real clients to a real server: which headers they carry, and where to."""

from __future__ import annotations

import re
import threading

import httpx
import pytest
import requests
import urllib3

import wsgi_observe.requests
import wsgi_observe.urllib3
from tests.conftest import Log
from tests.outgoing.clients import CLIENTS, Client, make_session
from tests.outgoing.conftest import PARENT, TRACE, in_request
from tests.outgoing.upstream import Upstream
from wsgi_observe import SettingsError, log_context

LIST = ["127.0.0.1"]
CALLS_CHILD = re.compile(rf"00-{TRACE}-(?!b7ad6b7169203331)[0-9a-f]{{16}}-01").fullmatch


def get(client: Client, url: str, *hosts: str, proxy: str | None = None, **headers: str) -> int:
    """Get a URL by an instrumented client inside a request."""
    statuses: list[int] = []
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def work() -> None:
        made = client.module.instrument(client.make(proxy), hosts=hosts)
        statuses.append(client.get(made, url, named))

    in_request(work)
    return statuses[0]


def test_a_call_to_a_host_on_the_list_carries_the_id_and_the_trace(
    client: Client, upstream: Upstream
) -> None:
    assert get(client, upstream.url(), *LIST) == 200
    sent = upstream.last.propagated
    assert (sent["x-request-id"], sent["tracestate"]) == ("abc", "congo=1")
    assert CALLS_CHILD(sent["traceparent"])


def test_each_call_is_a_span_of_its_own(client: Client, upstream: Upstream) -> None:
    for _ in range(2):
        get(client, upstream.url(), *LIST)
    first, second = (one.propagated["traceparent"] for one in upstream.received)
    assert first != second


@pytest.mark.parametrize(
    ("host", "hosts"),
    [
        pytest.param("127.0.0.1", ["localhost", "*.0.0.example", "10.0.0.0/8"], id="another host"),
        pytest.param("127.0.0.1", ["127.0.0.1:1"], id="another port"),
        pytest.param("localhost", ["127.0.0.0/8"], id="a name of an address in a network"),
        pytest.param("localhost", ["*.localhost"], id="the parent of subdomains"),
        pytest.param("127.0.0.1@localhost", LIST, id="userinfo"),
        pytest.param("127.0.0.1:80@localhost", ["127.0.0.1", "127.0.0.1:80"], id="a password"),
        pytest.param("LOCALHOST", LIST, id="capitals"),
        pytest.param("127.0.0.1.nip.invalid@localhost", ["*.invalid"], id="a name in userinfo"),
    ],
)
def test_a_call_to_any_other_host_carries_nothing(
    host: str, hosts: list[str], client: Client, upstream: Upstream
) -> None:
    assert get(client, upstream.url(host=host), *hosts) == 200
    assert upstream.last.propagated == {}


@pytest.mark.parametrize(
    ("host", "hosts"),
    [
        pytest.param("LocalHost", ["localhost"], id="capitals in the URL"),
        pytest.param("localhost", ["LOCALHOST"], id="capitals on the list"),
        pytest.param("evil@127.0.0.1", LIST, id="userinfo"),
        pytest.param("127.0.0.1", ["127.0.0.0/8"], id="a network"),
        pytest.param("localhost", ["localhost:{port}"], id="the port"),
    ],
)
def test_a_host_on_the_list_may_be_written_otherwise(
    host: str, hosts: list[str], client: Client, upstream: Upstream
) -> None:
    named = [one.format(port=upstream.port) for one in hosts]
    assert get(client, upstream.url(host=host), *named) == 200
    assert upstream.last.propagated["x-request-id"] == "abc"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_to_a_host_that_is_not_on_the_list_carries_nothing(
    code: int, client: Client, upstream: Upstream
) -> None:
    target = upstream.url("/there", "localhost")
    assert get(client, upstream.url(f"/redirect?code={code}&to={target}"), *LIST) == 200
    first, second = upstream.received
    assert first.propagated["x-request-id"] == "abc"
    assert (second.host, second.propagated) == (f"localhost:{upstream.port}", {})


def test_a_redirect_back_to_the_list_carries_them_again_in_a_new_span(
    client: Client, upstream: Upstream
) -> None:
    back = upstream.url("/back")
    there = upstream.url(f"/redirect?to={back}", "localhost")
    assert get(client, upstream.url(f"/redirect?to={there}"), *LIST) == 200
    first, second, third = (one.propagated for one in upstream.received)
    assert second == {}
    assert first["x-request-id"] == third["x-request-id"] == "abc"
    assert first["traceparent"] != third["traceparent"]


def test_a_header_that_the_caller_has_set_stays(client: Client, upstream: Upstream) -> None:
    get(client, upstream.url(), *LIST, X_REQUEST_ID="mine")
    sent = upstream.last.propagated
    assert sent["x-request-id"] == "mine"
    assert CALLS_CHILD(sent["traceparent"])


def test_a_header_that_the_caller_has_set_in_bytes_stays(
    client: Client, upstream: Upstream
) -> None:
    def work() -> None:
        made = client.module.instrument(client.make(None), hosts=LIST)
        client.get(made, upstream.url(), {b"X-Request-ID": b"mine"})  # type: ignore[dict-item]

    in_request(work)
    assert upstream.last.propagated["x-request-id"] == "mine"


def test_the_callers_own_trace_gets_no_tracestate_of_another(
    client: Client, upstream: Upstream
) -> None:
    get(client, upstream.url(), *LIST, Traceparent=PARENT)
    assert upstream.last.propagated == {"x-request-id": "abc", "traceparent": PARENT}


def test_a_proxy_that_is_on_the_list_gets_nothing_for_a_host_that_is_not(
    client: Client, upstream: Upstream
) -> None:
    proxy = upstream.url("")
    assert get(client, "http://evil.example/", *LIST, proxy=proxy) == 200
    assert upstream.last.target == "http://evil.example/"
    assert upstream.last.propagated == {}


def test_a_host_on_the_list_gets_them_through_a_proxy(client: Client, upstream: Upstream) -> None:
    assert get(client, "http://api.internal/", "*.internal", proxy=upstream.url("")) == 200
    assert upstream.last.propagated["x-request-id"] == "abc"


def test_a_redirect_through_a_proxy_to_a_host_that_is_not_on_the_list_carries_nothing(
    client: Client, upstream: Upstream
) -> None:
    url = "http://api.internal/redirect?to=http://evil.example/"
    assert get(client, url, "*.internal", proxy=upstream.url("")) == 200
    first, second = upstream.received
    assert first.propagated["x-request-id"] == "abc"
    assert (second.target, second.propagated) == ("http://evil.example/", {})


NAMES = [
    pytest.param("api.internal.", "api.internal", True, id="a trailing dot"),
    pytest.param("api.internal", "api.internal.", True, id="a trailing dot on the list"),
    pytest.param("internal.evil.example.", "*.internal", False, id="a trailing dot elsewhere"),
    pytest.param("bücher.example", "xn--bcher-kva.example", True, id="an IDN"),
    pytest.param("bücher.example", "bucher.example", False, id="an IDN without its accent"),
    pytest.param("xinternal", "*.internal", False, id="a name that ends as the list"),
    pytest.param("a.b.internal", "*.internal", True, id="a subdomain of a subdomain"),
    pytest.param("[::1]", "::1", True, id="IPv6"),
    pytest.param("[::FFFF:10.0.0.1]", "10.0.0.0/8", True, id="an IPv4 address as IPv6"),
    pytest.param("[2001:db8::1]", "2001:db9::/32", False, id="IPv6 of another network"),
    pytest.param("10.0.0.1.evil.example", "10.0.0.0/8", False, id="a name like an address"),
    pytest.param("167772161", "10.0.0.0/8", False, id="an address as one number"),
]


@pytest.mark.parametrize(("host", "entry", "is_carried"), NAMES)
def test_a_name_is_compared_as_the_client_sends_it(
    host: str, entry: str, is_carried: bool, client: Client, upstream: Upstream
) -> None:
    assert get(client, f"http://{host}/", entry, proxy=upstream.url("")) == 200
    assert bool(upstream.last.propagated) is is_carried


def test_outside_a_request_nothing_is_carried(client: Client, upstream: Upstream) -> None:
    made = client.module.instrument(client.make(None), hosts=LIST)
    assert client.get(made, upstream.url(), {}) == 200
    assert upstream.last.propagated == {}


def test_a_job_carries_its_id(client: Client, upstream: Upstream) -> None:
    made = client.module.instrument(client.make(None), hosts=LIST)
    with log_context("job-7"):
        client.get(made, upstream.url(), {})
    assert upstream.last.propagated == {"x-request-id": "job-7"}


def test_a_job_within_a_request_goes_on_with_its_trace(client: Client, upstream: Upstream) -> None:
    def work() -> None:
        made = client.module.instrument(client.make(None), hosts=LIST)
        with log_context("job-7"):
            client.get(made, upstream.url(), {})

    in_request(work)
    sent = upstream.last.propagated
    assert (sent["x-request-id"], sent["tracestate"]) == ("job-7", "congo=1")
    assert CALLS_CHILD(sent["traceparent"])


def test_what_is_installed_counts_for_every_client_of_the_process(
    client: Client, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WSGI_OBSERVE_PROPAGATE_TO", "127.0.0.1,*.internal")
    client.module.install()
    client.module.install()
    target = upstream.url("/there", "localhost")
    in_request(lambda: client.get(client.make(None), upstream.url(f"/redirect?to={target}"), {}))
    first, second = (one.propagated for one in upstream.received)
    assert (first["x-request-id"], second) == ("abc", {})
    assert CALLS_CHILD(first["traceparent"])


def test_an_instrumented_client_keeps_its_own_hosts(client: Client, upstream: Upstream) -> None:
    client.module.install(propagate_to=["localhost"])
    assert get(client, upstream.url(), *LIST) == 200
    assert upstream.last.propagated["x-request-id"] == "abc"
    for hosts in (LIST, []):
        assert get(client, upstream.url(host="localhost"), *hosts) == 200
        assert upstream.last.propagated == {}


def test_an_instrumented_session_keeps_its_own_hosts_from_urllib3s(upstream: Upstream) -> None:
    wsgi_observe.urllib3.install(propagate_to=["localhost"])
    try:
        get(CLIENTS["requests"], upstream.url(host="localhost"), *LIST)
    finally:
        wsgi_observe.urllib3.install()
    assert upstream.last.propagated == {}


def test_without_hosts_nothing_is_carried(client: Client, upstream: Upstream) -> None:
    client.module.install()
    assert get(client, upstream.url()) == 200
    assert upstream.last.propagated == {}


def test_a_client_of_another_kind_and_a_host_that_is_none_are_refused(client: Client) -> None:
    with pytest.raises(TypeError, match=r"must be an? "):
        client.module.instrument(object(), hosts=LIST)
    with pytest.raises(SettingsError, match="propagate_to must be hosts such as"):
        client.module.instrument(client.make(None), hosts=["*"])


def test_instrumenting_again_replaces_the_hosts(client: Client, upstream: Upstream) -> None:
    made = client.make(None)
    client.module.instrument(made, hosts=["localhost"])
    client.module.instrument(made, hosts=LIST)
    in_request(lambda: client.get(made, upstream.url(), {}))
    assert upstream.last.propagated["x-request-id"] == "abc"


def test_a_request_that_is_sent_by_two_threads_has_the_id_of_each(upstream: Upstream) -> None:
    session = wsgi_observe.requests.instrument(make_session(None), hosts=LIST)
    prepared = session.prepare_request(requests.Request("GET", upstream.url()))

    def work(number: int) -> None:
        for _ in range(20):
            with log_context(f"job-{number}"):
                session.send(prepared)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    session.close()
    ids = [one.propagated["x-request-id"] for one in upstream.received]
    assert {one: ids.count(one) for one in ids} == {f"job-{number}": 20 for number in range(4)}
    assert not set(prepared.headers) & {"X-Request-ID", "traceparent"}


def test_requests_and_urllib3_installed_together_make_one_call_of_it(
    upstream: Upstream, log: Log
) -> None:
    wsgi_observe.requests.install(propagate_to=LIST, log_calls="info")
    wsgi_observe.urllib3.install(propagate_to=LIST, log_calls="info")
    in_request(lambda: CLIENTS["requests"].get(make_session(None), upstream.url(), {}))
    assert CALLS_CHILD(upstream.last.propagated["traceparent"])
    assert len(log.of("wsgi_observe.calls")) == 1


def test_a_pool_on_a_proxy_that_follows_a_redirect_itself_carries_nothing_there(
    upstream: Upstream,
) -> None:
    def work() -> None:
        with urllib3.ProxyManager(upstream.url("")) as made:
            manager = wsgi_observe.urllib3.instrument(made, hosts=["api.internal"])
            url = "http://api.internal/redirect?to=http://evil.example/"
            pool = manager.connection_from_url(url)
            pool.urlopen("GET", url, assert_same_host=False)

    in_request(work)
    first, second = upstream.received
    assert first.propagated["x-request-id"] == "abc"
    assert (second.target, second.propagated) == ("http://evil.example/", {})


def test_a_transport_of_ones_own_gets_the_headers_too() -> None:
    seen: list[httpx.Headers] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200)

    def work() -> None:
        transport = httpx.MockTransport(handle)
        with httpx.Client(mounts={"all://": transport, "all://off.example": None}) as made:
            wsgi_observe.httpx.instrument(made, hosts=["api.internal"]).get("http://api.internal/")

    in_request(work)
    assert seen[0]["x-request-id"] == "abc"
