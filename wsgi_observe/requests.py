"""Requests integration: calls are counted, carry the request's ID and trace, and have a line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import lru_cache
from types import MethodType
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from wsgi_observe.outgoing import (
    DEFAULT_PORTS,
    MARK,
    OutgoingCall,
    OutgoingCalls,
    Target,
    copy_shallow,
    patch_method,
)
from wsgi_observe.settings import Settings

__all__ = ["install", "instrument"]

S = TypeVar("S", bound=requests.Session)


def instrument(
    session: S,
    hosts: Iterable[str] | None = None,
    settings: Settings | None = None,
    **overrides: Any,
) -> S:
    """Count the calls of one session; those to `hosts` carry ``X-Request-ID`` and the trace.

    The access line of the request has their number and duration, ``http_calls`` and
    ``http_calls_ms``.

    :param hosts: the setting ``propagate_to``; what is installed for the process adds none.
    :param overrides: fields of `Settings`, over those of `settings`: ``log_calls``.
    :returns: the session.
    :raises SettingsError: for an unknown setting or an invalid value.

    >>> session = instrument(requests.Session(), hosts=["*.internal"])
    """
    if not isinstance(session, requests.Session):
        raise TypeError(f"session must be a requests.Session, got {session!r}")
    calls = OutgoingCalls.to_hosts(hosts, settings, overrides)
    get_adapter = type(session).get_adapter

    def get_observed_adapter(session: S, url: str) -> Any:
        return _ObservedAdapter(get_adapter(session, url), calls)

    session.get_adapter = MethodType(get_observed_adapter, session)  # type: ignore[method-assign]
    return session


def install(settings: Settings | None = None, **overrides: Any) -> None:
    """Do the same for every session of this process, to the hosts of ``propagate_to``.

    Sessions that are instrumented keep their own hosts.

    :param settings: by default those of the environment, ``WSGI_OBSERVE_PROPAGATE_TO``.
    :raises SettingsError: for an unknown setting or an invalid value.
    """
    calls = OutgoingCalls((settings or Settings.from_env(os.environ)).replace(**overrides))
    patch_method(HTTPAdapter, "send", _send, calls)


class _ObservedAdapter:
    """Sends by another adapter, what each redirect leads to included."""

    def __init__(self, adapter: BaseAdapter, calls: OutgoingCalls) -> None:
        self._adapter = adapter
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Send one request; by the response's `connection` hooks send another."""
        response = _send(self._calls, self._adapter.send, request, *args, **kwargs)
        if getattr(response, "connection", None) is self._adapter:
            response.connection = self  # type: ignore[assignment]
        return response


def _send(
    calls: OutgoingCalls,
    send: Callable[..., requests.Response],
    request: requests.PreparedRequest,
    *args: Any,
    **kwargs: Any,
) -> requests.Response:
    call = OutgoingCall(calls, _prepare, _find_target, request)
    try:
        with call:
            response = send(call.sent, *args, **kwargs)
            call.status_code = response.status_code
    except requests.RequestException as error:
        if error.request is call.sent:
            error.request = request
        raise
    # The caller may send it again by another session and to another host, as hooks do.
    if getattr(response, "request", None) is call.sent:
        response.request = request
    return response


def _find_target(request: requests.PreparedRequest) -> Target:
    url = request.url or ""
    return request.method or "", *_find_host(url), urlsplit(url).path


class _CallHeaders(CaseInsensitiveDict[Any]):
    """The headers of one call."""


setattr(_CallHeaders, MARK, True)


def _prepare(calls: OutgoingCalls, request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Return a copy with the headers of this call; the request itself if there is nothing to do."""
    headers: Any = request.headers
    if headers.__class__ is _CallHeaders:
        return request
    store = headers._store
    added = calls.headers(*_find_host(request.url or ""), store)
    if added is None:
        return request
    if added:
        store = store.copy()  # its own methods take five times as long
    for name, value in added:
        store[name.lower()] = (name, value)
    request = copy_shallow(request)
    request.headers = _CallHeaders.__new__(_CallHeaders)
    request.headers._store = store
    return request


def _find_host(url: str) -> tuple[str, int | None]:
    end = url.find("/", len("https://"))
    return _parse_origin(url if end < 0 else url[:end])


@lru_cache(1024)
def _parse_origin(origin: str) -> tuple[str, int | None]:
    r"""Return the host and the port that a URL is sent to; no host where parsers do not agree.

    Requests connects to what one of the two has read, by its version: ``http://a\@b`` is sent to
    a or to b.
    """
    try:
        split, parsed = urlsplit(origin), parse_url(origin)
        host, port = split.hostname or "", split.port
    except (ValueError, LocationParseError):
        return "", None
    is_same = (parsed.host or "").strip("[]") == host and parsed.port == port
    if not is_same or split.scheme not in DEFAULT_PORTS:
        return "", None
    return host, port or DEFAULT_PORTS[split.scheme]
