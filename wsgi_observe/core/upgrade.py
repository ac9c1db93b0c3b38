"""A request for a WebSocket: left to the app and the server, but for its ID and its line."""

from __future__ import annotations

from collections.abc import Iterable
from types import GeneratorType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

    from wsgi_observe.core.exchange import Exchange


def run_unheld(
    exchange: Exchange, app: WSGIApplication, environ: WSGIEnvironment
) -> Iterable[bytes]:
    """Call the app and hold nothing back: it may take the socket and never start a response."""
    exchange.unheld = True
    body = app(environ, exchange.start_response)
    if exchange.status or isinstance(body, GeneratorType):  # which starts on its first `next`
        exchange.adopt(body)
        return exchange.put_kept_first()
    exchange.outcome = "upgraded"
    exchange.close()
    return body
