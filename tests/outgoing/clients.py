"""The four clients in one shape: made, instrumented, and used to get a URL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, NamedTuple

import httpx
import requests
import urllib3

import wsgi_observe.httpx
import wsgi_observe.requests
import wsgi_observe.urllib3

Headers = Mapping[str, str]


class Client(NamedTuple):
    """One kind of client.

    :ivar make: makes one, of which the environment sets no proxy, for an HTTP proxy or for none.
    :ivar get: gets a URL by it, follows redirects, and returns the status.
    :ivar patched: the methods that ``install()`` replaces.
    """

    module: ModuleType
    make: Callable[[str | None], Any]
    get: Callable[[Any, str, Headers], int]
    patched: tuple[tuple[type, str], ...]


def make_session(proxy: str | None) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.proxies = {"http": proxy} if proxy else {}
    return session


def get_by_requests(session: requests.Session, url: str, headers: Headers) -> int:
    with session:
        return session.get(url, headers=dict(headers), timeout=5).status_code


# To read the certificates of the authorities would take longer than all else here.
_HTTPX: dict[str, Any] = {"trust_env": False, "follow_redirects": True, "verify": False}


def make_httpx(proxy: str | None) -> httpx.Client:
    return httpx.Client(**_HTTPX, proxy=proxy)


def get_by_httpx(client: httpx.Client, url: str, headers: Headers) -> int:
    with client:
        return client.get(url, headers=dict(headers)).status_code


def make_async_httpx(proxy: str | None) -> httpx.AsyncClient:
    return httpx.AsyncClient(**_HTTPX, proxy=proxy)


def get_by_async_httpx(client: httpx.AsyncClient, url: str, headers: Headers) -> int:
    async def get() -> int:
        async with client:
            return (await client.get(url, headers=dict(headers))).status_code

    return asyncio.run(get())


def make_manager(proxy: str | None) -> urllib3.PoolManager:
    return urllib3.ProxyManager(proxy) if proxy else urllib3.PoolManager()


def get_by_urllib3(manager: urllib3.PoolManager, url: str, headers: Headers) -> int:
    with manager:
        return manager.request("GET", url, headers=dict(headers), retries=3).status


HTTPX_METHODS = (
    (httpx.HTTPTransport, "handle_request"),
    (httpx.AsyncHTTPTransport, "handle_async_request"),
)
CLIENTS = {
    "requests": Client(
        wsgi_observe.requests,
        make_session,
        get_by_requests,
        ((requests.adapters.HTTPAdapter, "send"),),
    ),
    "httpx": Client(wsgi_observe.httpx, make_httpx, get_by_httpx, HTTPX_METHODS),
    "httpx, async": Client(wsgi_observe.httpx, make_async_httpx, get_by_async_httpx, HTTPX_METHODS),
    "urllib3": Client(
        wsgi_observe.urllib3,
        make_manager,
        get_by_urllib3,
        ((urllib3.HTTPConnectionPool, "urlopen"),),
    ),
}
