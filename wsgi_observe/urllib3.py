"""urllib3 integration: calls are counted, carry the request's ID and trace, and have a line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPHeaderDict, PoolManager
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from wsgi_observe.outgoing import (
    DEFAULT_PORTS,
    HEADER_NAMES,
    MARK,
    OutgoingCall,
    OutgoingCalls,
    PropagatedValue,
    Target,
    mark,
    patch_method,
)
from wsgi_observe.settings import Settings

__all__ = ["install", "instrument"]

M = TypeVar("M", bound=PoolManager)


def instrument(
    manager: M,
    hosts: Iterable[str] | None = None,
    settings: Settings | None = None,
    **overrides: Any,
) -> M:
    """Count the calls of one pool manager; those to `hosts` carry the request's ID and trace.

    The access line of the request has their number and duration, ``http_calls`` and
    ``http_calls_ms``.

    :param manager: a ``PoolManager`` or ``ProxyManager``; its idle connections are closed.
    :param hosts: the setting ``propagate_to``; what is installed for the process adds none.
    :param overrides: fields of `Settings`, over those of `settings`: ``log_calls``.
    :returns: the manager.
    :raises SettingsError: for an unknown setting or an invalid value.

    >>> manager = instrument(PoolManager(), hosts=["*.internal"])
    """
    if not isinstance(manager, PoolManager):
        raise TypeError(f"manager must be a urllib3.PoolManager, got {manager!r}")
    calls = OutgoingCalls.to_hosts(hosts, settings, overrides)
    manager.pool_classes_by_scheme = {
        scheme: _observe(pool_class, calls)
        for scheme, pool_class in manager.pool_classes_by_scheme.items()
    }
    manager.clear()
    return manager


def install(settings: Settings | None = None, **overrides: Any) -> None:
    """Do the same for every pool of this process, to the hosts of ``propagate_to``.

    Pool managers that are instrumented keep their own hosts. Requests sends by these pools too.

    :param settings: by default those of the environment, ``WSGI_OBSERVE_PROPAGATE_TO``.
    :raises SettingsError: for an unknown setting or an invalid value.
    """
    calls = OutgoingCalls((settings or Settings.from_env(os.environ)).replace(**overrides))
    patch_method(HTTPConnectionPool, "urlopen", _send, calls)


def _observe(pool_class: Any, calls: OutgoingCalls) -> Any:
    observed = type(pool_class.__name__, (pool_class,), {})
    patch_method(observed, "urlopen", _send, calls)
    return observed


def _send(
    calls: OutgoingCalls,
    urlopen: Any,
    method: str,
    url: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    *args: Any,
    **kwargs: Any,
) -> BaseHTTPResponse:
    pool: HTTPConnectionPool = urlopen.__self__
    host, port = _find_host(pool, url)
    headers = pool.headers if headers is None else headers
    with OutgoingCall(calls, _prepare, _find_target, headers, host, port, method, url) as call:
        response: BaseHTTPResponse = urlopen(method, url, body, call.sent, *args, **kwargs)
        call.status_code = response.status
    return response


def _find_target(_: object, host: str, port: int | None, method: str, url: str) -> Target:
    path = url if url.startswith("/") else parse_url(url).path or ""
    return method, host, port, path.partition("?")[0]


class _CallDict(dict[str, str]):
    """The headers of one call, also where urllib3 copies them and sends it again."""

    def copy(self) -> _CallDict:
        return mark(_CallDict(self), getattr(self, MARK))


class _CallHeaderDict(HTTPHeaderDict):
    """The same, where a header has several lines."""

    def copy(self) -> _CallHeaderDict:
        return mark(_CallHeaderDict(self), getattr(self, MARK))


def _prepare(
    calls: OutgoingCalls, headers: Mapping[str, str], host: str, port: int | None, *_: str
) -> Mapping[str, str]:
    """Return a copy with the headers of this call; `headers` if there is nothing to do."""
    marked = getattr(headers, MARK, None)
    # A pool on a proxy follows redirects to other hosts if it is asked to.
    if marked is True or marked == (host, port):
        return headers
    own, taken = [], []
    name: Any  # urllib3 sends bytes, too
    for name, value in headers.items():
        if value.__class__ is PropagatedValue:
            own.append(name)
            continue
        key = (name.decode("latin-1") if isinstance(name, bytes) else name).lower()
        if key in HEADER_NAMES:
            taken.append(key)
    added = calls.headers(host, port, taken)
    if added is None and not own:
        return headers
    kind = _CallHeaderDict if isinstance(headers, HTTPHeaderDict) else _CallDict
    result = mark(kind(headers), (host, port))
    for name in own:
        del result[name]
    for name, value in added or ():
        result[name] = value
    return result


def _find_host(pool: HTTPConnectionPool, url: str) -> tuple[str, int | None]:
    """Return the host and the port of a call: a proxy is sent the whole URL of the target."""
    if url.startswith("/"):
        return pool.host, pool.port or DEFAULT_PORTS.get(pool.scheme)
    if pool.proxy is None:
        return "", None  # to any other server the host is whatever this is
    try:
        target = parse_url(url)
    except LocationParseError:
        return "", None
    return target.host or "", target.port or DEFAULT_PORTS.get(target.scheme or "")
