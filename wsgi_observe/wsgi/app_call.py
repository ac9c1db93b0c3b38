"""The call of the app: wait for its first chunk, respond to its failures, send the headers."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from types import GeneratorType
from typing import Any
from wsgiref.types import WSGIApplication, WSGIEnvironment

from wsgi_observe.context import activate, attach_request_id, request_hooks
from wsgi_observe.wsgi.exceptions import is_logged, is_shutdown
from wsgi_observe.wsgi.exchange import Exchange, OptExcInfo
from wsgi_observe.wsgi.headers import find_app_request_id
from wsgi_observe.wsgi.response import StaticResponse, as_bytes
from wsgi_observe.wsgi.response_body import (
    ResponseBody,
    SizedBody,
    make_sized_body,
    may_use_sendfile,
    send_native_file,
)

_EXHAUSTED = object()


def call_app(exchange: Exchange, app: WSGIApplication, environ: WSGIEnvironment) -> Iterable[bytes]:
    """Call the app, wait for its first chunk and send the headers; return the response body."""
    activate(exchange.context)
    try:
        for hook in request_hooks:
            hook(exchange.context)
        if "HTTP_UPGRADE" in environ and environ["HTTP_UPGRADE"].lower() == "websocket":
            return _call_upgrade(exchange, app, environ)
        app_iter: Any = app(environ, exchange.start_response)
        if app_iter.__class__ is not list:  # which has no `close`, and is no file
            exchange.close_app_iter = getattr(app_iter, "close", None)
            if "wsgi.file_wrapper" in environ and may_use_sendfile(exchange, environ, app_iter):
                return send_native_file(exchange, app_iter)
        remaining = iter(app_iter)
        first_chunk: Any = next(remaining, _EXHAUSTED)
        first_chunk, remaining = (
            (first_chunk, remaining)
            if first_chunk.__class__ is bytes
            else _check_first_chunk(first_chunk, remaining, app_iter)
        )
        # Only now: an app may call `start_response` on its first `next`.
        if exchange.response.headers_sent_at:
            return ResponseBody(exchange, first_chunk, remaining)
        if exchange.response.status >= "4":
            return _respond_to_error_status(exchange, first_chunk, remaining, app_iter)
        exchange.send_headers()
        if app_iter.__class__ is list and len(app_iter) == 1:
            return SizedBody(exchange, first_chunk, remaining, 1)
        return (
            make_sized_body(exchange, first_chunk, remaining, app_iter)
            if hasattr(app_iter, "__len__")
            else ResponseBody(exchange, first_chunk, remaining)
        )
    except BaseException as error:
        body = _respond_to_exception(exchange, error)
        if body is None:  # raised from here: a frame with `error` would be a cycle
            raise _abort(exchange, error)
        return body


def _call_upgrade(
    exchange: Exchange, app: WSGIApplication, environ: WSGIEnvironment
) -> Iterable[bytes]:
    """Call the app and hold nothing back: it may take the socket and never start a response."""
    exchange.is_upgrade = True
    app_iter = app(environ, exchange.start_response)
    # A generator may call `start_response` on its first `next`.
    if exchange.response.status or isinstance(app_iter, GeneratorType):
        exchange.close_app_iter = getattr(app_iter, "close", None)
        return ResponseBody(exchange, None, iter(app_iter))
    exchange.response.outcome = "upgraded"
    exchange.close()
    return app_iter


def _check_first_chunk(
    first_chunk: object, remaining: Iterator[bytes], app_iter: object
) -> tuple[bytes | None, Iterator[bytes]]:
    """Return the first chunk and those after it; raise TypeError for one that is not bytes-like."""
    if first_chunk is _EXHAUSTED:
        return None, iter(())  # not every iterator may be asked once more
    if isinstance(app_iter, bytes):
        return app_iter, iter(())  # not iterable as chunks (PEP 3333), but uWSGI sends it
    return as_bytes(first_chunk), remaining


def _respond_to_error_status(
    exchange: Exchange,
    first_chunk: bytes | None,
    remaining: Iterator[bytes],
    app_iter: Iterable[bytes],
) -> Iterable[bytes]:
    """Send the app's error response, or the replacement that the error handler has for it."""
    is_length_valid = True
    replacement, error_handler = None, exchange.error_handler
    if error_handler is not None:
        while first_chunk == b"":  # an empty body may be replaced
            is_length_valid = False
            next_chunk = next(remaining, _EXHAUSTED)
            first_chunk, remaining = _check_first_chunk(next_chunk, remaining, app_iter)
        if exchange.response.headers_sent_at:
            return ResponseBody(exchange, first_chunk, remaining)
        replacement = error_handler.replace_error_response(exchange, first_chunk)
    if replacement is not None:
        if exchange.context.is_body_unreadable:
            _close_connection(exchange)
        return _send_replacement(exchange, replacement)
    exchange.send_headers()
    if is_length_valid and hasattr(app_iter, "__len__"):
        return make_sized_body(exchange, first_chunk, remaining, app_iter)
    return ResponseBody(exchange, first_chunk, remaining)


def _send_replacement(
    exchange: Exchange, replacement: StaticResponse, exc_info: OptExcInfo | None = None
) -> Iterable[bytes]:
    """Send a response of ours; the app's body is still closed at the end."""
    exchange.response.status, exchange.response.headers, payload = replacement
    if exc_info is not None:
        exchange.exc_info = exc_info
    exchange.send_headers()
    return ResponseBody(exchange, None if exchange.method == "HEAD" else payload, ())


def _respond_to_exception(exchange: Exchange, error: BaseException) -> Iterable[bytes] | None:
    """Respond for an app that failed before its headers were sent; None to raise the exception."""
    response, error_handler = exchange.response, exchange.error_handler
    if not response.headers_sent_at:
        _bind_app_request_id(exchange)
    if is_shutdown(error):
        return None
    if exchange.pending_writes:
        # As on a server with a `write`: the client gets that much, then the app fails.
        return ResponseBody(exchange, None, map(_raise, (error,)))
    if error_handler is None or response.headers_sent_at or exchange.is_upgrade:
        return None
    exchange.context.exc_type = type(error).__name__
    try:
        replacement = error_handler.handle_exception(exchange, error)
        if replacement is None:
            return None
        if exchange.context.may_have_body:
            _close_connection(exchange)
        # The server is handed the exception only where it has refused our headers itself: then
        # PEP 3333 asks for it. Elsewhere this is the first start that it gets.
        exc_info = sys.exc_info() if exchange.is_start_refused else None
        return _send_replacement(exchange, replacement, exc_info)
    except BaseException as second:
        raise _abort(exchange, second)


def _close_connection(exchange: Exchange) -> None:
    """Have Gunicorn close the connection after this response, as it does after an exception.

    Otherwise it waits for the rest of the request body, and cuts the next request off. Other
    servers read the rest, or close by themselves.
    """
    gunicorn_response: Any = getattr(exchange.context.start_response, "__self__", None)
    force_close = getattr(gunicorn_response, "force_close", None)
    if force_close is not None:
        force_close()


def _bind_app_request_id(exchange: Exchange) -> None:
    """Log the app's own ID too, which no response of ours has in its headers."""
    context = exchange.context
    if context.request_id is not None:
        app_request_id = find_app_request_id(exchange.response.headers, context.request_id)
        if app_request_id is not None:
            context.bind({"app_request_id": app_request_id})


def _abort(exchange: Exchange, error: BaseException) -> BaseException:
    """End an exchange that has no response; return what to raise."""
    response = exchange.response
    exchange.exc_info = None  # its traceback leads back here
    if exchange.is_upgrade and issubclass(type(error), StopIteration):
        response.outcome = "upgraded"  # flask-sock leaves this way under Gunicorn
    elif response.headers_sent_at or exchange.is_upgrade or exchange.is_start_refused:
        error = exchange.record_late_failure(error)
    else:
        response.outcome = "aborted" if is_shutdown(error) else "broken"
        exchange.context.exc_type = type(error).__name__
    if not is_logged(error):  # the server will
        attach_request_id(error, exchange.context.request_id)
    try:
        exchange.close()
    except BaseException as second:
        if is_shutdown(second):
            return second
    return error  # the first failure is the one to raise


def _raise(error: BaseException) -> bytes:
    raise error
