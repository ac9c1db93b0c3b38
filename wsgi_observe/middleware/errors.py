"""ErrorEnvelope: the innermost middleware, which logs the app's exceptions and answers for it."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any
from wsgiref.types import WSGIApplication, WSGIEnvironment

from wsgi_observe._loggers import config_watch, get_logger
from wsgi_observe._safely import call_safely
from wsgi_observe.errors import (
    Error,
    ErrorRenderer,
    describe_status,
    headers_for_failed_response,
    headers_for_replaced_body,
)
from wsgi_observe.errors.framework_pages import (
    NO_DESCRIPTION,
    StockError,
    read_stock_page,
    read_stock_text,
)
from wsgi_observe.settings import Settings
from wsgi_observe.wsgi.environ import decode_wsgi, request_line, wrap_input
from wsgi_observe.wsgi.exceptions import is_logged, is_unreadable_body, mark_logged
from wsgi_observe.wsgi.exchange import Exchange
from wsgi_observe.wsgi.headers import Headers, get_header, prefers_html, vary_on_accept
from wsgi_observe.wsgi.middleware import Middleware
from wsgi_observe.wsgi.response import StaticResponse

_log = get_logger("wsgi_observe.errors")


class ErrorEnvelope(Middleware):
    """Answer with the error envelope for an app that fails, or that has no body for its error.

    :param settings: the defaults of the following.
    :param error_format: ``envelope``, or ``problem`` for problem details (RFC 9457).
    :param html_errors: which error bodies of the app are replaced: ``stock`` (empty ones and
        a framework's own pages), ``replace`` (any HTML), ``keep`` (none).
    :param negotiate: whether clients that prefer HTML keep the page.
    :param propagate: whether an exception is raised on instead of answered: True, False, or a
        callable that decides each time and may take the exception.
    :param render_error: makes a company's own document of an `Error`.
    :raises SettingsError: for an unknown setting or an invalid value.
    """

    def __init__(
        self, app: WSGIApplication, settings: Settings | None = None, **overrides: Any
    ) -> None:
        settings = (settings or Settings()).replace(**overrides)
        super().__init__(app)
        self._html_errors = settings.html_errors
        self._negotiates = settings.negotiate
        self._should_propagate = _accepting_exception(settings.propagate)
        self._renderer = ErrorRenderer(settings.error_format, settings.render_error)

    def process_request(self, exchange: Exchange, environ: WSGIEnvironment) -> None:
        """Handle the errors of this exchange."""
        exchange.error_handler = self
        # A GET without both of these headers has no body (RFC 9112, section 6.3).
        if (
            environ.get("REQUEST_METHOD") != "GET"
            or "CONTENT_LENGTH" in environ
            or "HTTP_TRANSFER_ENCODING" in environ
        ):
            exchange.context.may_have_body = True
            wrap_input(environ)

    def handle_exception(self, exchange: Exchange, error: BaseException) -> StaticResponse | None:
        """Log `error` and return the envelope of a 500, unless it is to be raised on.

        A request body that cannot be read is the client's mistake: a 400, and no ERROR line.
        """
        if call_safely("propagate", self._should_propagate, error):
            return None
        if call_safely("classifying an exception", is_unreadable_body, error):
            return self._unreadable_body_response(exchange)
        self.log_exception(exchange, error)
        headers = headers_for_failed_response(exchange.response.headers)
        return self._error_response(exchange, "500 Internal Server Error", headers)

    def replace_error_response(
        self, exchange: Exchange, first_chunk: bytes | None
    ) -> StaticResponse | None:
        """Return the envelope in place of an error body that was not written for this app.

        The author's own text in it becomes the description, unless the response is that of an
        exception, whose text a framework may show.
        """
        response = exchange.response
        if not response.status[:3].isdecimal():
            return None
        if exchange.context.is_body_unreadable:
            response.outcome = "aborted"
            if response.status >= "5" and not exchange.context.error_logged:
                return self._unreadable_body_response(exchange)
        stock_error = call_safely(
            "reading an error page", self._read_stock_error, exchange, first_chunk
        )
        if stock_error is None:
            return None
        if exchange.context.exc_type is not None:
            stock_error = NO_DESCRIPTION
        return self._error_response(
            exchange,
            response.status,
            headers_for_replaced_body(response.headers),
            stock_error,
        )

    def log_exception(self, exchange: Exchange, error: BaseException) -> None:
        """Log `error` with its traceback, once, unless the client caused it."""
        if call_safely("classifying an exception", is_unreadable_body, error):
            exchange.response.outcome = "aborted"
            return
        if is_logged(error):
            return
        config_watch.check_if_due()
        call_safely("logging an exception", log_failure, exchange.environ, error)
        exchange.context.error_logged = exchange.context.error_logged or True
        mark_logged(error, exchange.context)

    def _read_stock_error(self, exchange: Exchange, first_chunk: bytes | None) -> StockError | None:
        """Parse the app's error body; return None if the body is to be kept.

        The response to a HEAD has no body to judge by. It keeps the app's headers, unless the
        response to a GET would have been the envelope whatever the page is.
        """
        is_ours = first_chunk is not None and first_chunk == exchange.context.error_document
        if is_ours or self._html_errors == "keep":
            return None
        response = exchange.response
        content_type = get_header(response.headers, "content-type").lower()
        if first_chunk is None and (exchange.method != "HEAD" or not content_type):
            return NO_DESCRIPTION
        if get_header(response.headers, "content-encoding"):
            return None
        is_html = content_type.startswith(("text/html", "application/xhtml+xml"))
        read = read_stock_page if is_html else read_stock_text
        path = decode_wsgi(exchange.environ.get("PATH_INFO", ""))  # below the mount point
        stock_error = read(first_chunk or b"", response.status, path)
        if not is_html or (stock_error is None and self._html_errors != "replace"):
            return stock_error
        if self._negotiates:
            vary_on_accept(response.headers)
            if prefers_html(exchange.environ.get("HTTP_ACCEPT", "")):
                return None
        return stock_error or NO_DESCRIPTION

    def _unreadable_body_response(self, exchange: Exchange) -> StaticResponse:
        """Return a 400 for a request body that is malformed or was broken off."""
        exchange.response.outcome = "aborted"
        headers = headers_for_failed_response(exchange.response.headers)
        return self._error_response(exchange, "400 Bad Request", headers)

    def _error_response(
        self,
        exchange: Exchange,
        status: str,
        headers: Headers,
        stock_error: StockError = NO_DESCRIPTION,
    ) -> StaticResponse:
        code = int(status[:3])
        name, default = describe_status(code, status[3:].strip())
        description, members = stock_error
        error = Error(code, name, description or default, exchange.context.request_id, members)
        body, media_type = self._renderer.document(error)
        headers += [("Content-Type", media_type), ("Content-Length", str(len(body)))]
        return StaticResponse(status, headers, body)


def log_failure(environ: WSGIEnvironment, error: BaseException) -> None:
    """Log the exception that a request has failed with."""
    exc_info = (type(error), error, error.__traceback__)
    _log.error("%s failed", request_line(environ), exc_info=exc_info)


def _accepting_exception(
    propagate: bool | Callable[..., object],
) -> Callable[[BaseException], object]:
    """Return `propagate` as a callable that takes the exception, even if the user's does not."""
    if not callable(propagate):
        return lambda _error: propagate
    try:
        signature(propagate).bind(None)
    except (TypeError, ValueError):  # a builtin may have no signature
        return lambda _error: propagate()
    return propagate
