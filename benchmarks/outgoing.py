"""Outgoing calls: what the count, the ID and the trace cost a call, which is answered from memory.

``python -m benchmarks.outgoing``
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import django
import django.conf
import httpx
import redis
import requests
import sqlalchemy
import urllib3
from django.db import ConnectionHandler
from requests.adapters import BaseAdapter

import wsgi_observe.django
import wsgi_observe.httpx
import wsgi_observe.redis
import wsgi_observe.requests
import wsgi_observe.sqlalchemy
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
WAYS: Mapping[str, Mapping[str, object]] = {
    "bare": {},
    "counted": {"propagate_to": ()},
    "another host": {"propagate_to": ("*.example",)},
    "carried": {"propagate_to": HOSTS},
}
CLIENTS = {
    **dict.fromkeys(("requests", "httpx", "urllib3"), tuple(WAYS)),
    **dict.fromkeys(("redis", "sqlalchemy", "django"), ("bare", "counted")),
}
_REPEATS = 20  # of a call in the place of one: it is over in no time

COSTS = tuple(
    Cost("outgoing", f"{client}, {way}, more", f"{client}: {way}", f"{client}: bare", None)
    for client, ways in CLIENTS.items()
    for way in ways
    if way != "bare"
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
    make: Callable[[str, Mapping[str, Any]], Call] = globals()[f"_by_{client}"]
    return {
        way: repeated(partial(inside.run, make(way, WAYS[way])), _REPEATS)
        for way in CLIENTS[client]
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
    return lambda: client._transport_for_url(request.url).handle_request(request)


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


def _by_redis(way: str, settings: Mapping[str, Any]) -> Call:
    client = _Redis()
    return partial((client if way == "bare" else wsgi_observe.redis.instrument(client)).get, "key")


class _Redis(redis.Redis):
    def execute_command(self, *_: Any, **__: Any) -> Any:
        return b"value"


def _by_sqlalchemy(way: str, settings: Mapping[str, Any]) -> Call:
    engine = sqlalchemy.create_engine("sqlite://")
    if way != "bare":
        wsgi_observe.sqlalchemy.instrument(engine, many_queries=0)
    return partial(engine.connect().exec_driver_sql, "SELECT 1")


def _by_django(way: str, settings: Mapping[str, Any]) -> Call:
    if not django.conf.settings.configured:
        django.conf.settings.configure()
        django.setup()
    if way != "bare":
        wsgi_observe.django.instrument(many_queries=0)
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    # Only a connection that is opened later is instrumented.
    return partial(ConnectionHandler({"default": database})["default"].cursor().execute, "SELECT 1")


if __name__ == "__main__":
    main()
