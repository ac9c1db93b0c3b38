"""Writes one line for each request, when its response has ended, however it ended."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from wsgi_observe.core.environ import printable, request_line
from wsgi_observe.core.exchange import Exchange
from wsgi_observe.core.layer import Layer
from wsgi_observe.core.loggers import watch
from wsgi_observe.core.once import ask
from wsgi_observe.core.peer import ClientAddress
from wsgi_observe.core.records import RecordMaker
from wsgi_observe.logs.direct import access, write_directly
from wsgi_observe.settings import Settings

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

    from wsgi_observe.core.redact import Redactor

_records = RecordMaker(access, logging.INFO, __file__)


class AccessLog(Layer):
    """Write the access line to the logger ``wsgi_observe.access``; probes write none.

    Its level is INFO, and ERROR for a 5xx of which the request has logged no ERROR.

    :param access_level: asked with the environ, the status and the seconds for the line's level,
        instead of that rule; None from it is silence.
    :param access_fields: which of ``host``, ``referer`` and ``request_bytes`` are on it too.
    :param access_query: whether the query string is told; without secrets, unless `redact` is off.
    :param redact_add: and `redact_keep`: names added to, and taken from, those that are sensitive.
    :param redact_patterns: regular expressions; what matches one is left out.
    :param redact_personal: whether e-mail addresses and phone numbers are left out too.
    :param remote_addr: how much of the client's address the request's lines show: ``full``,
        ``truncated`` (/24, /48), ``off``.
    :param trusted_proxies: how many proxies, or which networks, are trusted to say in
        ``X-Forwarded-For`` who the client is.
    :raises SettingsError: for an unfit setting.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        access_level: Callable[[Mapping[str, Any], int, float], int | None] | None = None,
        access_fields: Iterable[str] = (),
        access_query: bool = False,
        remote_addr: str = "full",
        trusted_proxies: int | Iterable[str | IPv4Network | IPv6Network] = 0,
        redact: bool = True,
        redact_add: Iterable[str] = (),
        redact_keep: Iterable[str] = (),
        redact_patterns: Iterable[str] = (),
        redact_personal: bool = False,
    ) -> None:
        settings = Settings(
            access_level=access_level,
            access_fields=access_fields,
            access_query=access_query,
            remote_addr=remote_addr,
            trusted_proxies=trusted_proxies,
            redact=redact,
            redact_add=redact_add,
            redact_keep=redact_keep,
            redact_patterns=redact_patterns,
            redact_personal=redact_personal,
        )
        super().__init__(app)
        self._level: Any = settings.access_level
        self._query = _query_of(settings)
        self._fields = _optional_fields(settings)
        self._client = ClientAddress(settings.remote_addr, settings.trusted_proxies)
        self._notes_client = not self._client.is_peers
        self._hooks = (self._write_line,)

    def join(self, exchange: Exchange, environ: WSGIEnvironment) -> None:
        """Start the clock."""
        scope = exchange.shared or exchange
        if scope.started_at:
            return
        if self._notes_client:
            self._client.note(scope, environ)
        scope.started_at = exchange.started_at = now = perf_counter()
        if now >= watch.due:
            watch.check()
        exchange.at_end = (*self._hooks, *exchange.at_end) if exchange.at_end else self._hooks

    def _write_line(self, exchange: Exchange) -> None:
        scope = exchange.shared or exchange
        if scope.is_probe:
            return
        now = perf_counter()
        if now >= watch.due:
            watch.check()
        seconds = now - exchange.started_at
        code = exchange.code
        # Of a 5xx there is one ERROR line; what an app answers by itself has no other.
        level = logging.ERROR if code >= 500 and not scope.error_logged else logging.INFO
        if self._level is not None:
            level = self._ask_level(exchange, code, seconds, level)
        if not level or not access.isEnabledFor(level):
            return
        query = "" if self._query is None else exchange.environ.get("QUERY_STRING", "")
        if query or self._fields or not write_directly(exchange, level, code, seconds):
            facts = _facts(exchange, code, seconds)
            for name, read in self._fields.items():
                if (value := read(exchange.environ)) is not None:
                    facts[name] = value
            if query and self._query is not None:
                facts["query_string"] = self._query(query)
            message = f"{request_line(exchange.environ)} {code}"
            access.handle(_records.make(message, facts, level))

    def _ask_level(self, exchange: Exchange, code: int, seconds: float, default: int) -> int:
        # In a tuple: None is an answer, and what a failure gives instead of one.
        answer = ask("access_level", self._level_of, exchange.environ, code, seconds)
        return default if answer is None else answer[0]

    def _level_of(self, environ: WSGIEnvironment, code: int, seconds: float) -> tuple[int]:
        answer = self._level(environ, code, seconds)
        if answer is not None and not isinstance(answer, int):
            raise TypeError(f"access_level returns a level or None, got {answer!r}")
        return (answer or 0,)


def _query_of(settings: Settings) -> Callable[[str], str] | None:
    """Return what makes a query fit to be told, if it is."""
    if not settings.access_query:
        return None
    return settings.redactor().query if settings.redact else printable


def _optional_fields(settings: Settings) -> dict[str, Callable[[WSGIEnvironment], object]]:
    """Return how the fields that are on the line only on request are read from an environ."""
    if not settings.access_fields:
        return {}
    redactor = settings.redactor() if settings.redact else None
    readers: dict[str, Callable[[WSGIEnvironment], object]] = {
        "host": partial(_header, "HTTP_HOST", redactor),
        "referer": partial(_header, "HTTP_REFERER", redactor),
        "request_bytes": _request_bytes,
    }
    return {name: readers[name] for name in settings.access_fields}


def _header(key: str, redactor: Redactor | None, environ: WSGIEnvironment) -> str | None:
    """Return a header that may be a URL, without secrets; None where there is none."""
    if key not in environ:
        return None
    value = str(environ[key])
    if redactor is not None:
        from wsgi_observe.core.masked import on_this_path  # loaded with the redactor

        # The page before may have been one of the app's own.
        path = value.partition("?")[0].partition("://")[2].partition("/")[2]
        scheme = "http://" if key == "HTTP_HOST" else ""  # nothing but a client's `user:password@`
        value = on_this_path(redactor, f"/{path}").url(scheme + value).removeprefix(scheme)
    return printable(value)


def _request_bytes(environ: WSGIEnvironment) -> int | None:
    """Return the size of the request's body as its client declares it; None for a chunked one."""
    declared = environ.get("CONTENT_LENGTH") or ""
    if declared.isdecimal() and len(declared) < 20:
        return int(declared)
    return 0 if not declared and "HTTP_TRANSFER_ENCODING" not in environ else None


def _facts(exchange: Exchange, code: int, seconds: float) -> dict[str, object]:
    # `int` takes half the time of `round`.
    facts: dict[str, object] = {
        "status_code": code,
        "duration_ms": int(seconds * 1_000_000) / 1000,
        "response_bytes": exchange.written + exchange.passed,
        "outcome": exchange.outcome,
    }
    if exchange.went_out_at:
        facts["ttfb_ms"] = int((exchange.went_out_at - exchange.started_at) * 1_000_000) / 1000
    environ = exchange.environ
    if "HTTP_USER_AGENT" in environ:
        agent = environ["HTTP_USER_AGENT"]
        facts["user_agent"] = agent if agent.isprintable() else printable(agent)
    if exchange.exc_type is not None:
        facts["exc_type"] = exchange.exc_type
    return facts
