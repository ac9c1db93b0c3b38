"""What an app writes to ``wsgi.errors`` (PEP 3333), as log lines of its request."""

from __future__ import annotations

import io
import logging
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING

from wsgi_observe._loggers import get_logger
from wsgi_observe.context import Scope, running
from wsgi_observe.logs.installation import installation
from wsgi_observe.wsgi.middleware import Layer
from wsgi_observe.wsgi.response import WrappedBody

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from wsgi_observe.wsgi.exchange import Exchange

_log = get_logger("wsgi.errors")

_KEPT = "errors_text"
_LONGEST = 65536
_TRACEBACK = "Traceback (most recent call last):\n"


class ErrorsText(Layer):
    """Give the app a ``wsgi.errors`` that makes log lines of text."""

    def join(self, exchange: Exchange, environ: WSGIEnvironment) -> None:
        """Hand it over."""
        environ["wsgi.errors"] = _stream


class ErrorLines(io.TextIOBase):
    """A text stream of which each finished piece is a record of the logger ``wsgi.errors``.

    A piece ends with its newline, a traceback with the line that names the exception, and all
    with the request. It has no state: what is unfinished is kept with the request.
    """

    def write(self, text: str) -> int:
        """Take text in."""
        if not isinstance(text, str):
            raise TypeError(f"wsgi.errors takes str (PEP 3333), got {type(text).__name__}")
        if _is_written_by_a_handler():
            return len(text)
        scope = running()
        if not isinstance(scope, WrappedBody):  # nothing tells when a job has ended
            _tell(text)
            return len(text)
        whole = scope.__dict__.pop(_KEPT, "") + text
        if _is_finished(whole):
            _tell(whole)
        else:
            _keep(scope, whole)
        return len(text)

    def flush(self) -> None:
        """Make a line of what is kept."""
        scope = running()
        if scope is not None:
            _tell_kept(scope)

    def writable(self) -> bool:
        """Tell that it may be written to."""
        return True

    def close(self) -> None:
        """Stay open: it is everybody's."""


_stream = ErrorLines()
_busy = threading.local()


def _is_written_by_a_handler() -> bool:
    """Return whether a logging handler of the app's writes a record that our handler gets too."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_name == "callHandlers" and frame.f_globals["__name__"] == "logging":
            return installation.is_on_the_way_of(frame.f_locals["self"])
        frame = frame.f_back
    return False


def _is_finished(text: str) -> bool:
    if len(text) > _LONGEST:
        return True
    if not text.endswith("\n"):
        return False
    _, header, trace = text.rpartition(_TRACEBACK)
    # The frames of a traceback are indented; the line after them names the exception.
    return not header or not (trace == "" or trace.splitlines()[-1][:1].isspace())


def _keep(scope: WrappedBody, text: str) -> None:
    scope.__dict__[_KEPT] = text
    if _tell_kept not in scope.at_end:
        scope.at_end = (_tell_kept, *scope.at_end)


def _tell_kept(scope: Scope) -> None:
    _tell(scope.__dict__.pop(_KEPT, ""))


def _tell(text: str) -> None:
    if not text.strip():
        return
    if getattr(_busy, "now", False):
        # A handler of the app's that writes to wsgi.errors, under which we are logging.
        sys.stderr.write(text)
        return
    _busy.now = True
    try:
        _log.log(_level_of(text), "%s", text.strip("\n"))
    finally:
        _busy.now = False


def _level_of(text: str) -> int:
    if _TRACEBACK not in text:
        return logging.WARNING
    scope = running()
    # Bottle and Falcon print the traceback of a request body that cannot be read, too.
    is_clients = scope is not None and scope.request.unreadable
    return logging.INFO if is_clients else logging.ERROR
