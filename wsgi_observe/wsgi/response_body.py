"""The response body that the server iterates and closes in place of the app's (PEP 3333).

Or a file of the server's own, which it sends by its own means (``wsgi.file_wrapper``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from sys import exception
from typing import Any
from wsgiref.types import WSGIEnvironment

from wsgi_observe.context import activate, get_raw_context
from wsgi_observe.wsgi.exceptions import is_close_of_generator
from wsgi_observe.wsgi.exchange import Exchange
from wsgi_observe.wsgi.response import as_bytes


class ResponseBody:
    """Passes the app's chunks on, each as it comes, and ends the exchange when it is closed.

    :param first_chunk: None for a body without chunks.
    :param remaining: the chunks after it.
    :param count: the number of chunks, of a `SizedBody`.
    """

    __slots__ = ("_count", "_exchange", "_first_chunk", "_remaining")

    def __init__(
        self,
        exchange: Exchange,
        first_chunk: bytes | None,
        remaining: Iterable[bytes],
        count: int | None = None,
    ) -> None:
        if exchange.pending_writes:
            first_chunk = exchange.take_pending_writes() + (first_chunk or b"")
        self._exchange = exchange
        self._first_chunk = first_chunk
        self._remaining = remaining
        self._count = count

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks; each is counted, and made with the request's context bound."""
        exchange = self._exchange
        context, response = exchange.context, exchange.response
        try:
            # Counted again each time: some servers add a sized body up before they send it.
            bytes_yielded = 0
            first_chunk = self._first_chunk
            if first_chunk is not None:
                response.bytes_yielded = bytes_yielded = len(first_chunk)
                exchange.prior_exception = exception()
                yield first_chunk
            if get_raw_context() is not context:
                self._reactivate()
            for chunk in self._remaining:
                if chunk.__class__ is not bytes or exchange.pending_writes:
                    chunk = exchange.take_pending_writes() + as_bytes(chunk)
                response.bytes_yielded = bytes_yielded = bytes_yielded + len(chunk)
                exchange.prior_exception = exception()
                yield chunk
                if get_raw_context() is not context:
                    self._reactivate()
            if exchange.pending_writes:
                last_chunk = exchange.take_pending_writes()
                response.bytes_yielded += len(last_chunk)
                exchange.prior_exception = exception()
                yield last_chunk
        except BaseException as error:
            if is_close_of_generator(error):
                raise
            raise exchange.record_late_failure(error)
        if response.outcome is None:
            exchange.record_end_of_body()

    def _reactivate(self) -> None:
        """Bind the request again before the app makes its next chunk.

        The server may pull it from another thread, greenlet or context, or have pulled one of
        another request's in between. A ``log_context`` that the app has left open stays.
        """
        context = self._exchange.context
        if not self._exchange.is_closed and not context.is_ancestor_of(get_raw_context()):
            activate(context)

    def close(self) -> None:
        """End the exchange."""
        self._first_chunk, self._remaining = None, ()
        self._exchange.close()


class SizedBody(ResponseBody):
    """A body of a known number of chunks: of a single one servers make a ``Content-Length``.

    Of our own class: granian and bjoern never close a list. To be iterated as often as a list:
    the servers of gevent and eventlet add the chunks up before they send them.
    """

    __slots__ = ()

    def __len__(self) -> int:
        return self._count or 0


class _ChunksAfterFirst:
    """The chunks of a sized body from the second on, each time that it is iterated."""

    __slots__ = ("_body",)

    def __init__(self, body: SizedBody) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return islice(self._body, 1, None)


def make_sized_body(
    exchange: Exchange, first_chunk: bytes | None, remaining: Iterable[bytes], app_iter: Any
) -> ResponseBody:
    """Return a body of the length of `app_iter`, unless that may not be iterated twice."""
    try:
        count = 1 if isinstance(app_iter, bytes) else len(app_iter)
    except Exception:
        return ResponseBody(exchange, first_chunk, remaining)
    if count > 1:
        if isinstance(app_iter, (list, tuple)):
            remaining = app_iter[1:]
        elif isinstance(app_iter, SizedBody):  # with a middleware of others between two of ours
            remaining = _ChunksAfterFirst(app_iter)
        else:
            return ResponseBody(exchange, first_chunk, remaining)
    return SizedBody(exchange, first_chunk, remaining, count)


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
    """Return a file of the server's own kind as the body, so that it is sent by its own means.

    Servers use sendfile only for the very object that they made, so that itself ends the exchange
    when the server closes it. Those of bjoern and mod_wsgi are C objects whose `close` cannot be
    set.
    """
    exchange.send_headers()
    try:
        file.close = partial(_close_native_file, exchange)
    except (AttributeError, TypeError):
        return ResponseBody(exchange, None, iter(file))
    response = exchange.response
    response.is_native_file = True
    response.bytes_yielded = response.content_length or 0
    return file  # type: ignore[no-any-return]


def _close_native_file(exchange: Exchange) -> None:
    # Whether all of the file was sent, only the server knows: it closes it while it handles a
    # client's disconnect.
    if exchange.new_exception() is None:
        exchange.response.outcome = "complete"
    exchange.close()
