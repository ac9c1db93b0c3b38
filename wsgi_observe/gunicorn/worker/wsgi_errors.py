"""The error stream ``wsgi.errors`` (PEP 3333): what an app writes becomes log lines."""

from __future__ import annotations

import io
import logging
import sys
import threading
from traceback import format_exception_only, walk_stack
from wsgiref.types import WSGIEnvironment

from wsgi_observe._loggers import get_logger
from wsgi_observe.context import current_context
from wsgi_observe.logs.installation import installation
from wsgi_observe.wsgi.exchange import Exchange
from wsgi_observe.wsgi.middleware import Middleware

_log = get_logger("wsgi.errors")

_PENDING_KEY = "errors_text"
_MAX_PENDING_LENGTH = 65536
_TRACEBACK = "Traceback (most recent call last):\n"
_NO_MESSAGE = "the app wrote a traceback to wsgi.errors"


class WsgiErrors(Middleware):
    """Replace ``wsgi.errors`` by a stream that logs what is written to it."""

    def process_request(self, exchange: Exchange, environ: WSGIEnvironment) -> None:
        """Set the stream in the environ."""
        environ["wsgi.errors"] = _stream


class WsgiErrorsStream(io.TextIOBase):
    """Text stream that logs each complete piece of text to the logger ``wsgi.errors``.

    A piece is complete with its newline, a traceback with the line that names the exception, and
    all with the request. Incomplete text is stored with the request; the stream has no state.
    """

    def write(self, text: str) -> int:
        """Log `text`, or store it until it is complete."""
        if not isinstance(text, str):
            raise TypeError(f"wsgi.errors takes str (PEP 3333), got {type(text).__name__}")
        if _is_called_by_handler():
            return len(text)
        context = current_context()
        if context is None or not context.environ:  # a job has no `on_close` hooks
            _log_text(text)
            return len(text)
        pending = context.__dict__.pop(_PENDING_KEY, "") + text
        if _is_complete(pending):
            _log_text(pending)
            return len(text)
        context.__dict__[_PENDING_KEY] = pending
        if _log_pending not in context.on_close:
            context.on_close = (_log_pending, *context.on_close)
        return len(text)

    def flush(self) -> None:
        """Log the text that is stored."""
        context = current_context()
        if context is not None:
            _log_text(context.__dict__.pop(_PENDING_KEY, ""))

    def writable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Stay open: all requests share the stream."""


_stream = WsgiErrorsStream()
_busy = threading.local()


def _is_called_by_handler() -> bool:
    """Return whether a log handler of the app writes a record that our handler gets too."""
    for frame, _ in walk_stack(sys._getframe(2)):
        if frame.f_code.co_name == "callHandlers" and frame.f_globals["__name__"] == "logging":
            return installation.receives_records_of(frame.f_locals["self"])
    return False


def _is_complete(text: str) -> bool:
    if len(text) > _MAX_PENDING_LENGTH:
        return True
    if not text.endswith("\n"):
        return False
    _, header, traceback = text.rpartition(_TRACEBACK)
    # The frames of a traceback are indented; the line after them names the exception.
    return not header or not (traceback == "" or traceback.splitlines()[-1][:1].isspace())


def _log_pending(exchange: Exchange) -> None:
    _log_text(exchange.context.__dict__.pop(_PENDING_KEY, ""))


def _log_text(text: str) -> None:
    if not text.strip():
        return
    if getattr(_busy, "now", False):
        # A log handler of the app writes to wsgi.errors while it handles a record from here.
        sys.stderr.write(text)
        return
    _busy.now = True
    try:
        error = _get_printed_exception(text)
        if error is not None:
            text = text.partition(_TRACEBACK)[0].rstrip() or _NO_MESSAGE
            _log.error("%s", text, exc_info=error)
        else:
            _log.log(_get_level(text), "%s", text.strip("\n"))
    finally:
        _busy.now = False


def _get_printed_exception(text: str) -> BaseException | None:
    """Return the exception that is being handled, if `text` ends with its traceback.

    Bottle also passes it to ``start_response``, where it is not to be logged again.
    """
    error = sys.exception()
    if error is None or _TRACEBACK not in text:
        return None
    description = "".join(format_exception_only(error)).strip()
    return error if text.rstrip().endswith(description) else None


def _get_level(text: str) -> int:
    if _TRACEBACK not in text:
        return logging.WARNING
    context = current_context()
    # Bottle and Falcon print the traceback of a request body that cannot be read, too.
    is_client_error = context is not None and context.request_context.is_body_unreadable
    return logging.INFO if is_client_error else logging.ERROR
