"""The `start_response` that the app is given, and its `write` (PEP 3333)."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING

from wsgi_observe.context import call_request_hooks, on_request
from wsgi_observe.wsgi.exceptions import mark_logged
from wsgi_observe.wsgi.file_wrapper import as_bytes
from wsgi_observe.wsgi.headers import make_ready
from wsgi_observe.wsgi.response import WrappedBody

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse

    from wsgi_observe.wsgi.response import Headers


class ResponseStart(WrappedBody):
    """The start of a response: held back until the first chunk, then passed on outwards.

    What is next outwards is the server, or a middleware of somebody else's.
    """

    __slots__ = ("_exc_info", "_server_start", "_server_write")

    _server_start: StartResponse
    _server_write: Callable[[bytes], object] | None
    _exc_info: OptExcInfo | None  # the app's, until the start is passed on

    _refused = False  # the server's own `start_response` has raised

    def start_response(
        self, status: str, headers: Headers, exc_info: OptExcInfo | None = None
    ) -> Callable[[bytes], object]:
        """Hold back the app's status and headers, or replace those that are held back.

        Parameters have the names that they have on servers: middlewares pass them by keyword.
        Raises what is in `exc_info` when the response has begun, and AssertionError for a
        second call without one, as PEP 3333 asks.
        """
        try:
            if self.went_out_at:
                self._restart(status, headers, exc_info)
                return self.write
            if exc_info:
                self._take_exc_info(status, exc_info)
            elif self.status:
                raise AssertionError(_TWICE)
        finally:
            exc_info = None  # as PEP 3333 asks: its traceback holds this frame
        self.status = status
        self.headers = list(headers)  # the app may go on with its own
        if on_request:
            call_request_hooks(self.scope)
        if self.unheld:
            self.start()
        return self.write

    def write(self, data: bytes) -> None:
        """Send `data` at once: the imperative way out that PEP 3333 keeps for old apps."""
        data = as_bytes(data)
        if not data:
            return
        if not self.went_out_at:
            self.start()
        if self._server_write is None:  # granian and bjoern have none
            self._kept += (data,)
            return
        try:
            self._server_write(data)
        except OSError as error:
            self.outcome = "aborted"
            mark_logged(error, self.scope)  # the client went; the app only hears of it
            raise
        self.written += len(data)

    def start(self) -> None:
        """Pass the status and headers on."""
        if not self.status:
            raise AssertionError("the app never called start_response (PEP 3333)")
        own = make_ready(self.headers, self.request_id, self.exposes_id)
        if own is not None:
            self.bind({"app_request_id": own})
        try:
            if self._exc_info is None:
                self._server_write = self._server_start(self.status, self.headers)
            else:
                self._start_with_exc_info()
        except BaseException:
            self._refused = True
            raise
        # The time is used only where a clock was started.
        self.went_out_at = perf_counter() if self.started_at else 1.0

    def _start_with_exc_info(self) -> None:
        """Pass the exception on too, for middlewares further out (PEP 3333)."""
        exc_info, self._exc_info = self._exc_info, None
        try:
            self._server_write = self._server_start(self.status, self.headers, exc_info)
        except SystemError as error:
            # uWSGI has taken the start by then, and fails over the exception itself; unless its
            # headers were out.
            if self.went_out_at:
                raise _exception_in(exc_info) or error
            self._server_write = self._server_start(self.status, self.headers)
        finally:
            del exc_info  # or its traceback would hold itself

    def _take_exc_info(self, status: str, exc_info: OptExcInfo) -> None:
        """Keep the app's exception for the start; log it where the app answers it with a 5xx."""
        error = _exception_in(exc_info)
        self._exc_info = None if error is None else exc_info
        if error is not None and status >= "5":
            self._note(error)

    def _restart(self, status: str, headers: Headers, exc_info: OptExcInfo | None) -> None:
        """Pass on a start that follows another, if nothing but empty chunks has been sent.

        Whether an empty chunk has sent the headers off, only the server knows: it does on
        Gunicorn, uWSGI, Werkzeug and wsgiref, and does not on Waitress, cheroot and gevent. Where
        it does, the server raises the exception, as PEP 3333 asks.
        """
        error = _exception_in(exc_info)
        if error is None:
            raise AssertionError(_TWICE)
        before = self.status, self.headers
        try:
            # Granian has sent its headers off by then, and ignores a new start without a word.
            if self.sent or self._kept or self.environ.get("SERVER_SOFTWARE") == "Granian":
                raise error
            self.status, self.headers, self._exc_info = status, list(headers), exc_info
            self.start()
        except BaseException:
            self.status, self.headers = before
            self._exc_info = None
            raise
        else:
            if status >= "5":
                self._note(error)
        finally:
            del error, exc_info  # or its traceback would hold itself
        if on_request:
            call_request_hooks(self.scope)


_TWICE = "start_response called twice without exc_info (PEP 3333)"


def _exception_in(exc_info: object) -> BaseException | None:
    """Return the exception of an `exc_info`, if there is one in it.

    Servers take any true value until their headers are out, so apps and middlewares pass a
    ``sys.exc_info()`` of Nones, too.
    """
    if isinstance(exc_info, tuple) and len(exc_info) == 3:
        error = exc_info[1]
        return error if isinstance(error, BaseException) else None
    return None
