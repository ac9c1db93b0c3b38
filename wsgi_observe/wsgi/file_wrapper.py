"""The bodies that servers have a fast path for: of a known length, and native files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from wsgi_observe.wsgi.exchange import Exchange


class SizedBody:
    """A body of a known number of chunks: of a single one servers make a ``Content-Length``.

    Of our own class: granian and bjoern never close a list. To be iterated as often as a list:
    the servers of gevent and eventlet add the chunks up before they send them.
    """

    __slots__ = ("_count", "_exchange")

    def __init__(self, exchange: Exchange, count: int) -> None:
        self._exchange = exchange
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._exchange)

    def close(self) -> None:
        """End the request."""
        self._exchange.close()


class _ChunksAfterFirst:
    """The chunks of a sized body from the second on, each time that it is iterated."""

    __slots__ = ("_body",)

    def __init__(self, body: SizedBody) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return islice(self._body, 1, None)


def as_sized_body(exchange: Exchange, body: Any) -> Iterable[bytes]:
    """Return the exchange as a body of the length that the app's has, if it will say it."""
    try:
        count = 1 if isinstance(body, bytes) else len(body)
    except Exception:
        return exchange
    if count > 1:
        if isinstance(body, (list, tuple)):
            exchange.set_remaining(body[1:])
        elif isinstance(body, SizedBody):  # with a middleware of others between two of ours
            exchange.set_remaining(_ChunksAfterFirst(body))
        else:
            return exchange  # it may not be for iterating twice
    return SizedBody(exchange, count)


def as_bytes(chunk: Any) -> bytes:
    """Return a chunk as bytes; raise TypeError for what is neither bytes nor bytes-like.

    PEP 3333 lets an app yield bytes only, but Waitress, Granian and gevent send a bytearray, a
    memoryview or any other buffer as well. Gunicorn, uWSGI, cheroot, Werkzeug and wsgiref would
    break the response off over it. A copy is right on all of them, also for an app that fills
    the buffer again before the server has sent it.
    """
    if isinstance(chunk, bytes):
        return chunk
    try:
        return memoryview(chunk).tobytes()
    except TypeError:
        kind = type(chunk).__name__
        raise TypeError(f"a WSGI app yields bytes (PEP 3333), got {kind}") from None


def may_use_sendfile(exchange: Exchange, environ: WSGIEnvironment, body: object) -> bool:
    """Return whether the server may send `body` by its own means, a file of its own kind.

    The server's ``wsgi.file_wrapper`` has made it then. That is a class nearly everywhere, and on
    uWSGI a function that returns the file.
    """
    wrapper = environ["wsgi.file_wrapper"]
    if not (isinstance(body, wrapper) if isinstance(wrapper, type) else hasattr(body, "read")):
        return False
    if not exchange.status or exchange.headers_sent_at:
        return False
    return exchange.error_handler is None or exchange.status < "4"


def send_native_file(exchange: Exchange, body: Any) -> Iterable[bytes]:
    """Let the server send a file of its own kind, by its own means."""
    exchange.send_headers()
    if _replace_close(exchange, body):
        exchange.is_native_file = True
        exchange.bytes_yielded = exchange.content_length() or 0
        return body  # type: ignore[no-any-return]
    exchange.set_app_iter(body)
    return exchange


def _replace_close(exchange: Exchange, body: Any) -> bool:
    """Have `body` itself end the request when the server closes it; False if it will not let us.

    Servers use sendfile only for the very object that they made. Those of bjoern and mod_wsgi
    are C objects whose `close` is read-only.
    """
    try:
        body.close = _FileClose(exchange)
    except (AttributeError, TypeError):
        return False
    return True


class _FileClose:
    """The `close` of a native file."""

    __slots__ = ("_exchange",)

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def __call__(self) -> None:
        # Whether the file went through, only the server knows: it closes it while it handles
        # a lost client.
        if self._exchange.new_exception() is None:
            self._exchange.outcome = "complete"
        self._exchange.close()
