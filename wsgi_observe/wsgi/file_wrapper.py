"""Files that the server sends by its own means, such as sendfile (``wsgi.file_wrapper``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from wsgi_observe.wsgi.exchange import Exchange
from wsgi_observe.wsgi.response_body import ResponseBody

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def may_use_sendfile(exchange: Exchange, environ: WSGIEnvironment, app_iter: object) -> bool:
    """Return whether `app_iter` is a file that the server's ``wsgi.file_wrapper`` has made.

    That is a class nearly everywhere, and on uWSGI a function that returns the file.
    """
    wrapper = environ["wsgi.file_wrapper"]
    is_class = isinstance(wrapper, type)
    if not (isinstance(app_iter, wrapper) if is_class else hasattr(app_iter, "read")):
        return False
    response = exchange.response
    if not response.status or response.headers_sent_at:
        return False
    return exchange.error_handler is None or response.status < "4"


def send_native_file(exchange: Exchange, file: Any) -> Iterable[bytes]:
    """Return a file of the server's own kind as the body, so that it is sent by its own means."""
    exchange.send_headers()
    if not _replace_close(exchange, file):
        return ResponseBody(exchange, None, iter(file))
    response = exchange.response
    response.is_native_file = True
    response.bytes_yielded = response.content_length or 0
    return file  # type: ignore[no-any-return]


def _replace_close(exchange: Exchange, file: Any) -> bool:
    """Have `file` itself end the exchange when the server closes it; False if it is read-only.

    Servers use sendfile only for the very object that they made. Those of bjoern and mod_wsgi
    are C objects whose `close` cannot be set.
    """
    try:
        file.close = _FileClose(exchange)
    except (AttributeError, TypeError):
        return False
    return True


class _FileClose:
    """The `close` of a native file."""

    __slots__ = ("_exchange",)

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def __call__(self) -> None:
        # Whether all of the file was sent, only the server knows: it closes it while it handles
        # a client's disconnect.
        if self._exchange.new_exception() is None:
            self._exchange.response.outcome = "complete"
        self._exchange.close()
