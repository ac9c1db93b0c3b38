"""Hangs right over the app: its failures become the envelope, logged once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from wsgi_observe._loggers import get_logger, watch
from wsgi_observe._safely import ask
from wsgi_observe.errors import (
    Error,
    Shape,
    headers_of_a_failed_success,
    headers_of_an_error,
)
from wsgi_observe.errors.framework_pages import (
    NOTHING_SAID,
    StockError,
    read_stock_page,
    read_stock_text,
)
from wsgi_observe.settings import Settings
from wsgi_observe.wsgi.environ import request_line
from wsgi_observe.wsgi.exceptions import is_logged, is_unreadable_body, mark_logged
from wsgi_observe.wsgi.exchange import Exchange
from wsgi_observe.wsgi.headers import prefers_html, vary_on_accept
from wsgi_observe.wsgi.middleware import Layer
from wsgi_observe.wsgi.request_body import watch_body
from wsgi_observe.wsgi.response import Answer, Headers, Transfer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_log = get_logger("wsgi_observe.errors")


class ErrorEnvelope(Layer):
    """Answer with the error envelope for an app that fails or that has no body for its error.

    :param error_format: ``envelope``, or ``problem`` for problem details (RFC 9457).
    :param html_errors: which error bodies of the app's are replaced: ``stock`` (empty ones and
        a framework's own pages), ``replace`` (any HTML), ``keep`` (none).
    :param negotiate: whether clients that prefer HTML keep the page.
    :param propagate: when true, an exception is raised on instead of answered. A callable is
        asked each time; it may take the exception.
    :param render_error: makes a company's own document of an `Error`.
    :raises SettingsError: for an unfit setting.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        error_format: str = "envelope",
        html_errors: str = "stock",
        negotiate: bool = False,
        propagate: bool | Callable[..., object] = False,
        render_error: Callable[[Error], Mapping[str, object]] | None = None,
    ) -> None:
        settings = Settings(
            error_format=error_format,
            html_errors=html_errors,
            negotiate=negotiate,
            propagate=propagate,
            render_error=render_error,
        )
        super().__init__(app)
        self._html_errors = settings.html_errors
        self._negotiates = settings.negotiate
        self._propagates = _one_argument(settings.propagate)
        self._shape = Shape(settings.error_format, settings.render_error)

    def join(self, exchange: Exchange, environ: WSGIEnvironment) -> None:
        """Spread the net."""
        exchange.net = self
        # A GET without both of these headers has no body (RFC 9112, section 6.3).
        if (
            environ.get("REQUEST_METHOD") != "GET"
            or "CONTENT_LENGTH" in environ
            or "HTTP_TRANSFER_ENCODING" in environ
        ):
            exchange.may_have_body = True
            watch_body(environ)

    def catch(self, transfer: Transfer, error: BaseException) -> Answer | None:
        """Log `error` and return the envelope of a 500, unless it is to be raised on.

        A request body that cannot be read is the client's doing: a 400, and no ERROR line.
        """
        if ask("propagate", self._propagates, error):
            return None
        if ask("looking at a failure", is_unreadable_body, error):
            return self._answer_to_unreadable(transfer)
        self.note(transfer, error)
        headers = headers_of_a_failed_success(transfer.headers)
        return self._answer(transfer, "500 Internal Server Error", headers)

    def rewrite(self, transfer: Transfer, first: bytes | None) -> Answer | None:
        """Return the envelope in place of an error body that was not written for this app.

        What the app's author says in it becomes the description, unless an exception is behind the
        response: a framework may show that to the client.
        """
        if not transfer.status[:3].isdecimal():
            return None
        if transfer.scope.unreadable:
            transfer.outcome = "aborted"
            if transfer.status >= "5" and not transfer.scope.error_logged:
                return self._answer_to_unreadable(transfer)
        found = ask("reading an error page", self._replaceable, transfer, first)
        if found is None:
            return None
        if transfer.exc_type is not None:
            found = NOTHING_SAID
        return self._answer(transfer, transfer.status, headers_of_an_error(transfer.headers), found)

    def note(self, transfer: Transfer, error: BaseException) -> None:
        """Log `error` with its traceback, once; not what is the doing of the client."""
        if ask("looking at a failure", is_unreadable_body, error):
            transfer.outcome = "aborted"
            return
        if is_logged(error):
            return
        watch.check_if_due()
        ask("logging a failure", _log_failure, transfer, error)
        transfer.scope.error_logged = transfer.scope.error_logged or True
        mark_logged(error, transfer.scope)

    def _replaceable(self, transfer: Transfer, first: bytes | None) -> StockError | None:
        """Return what the app's error body says, if it gives way to the envelope."""
        if self._html_errors == "keep":
            return None
        content_type = _header(transfer.headers, "content-type").lower()
        if first is None and (transfer.method != "HEAD" or not content_type):
            return NOTHING_SAID
        if _header(transfer.headers, "content-encoding"):
            return None
        if content_type.startswith(("text/html", "application/xhtml+xml")):
            return self._replaceable_page(transfer, first)
        return None if first is None else read_stock_text(first, *_asked(transfer))

    def _replaceable_page(self, transfer: Transfer, first: bytes | None) -> StockError | None:
        """Return what an HTML page says, if it gives way to the envelope.

        A HEAD has no body to judge by. It keeps the app's headers, unless a GET would have brought
        the envelope whatever the page is.
        """
        found = None if first is None else read_stock_page(first, *_asked(transfer))
        if found is None and self._html_errors != "replace":
            return None
        if self._negotiates:
            vary_on_accept(transfer.headers)
            if prefers_html(transfer.environ.get("HTTP_ACCEPT", "")):
                return None
        return found or NOTHING_SAID

    def _answer_to_unreadable(self, transfer: Transfer) -> Answer:
        """Answer the client whose request body could not be read."""
        transfer.outcome = "aborted"
        headers = headers_of_a_failed_success(transfer.headers)
        return self._answer(transfer, "400 Bad Request", headers)

    def _answer(
        self, transfer: Transfer, status: str, headers: Headers, found: StockError = NOTHING_SAID
    ) -> Answer:
        error = Error.of_status(status, transfer.scope.request_id, found.description, found.members)
        body, media_type = self._shape.document(error)
        headers += [("Content-Type", media_type), ("Content-Length", str(len(body)))]
        return Answer(status, headers, body)


def _asked(transfer: Transfer) -> tuple[str, str]:
    """Return the status line, and the path below the mount point as frameworks show it."""
    path: str = transfer.environ.get("PATH_INFO", "")
    # PEP 3333 hands bytes over as Latin-1.
    return transfer.status, path.encode("latin-1", "replace").decode("utf-8", "replace")


def _log_failure(transfer: Transfer, error: BaseException) -> None:
    exc_info = (type(error), error, error.__traceback__)
    _log.error("%s failed", request_line(transfer.environ), exc_info=exc_info)


def _header(headers: Headers, wanted: str) -> str:
    return next((value for name, value in headers if name.lower() == wanted), "")


def _one_argument(propagate: bool | Callable[..., object]) -> Callable[[BaseException], object]:
    """Return `propagate` as a callable that takes the exception, as the user's own may or not."""
    if not callable(propagate):
        return lambda _error: propagate
    from inspect import signature  # as much to load as we are: only where there is one

    try:
        signature(propagate).bind(None)
    except (TypeError, ValueError):  # a builtin may have no signature
        return lambda _error: propagate()
    return propagate
