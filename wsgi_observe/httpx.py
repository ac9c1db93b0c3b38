"""HTTPX integration: calls are counted, carry the request's ID and trace, and have a line."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable
from types import MethodType
from typing import Any, TypeVar

import httpx

from wsgi_observe.outgoing import (
    DEFAULT_PORTS,
    HEADER_NAMES,
    MARK,
    OutgoingCall,
    OutgoingCalls,
    Target,
    copy_shallow,
    mark,
    patch_method,
)
from wsgi_observe.settings import Settings

__all__ = ["install", "instrument"]

C = TypeVar("C", httpx.Client, httpx.AsyncClient)

_NAMES = frozenset(name.encode() for name in HEADER_NAMES)


def instrument(
    client: C,
    hosts: Iterable[str] | None = None,
    settings: Settings | None = None,
    **overrides: Any,
) -> C:
    """Count the calls of one client; those to `hosts` carry ``X-Request-ID`` and the trace.

    The access line of the request has their number and duration, ``http_calls`` and
    ``http_calls_ms``.

    :param hosts: the setting ``propagate_to``; what is installed for the process adds none.
    :param overrides: fields of `Settings`, over those of `settings`: ``log_calls``.
    :returns: the client.
    :raises SettingsError: for an unknown setting or an invalid value.

    >>> client = instrument(httpx.Client(), hosts=["*.internal"])
    """
    if not isinstance(client, httpx.Client | httpx.AsyncClient):
        raise TypeError(f"client must be an httpx.Client or httpx.AsyncClient, got {client!r}")
    calls = OutgoingCalls.to_hosts(hosts, settings, overrides)
    find_transport = type(client)._transport_for_url

    def find_observed_transport(client: C, url: httpx.URL) -> Any:
        return _ObservedTransport(find_transport(client, url), calls)

    # There is no public hook that is also called for an exception.
    client._transport_for_url = MethodType(find_observed_transport, client)  # type: ignore[method-assign]
    return client


def install(settings: Settings | None = None, **overrides: Any) -> None:
    """Do the same for every client of this process, to the hosts of ``propagate_to``.

    Clients that are instrumented keep their own hosts; a transport of your own has none.

    :param settings: by default those of the environment, ``WSGI_OBSERVE_PROPAGATE_TO``.
    :raises SettingsError: for an unknown setting or an invalid value.
    """
    calls = OutgoingCalls((settings or Settings.from_env(os.environ)).replace(**overrides))
    patch_method(httpx.HTTPTransport, "handle_request", _send, calls)
    patch_method(httpx.AsyncHTTPTransport, "handle_async_request", _send_async, calls)


class _ObservedTransport:
    """Sends by another transport, what each redirect leads to included."""

    def __init__(self, inner: Any, calls: OutgoingCalls) -> None:
        self._inner = inner
        self._calls = calls

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return _send(self._calls, self._inner.handle_request, request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await _send_async(self._calls, self._inner.handle_async_request, request)


def _send(
    calls: OutgoingCalls, send: Callable[..., httpx.Response], request: httpx.Request
) -> httpx.Response:
    with OutgoingCall(calls, _prepare, _find_target, request) as call:
        response = send(call.sent)
        call.status_code = response.status_code
    return response


async def _send_async(
    calls: OutgoingCalls, send: Callable[..., Awaitable[httpx.Response]], request: httpx.Request
) -> httpx.Response:
    with OutgoingCall(calls, _prepare, _find_target, request) as call:
        response = await send(call.sent)
        call.status_code = response.status_code
    return response


def _find_target(request: httpx.Request) -> Target:
    url = request.url
    return request.method, url.host, _port(url), url.path


def _prepare(calls: OutgoingCalls, request: httpx.Request) -> httpx.Request:
    """Return a copy with the headers of this call; the request itself if there is nothing to do."""
    if MARK in request.__dict__:
        return request
    url = request.url
    taken = [name.decode() for _, name, _ in request.headers._list if name in _NAMES]
    # The host as HTTPX connects to it: an IDN is encoded.
    added = calls.headers(url.raw_host.decode("ascii"), _port(url), taken)
    if added is None:
        return request
    request = mark(copy_shallow(request))
    if added:
        request.headers = headers = httpx.Headers(request.headers)
        # Its own methods would take as long as all else here; none of these is there yet.
        headers._list += [
            (name.encode(), name.lower().encode(), value.encode()) for name, value in added
        ]
    return request


def _port(url: httpx.URL) -> int | None:
    return url.port or DEFAULT_PORTS.get(url.scheme)
