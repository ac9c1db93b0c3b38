"""Outgoing calls: what the ID and the trace cost a call, whose transport answers from memory.

``python -m benchmarks.outgoing``
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import httpx
import requests
import urllib3
from requests.adapters import BaseAdapter

import wsgi_observe.httpx
import wsgi_observe.requests
import wsgi_observe.urllib3
from benchmarks.commands import measure_children, parse_options, print_costs
from benchmarks.costs import Cost
from benchmarks.log_lines import running_request_context
from benchmarks.processes import ChildProcess
from benchmarks.timing import Call, Subject, repeated
from wsgi_observe.context import current_context
from wsgi_observe.trace_context import start_trace

URL = "http://api.internal:8080/orders?page=2"
HOSTS = ("*.internal",)
CLIENTS = ("requests", "httpx", "urllib3")
WAYS: Mapping[str, Mapping[str, object]] = {
    "bare": {},
    "off": {"propagate_to": ()},
    "another host": {"propagate_to": ("*.example",)},
    "carried": {"propagate_to": HOSTS},
}
_REPEATS = 20  # of a call in the place of one: it is over in no time

COSTS = tuple(
    Cost("outgoing", f"{client}, {way}, more", f"{client}: {way}", f"{client}: bare", None)
    for client in CLIENTS
    for way in ("off", "another host", "carried")
)


def main() -> None:
    """Measure and print."""
    options = parse_options("outgoing")
    children = [ChildProcess(one, ("benchmarks.outgoing:subjects", one)) for one in CLIENTS]
    print_costs(COSTS, measure_children(children, options))


def subjects(client: str) -> dict[str, Subject]:
    """Return a call by one client, inside a request that has a trace, in each way."""
    inside = running_request_context()
    context = inside.run(current_context)
    assert context is not None
    start_trace(context, None)
    make = {"requests": _by_requests, "httpx": _by_httpx, "urllib3": _by_urllib3}[client]
    return {
        way: repeated(partial(inside.run, make(way, settings)), _REPEATS)
        for way, settings in WAYS.items()
    }


def _by_requests(way: str, settings: Mapping[str, Any]) -> Call:
    session = requests.Session()
    session.mount("http://", _Adapter())
    if way != "bare":
        wsgi_observe.requests.instrument(session, **settings)
    request = session.prepare_request(requests.Request("GET", URL))
    # As `Session.send` does, which takes hundreds of microseconds itself.
    return lambda: session.get_adapter(URL).send(request)


class _Adapter(BaseAdapter):
    response = requests.Response()

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        return self.response

    def close(self) -> None:
        pass


def _by_httpx(way: str, settings: Mapping[str, Any]) -> Call:
    client = httpx.Client(transport=_Transport())
    if way != "bare":
        wsgi_observe.httpx.instrument(client, **settings)
    request = client.build_request("GET", URL)
    return lambda: client._transport.handle_request(request)


class _Transport(httpx.BaseTransport):
    response = httpx.Response(200)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self.response


def _by_urllib3(way: str, settings: Mapping[str, Any]) -> Call:
    manager = urllib3.PoolManager()
    manager.pool_classes_by_scheme = {"http": _Pool}
    if way != "bare":
        wsgi_observe.urllib3.instrument(manager, **settings)
    pool = manager.connection_from_url(URL)
    headers = {"Accept": "*/*", "User-Agent": "benchmark"}
    urlopen: Callable[..., object] = pool.urlopen
    return lambda: urlopen("GET", "/orders?page=2", None, headers)


class _Pool(urllib3.HTTPConnectionPool):
    response = urllib3.HTTPResponse()

    def urlopen(self, *_: Any, **__: Any) -> Any:
        return self.response


if __name__ == "__main__":
    main()
