"""Writes one line for each request, when its response has ended, however it ended."""

from __future__ import annotations

import logging
from time import perf_counter
from typing import TYPE_CHECKING

from wsgi_observe.core.environ import printable, request_line
from wsgi_observe.core.exchange import Exchange
from wsgi_observe.core.layer import Layer
from wsgi_observe.core.records import RecordMaker

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("wsgi_observe.access")
_records = RecordMaker(_log, logging.INFO, __file__)


class AccessLog(Layer):
    """Write the access line to the logger ``wsgi_observe.access``; probes write none."""

    def join(self, exchange: Exchange, environ: WSGIEnvironment) -> None:
        """Start the clock."""
        scope = exchange.scope
        if not scope.access_logged:
            scope.access_logged = True
            exchange.started_at = perf_counter()
            exchange.at_end = (_write_line, *exchange.at_end)


def _write_line(exchange: Exchange) -> None:
    if exchange.scope.is_probe or not _log.isEnabledFor(logging.INFO):
        return
    code = exchange.code
    message = f"{request_line(exchange.environ)} {code}"
    _log.handle(_records.make(message, _facts(exchange, code)))


def _facts(exchange: Exchange, code: int) -> dict[str, object]:
    started = exchange.started_at
    facts: dict[str, object] = {
        "status": code,
        "duration_ms": round((perf_counter() - started) * 1000, 3),
        "response_bytes": exchange.sent,
        "outcome": exchange.outcome,
    }
    if exchange.went_out_at:
        facts["ttfb_ms"] = round((exchange.went_out_at - started) * 1000, 3)
    if "HTTP_USER_AGENT" in exchange.environ:
        facts["user_agent"] = printable(exchange.environ["HTTP_USER_AGENT"])
    if exchange.exc_type is not None:
        facts["exc_type"] = exchange.exc_type
    return facts
