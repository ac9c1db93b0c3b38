"""The `start_response` that the app is given, and its `write` (PEP 3333)."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING

from wsgi_observe.context import call_request_hooks, request_hooks
from wsgi_observe.wsgi.exceptions import mark_logged
from wsgi_observe.wsgi.file_wrapper import as_bytes
from wsgi_observe.wsgi.headers import prepare_headers
from wsgi_observe.wsgi.response import ResponseBody

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse

    from wsgi_observe.wsgi.response import Headers


class ResponseStart(ResponseBody):
    """The start of a response: held back until the first chunk, then passed on outwards.

    What is next outwards is the server, or a middleware of somebody else's.
    """

    __slots__ = ("_exc_info", "_server_start", "_server_write")

    _server_start: StartResponse
    _server_write: Callable[[bytes], object] | None
    _exc_info: OptExcInfo | None  # the app's, until the start is passed on

    _is_start_refused = False  # the server's own `start_response` has raised

    def start_response(
        self, status: str, headers: Headers, exc_info: OptExcInfo | None = None
    ) -> Callable[[bytes], object]:
        """Hold back the app's status and headers, or replace those that are held back.

        Parameters have the names that they have on servers: middlewares pass them by keyword.
        Raises what is in `exc_info` when the response has begun, and AssertionError for a
        second call without one, as PEP 3333 asks.
        """
        try:
            if self.headers_sent_at:
                self._restart(status, headers, exc_info)
                return self.write
            if exc_info:
                self._store_exc_info(status, exc_info)
            elif self.status:
                raise AssertionError(_CALLED_TWICE)
        finally:
            exc_info = None  # as PEP 3333 asks: its traceback holds this frame
        self.status = status
        self.headers = list(headers)  # the app may go on with its own
        if request_hooks:
            call_request_hooks(self.context)
        if self.is_upgrade:
            self.send_headers()
        return self.write

    def write(self, data: bytes) -> None:
        """Send `data` at once: the imperative way out that PEP 3333 keeps for old apps."""
        data = as_bytes(data)
        if not data:
            return
        if not self.headers_sent_at:
            self.send_headers()
        if self._server_write is None:  # granian and bjoern have none
            self._pending_writes += (data,)
            return
        try:
            self._server_write(data)
        except OSError as error:
            self.outcome = "aborted"
            mark_logged(error, self.context)  # the client went; the app only hears of it
            raise
        self.bytes_written += len(data)

    def send_headers(self) -> None:
        """Pass the status and headers on."""
        if not self.status:
            raise AssertionError("the app never called start_response (PEP 3333)")
        app_request_id = prepare_headers(self.headers, self.request_id, self.expose_request_id)
        if app_request_id is not None:
            self.bind({"app_request_id": app_request_id})
        try:
            if self._exc_info is None:
                self._server_write = self._server_start(self.status, self.headers)
            else:
                self._send_headers_with_exc_info()
        except BaseException:
            self._is_start_refused = True
            raise
        # The time is used only where a clock was started.
        self.headers_sent_at = perf_counter() if self.started_at else 1.0

    def _send_headers_with_exc_info(self) -> None:
        """Pass the exception on too, for middlewares further out (PEP 3333)."""
        exc_info, self._exc_info = self._exc_info, None
        try:
            self._server_write = self._server_start(self.status, self.headers, exc_info)
        except SystemError as error:
            # uWSGI has taken the start by then, and fails over the exception itself; unless its
            # headers were out.
            if self.headers_sent_at:
                raise _exception_in(exc_info) or error
            self._server_write = self._server_start(self.status, self.headers)
        finally:
            del exc_info  # or its traceback would hold itself

    def _store_exc_info(self, status: str, exc_info: OptExcInfo) -> None:
        """Keep the app's exception for the start; log it where the app answers it with a 5xx."""
        error = _exception_in(exc_info)
        self._exc_info = None if error is None else exc_info
        if error is not None and status >= "5":
            self._record_exception(error)

    def _restart(self, status: str, headers: Headers, exc_info: OptExcInfo | None) -> None:
        """Pass on a start that follows another, if nothing but empty chunks has been sent.

        Whether an empty chunk has sent the headers off, only the server knows: it does on
        Gunicorn, uWSGI, Werkzeug and wsgiref, and does not on Waitress, cheroot and gevent. Where
        it does, the server raises the exception, as PEP 3333 asks.
        """
        error = _exception_in(exc_info)
        if error is None:
            raise AssertionError(_CALLED_TWICE)
        before = self.status, self.headers
        try:
            # Granian has sent its headers off by then, and ignores a new start without a word.
            if (
                self.bytes_sent
                or self._pending_writes
                or self.environ.get("SERVER_SOFTWARE") == "Granian"
            ):
                raise error
            self.status, self.headers, self._exc_info = status, list(headers), exc_info
            self.send_headers()
        except BaseException:
            self.status, self.headers = before
            self._exc_info = None
            raise
        else:
            if status >= "5":
                self._record_exception(error)
        finally:
            del error, exc_info  # or its traceback would hold itself
        if request_hooks:
            call_request_hooks(self.context)


_CALLED_TWICE = "start_response called twice without exc_info (PEP 3333)"


def _exception_in(exc_info: object) -> BaseException | None:
    """Return the exception of an `exc_info`, if there is one in it.

    Servers take any true value until their headers are out, so apps and middlewares pass a
    ``sys.exc_info()`` of Nones, too.
    """
    if isinstance(exc_info, tuple) and len(exc_info) == 3:
        error = exc_info[1]
        return error if isinstance(error, BaseException) else None
    return None
