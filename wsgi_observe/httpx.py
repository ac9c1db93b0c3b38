"""HTTPX integration: calls are counted, carry the request's ID and trace, and have a line."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable
from functools import wraps
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

_Handle = Callable[[httpx.Request], httpx.Response]
_NAMES = frozenset(name.encode() for name in HEADER_NAMES)
_AsyncHandle = Callable[[httpx.Request], Awaitable[httpx.Response]]


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
    # There is no public hook that is also called for an exception.
    is_async = isinstance(client, httpx.AsyncClient)
    observed = _ObservedAsyncTransport if is_async else _ObservedTransport
    client._transport = _observe(client._transport, observed, calls)
    for pattern, transport in client._mounts.items():
        client._mounts[pattern] = _observe(transport, observed, calls)
    return client


def install(settings: Settings | None = None, **overrides: Any) -> None:
    """Do the same for every client of this process, to the hosts of ``propagate_to``.

    Clients that are instrumented keep their own hosts; a transport of your own has none.

    :param settings: by default those of the environment, ``WSGI_OBSERVE_PROPAGATE_TO``.
    :raises SettingsError: for an unknown setting or an invalid value.
    """
    settings = Settings.from_env(os.environ) if settings is None else settings
    calls = OutgoingCalls(settings.replace(**overrides))

    def wrap(original: Callable[..., httpx.Response]) -> Callable[..., httpx.Response]:
        @wraps(original)
        def handle_request(self: Any, request: httpx.Request) -> httpx.Response:
            return _send(calls, MethodType(original, self), request)

        return handle_request

    def wrap_async(
        original: Callable[..., Awaitable[httpx.Response]],
    ) -> Callable[..., Awaitable[httpx.Response]]:
        @wraps(original)
        async def handle_async_request(self: Any, request: httpx.Request) -> httpx.Response:
            return await _send_async(calls, MethodType(original, self), request)

        return handle_async_request

    patch_method(httpx.HTTPTransport, "handle_request", wrap)
    patch_method(httpx.AsyncHTTPTransport, "handle_async_request", wrap_async)


class _ObservedTransport(httpx.BaseTransport):
    """Sends by another transport, what each redirect leads to included."""

    def __init__(self, inner: httpx.BaseTransport, calls: OutgoingCalls) -> None:
        self.inner = inner
        self._calls = calls

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return _send(self._calls, self.inner.handle_request, request)

    def __enter__(self) -> _ObservedTransport:
        self.inner.__enter__()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.inner.__exit__(*exc_info)

    def close(self) -> None:
        self.inner.close()


class _ObservedAsyncTransport(httpx.AsyncBaseTransport):
    """The same for an asynchronous client."""

    def __init__(self, inner: httpx.AsyncBaseTransport, calls: OutgoingCalls) -> None:
        self.inner = inner
        self._calls = calls

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await _send_async(self._calls, self.inner.handle_async_request, request)

    async def __aenter__(self) -> _ObservedAsyncTransport:
        await self.inner.__aenter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        await self.inner.__aexit__(*exc_info)

    async def aclose(self) -> None:
        await self.inner.aclose()


def _observe(transport: Any, observed: Callable[..., Any], calls: OutgoingCalls) -> Any:
    """Return a transport with these calls observed; a mount without one has None."""
    if isinstance(transport, _ObservedTransport | _ObservedAsyncTransport):
        transport = transport.inner  # an earlier call of `instrument`
    return None if transport is None else observed(transport, calls)


def _send(calls: OutgoingCalls, send: _Handle, request: httpx.Request) -> httpx.Response:
    prepared = calls.prepare(_prepare, request)
    if prepared is request:
        return send(request)
    with OutgoingCall(calls, _find_target, request) as call:
        response = send(prepared)
        call.status_code = response.status_code
    return response


async def _send_async(
    calls: OutgoingCalls, send: _AsyncHandle, request: httpx.Request
) -> httpx.Response:
    prepared = calls.prepare(_prepare, request)
    if prepared is request:
        return await send(request)
    with OutgoingCall(calls, _find_target, request) as call:
        response = await send(prepared)
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
    added: list[tuple[str, str]] = []
    # The host as HTTPX connects to it: an IDN is encoded.
    if calls.hosts.allows(url.raw_host.decode("ascii"), _port(url)):
        names = [name for _, name, _ in request.headers._list]
        taken = [] if _NAMES.isdisjoint(names) else [name.decode() for name in names]
        added = calls.headers(taken)
    if not (added or calls.is_observing):
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
