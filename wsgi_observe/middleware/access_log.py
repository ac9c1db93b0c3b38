"""AccessLog: the middleware that writes one line for each request when its response has ended."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any
from wsgiref.types import WSGIApplication, WSGIEnvironment

from wsgi_observe._loggers import ACCESS_LOGGER, config_watch, get_logger
from wsgi_observe._safely import call_safely
from wsgi_observe.field_names import RESERVED_NAMES, free_name
from wsgi_observe.logs.log_record import AccessLogger
from wsgi_observe.settings import Settings
from wsgi_observe.wsgi.client_address import ClientAddressResolver
from wsgi_observe.wsgi.environ import printable, request_line
from wsgi_observe.wsgi.exchange import Exchange
from wsgi_observe.wsgi.middleware import Middleware

access = get_logger(ACCESS_LOGGER)
_access_logger = AccessLogger(access, __file__)


class AccessLog(Middleware):
    """Write the access line to the logger ``wsgi_observe.access``; probes write none.

    Its level is INFO, and ERROR for a 5xx of which the request has logged no ERROR, or a body that
    is shorter or longer than its ``Content-Length``.

    :param settings: the defaults of the following.
    :param access_level: called with the environ, the status code and the seconds; returns the
        line's level, or None for no line.
    :param access_fields: which of ``host``, ``referer`` and ``request_bytes`` are on it too.
    :param access_query: whether the query string is on it, without secrets unless `redact` is off.
    :param redact_add: names that are sensitive too; `redact_keep`: names that are not.
    :param redact_patterns: regular expressions; their matches are left out.
    :param redact_personal: whether e-mail addresses and phone numbers are left out too.
    :param remote_addr: how much of the client's address the request's log lines show: ``full``,
        ``truncated`` (/24, /48), ``off``.
    :param trusted_proxies: how many proxies, or which networks, are trusted to name the client in
        ``X-Forwarded-For``.
    :raises SettingsError: for an unknown setting or an invalid value.
    """

    def __init__(
        self, app: WSGIApplication, settings: Settings | None = None, **overrides: Any
    ) -> None:
        settings = (settings or Settings()).replace(**overrides)
        super().__init__(app)
        self._access_level: Any = settings.access_level
        self._field_readers = _optional_field_readers(settings)
        self._address_resolver = ClientAddressResolver(
            settings.remote_addr, settings.trusted_proxies
        )
        self._resolves_client = not self._address_resolver.is_default
        self._close_hooks = (self._write_line,)

    def process_request(self, exchange: Exchange, environ: WSGIEnvironment) -> None:
        """Start the clock."""
        context = exchange.context
        if context.started_at:
            return
        if self._resolves_client:
            self._address_resolver.apply_to(context, environ)
        context.started_at = now = perf_counter()
        if now >= config_watch.due_at:
            config_watch.check()
        exchange.on_close = (
            (*self._close_hooks, *exchange.on_close) if exchange.on_close else self._close_hooks
        )

    def _write_line(self, exchange: Exchange) -> None:
        context, response = exchange.context, exchange.response
        if context.is_probe:
            return
        now = perf_counter()
        if now >= config_watch.due_at:
            config_watch.check()
        seconds = now - context.started_at
        status_code = response.status_code
        # A failure has one ERROR line; one without an exception has no other.
        has_failed = status_code >= 500 or (
            response.outcome == "broken" and context.exc_type is None
        )
        level = logging.ERROR if has_failed and not context.error_logged else logging.INFO
        if self._access_level is not None:
            environ = exchange.environ
            chosen = call_safely("access_level", self._choose_level, environ, status_code, seconds)
            level = level if chosen is None else chosen
        if not level or not access.isEnabledFor(level):
            return
        fields = _access_fields(exchange, status_code, seconds)
        for name, read in self._field_readers.items():
            if (value := read(exchange.environ)) is not None:
                fields[name] = value
        if context.totals is not None:
            taken = RESERVED_NAMES | context.fields.keys()
            for name, amount in context.totals.items():  # times to the microsecond
                fields[free_name(name, taken)] = round(amount, 3)
        _access_logger.log(level, f"{request_line(exchange.environ)} {status_code}", fields)

    def _choose_level(self, environ: WSGIEnvironment, status_code: int, seconds: float) -> int:
        """Return the level that the user's callable returns; 0 for no line."""
        result = self._access_level(environ, status_code, seconds)
        if result is not None and not isinstance(result, int):
            raise TypeError(f"access_level returns a level or None, got {result!r}")
        return result or 0


def _optional_field_readers(settings: Settings) -> dict[str, Callable[[WSGIEnvironment], object]]:
    """Return how each optional field that is wanted is read from an environ; None leaves it out."""
    wanted = (*settings.access_fields, *(("query_string",) if settings.access_query else ()))
    if not wanted:
        return {}
    from wsgi_observe.redaction import path_secrets  # only for those who have such a field

    redact_host: Callable[[str], str] = str  # as it is
    redact_url = redact_query = redact_host
    if settings.redact:
        redactor = settings.redactor()
        redact_host = partial(path_secrets.redact_host, redactor)
        redact_url = partial(path_secrets.redact_url, redactor)
        redact_query = redactor.query
    readers: dict[str, Callable[[WSGIEnvironment], object]] = {
        "host": partial(_read_text, "HTTP_HOST", redact_host),
        "referer": partial(_read_text, "HTTP_REFERER", redact_url),
        "request_bytes": _request_bytes,
        "query_string": lambda environ: _read_text("QUERY_STRING", redact_query, environ) or None,
    }
    return {name: readers[name] for name in wanted}


def _read_text(key: str, redact: Callable[[str], str], environ: WSGIEnvironment) -> str | None:
    return printable(redact(str(environ[key]))) if key in environ else None


def _request_bytes(environ: WSGIEnvironment) -> int | None:
    """Return the size of the request body as the client declares it; None for a chunked one."""
    declared = environ.get("CONTENT_LENGTH") or ""
    if declared.isdecimal() and len(declared) < 20:
        return int(declared)
    return 0 if not declared and "HTTP_TRANSFER_ENCODING" not in environ else None


def _access_fields(exchange: Exchange, status_code: int, seconds: float) -> dict[str, object]:
    response = exchange.response
    # `int` takes half the time of `round`.
    fields: dict[str, object] = {
        "status_code": status_code,
        "duration_ms": int(seconds * 1_000_000) / 1000,
        "response_bytes": response.bytes_written + response.bytes_yielded,
        "outcome": response.outcome,
    }
    if response.headers_sent_at:
        ttfb = response.headers_sent_at - exchange.context.started_at
        fields["ttfb_ms"] = int(ttfb * 1_000_000) / 1000
    environ = exchange.environ
    if "HTTP_USER_AGENT" in environ:
        agent = environ["HTTP_USER_AGENT"]
        fields["user_agent"] = agent if agent.isprintable() else printable(agent)
    if exchange.context.exc_type is not None:
        fields["exc_type"] = exchange.context.exc_type
    return fields
