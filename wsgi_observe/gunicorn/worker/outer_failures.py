"""Failures of an app's other middlewares, outside of those of ours that its own code has added."""

from __future__ import annotations

from itertools import takewhile
from wsgiref.types import WSGIApplication, WSGIEnvironment

from wsgi_observe.health.routers import find_flask_app
from wsgi_observe.middleware.access_log import AccessLog
from wsgi_observe.middleware.errors import ErrorEnvelope
from wsgi_observe.middleware.request_id import RequestID
from wsgi_observe.wsgi.exchange import Exchange
from wsgi_observe.wsgi.middleware import Middleware, iter_wrapped_apps
from wsgi_observe.wsgi.response import StaticResponse


class OuterFailures(Middleware):
    """Responds to what fails outside of our middlewares as they would, with their settings.

    They never see it: the client would get Gunicorn's page, and the log a line without an ID.

    :param app: has our middlewares, `ErrorEnvelope` among them, inside others.
    """

    def __init__(self, app: WSGIApplication) -> None:
        super().__init__(app)
        self._inner_middlewares = [
            middleware
            for middleware in iter_wrapped_apps(app)
            if isinstance(middleware, RequestID | AccessLog | ErrorEnvelope)
        ]

    def process_request(self, exchange: Exchange, environ: WSGIEnvironment) -> None:
        """Handle the errors of this exchange until the `ErrorEnvelope` inside does."""
        exchange.error_handler = self

    def handle_exception(self, exchange: Exchange, error: BaseException) -> StaticResponse | None:
        """Return the response of the `ErrorEnvelope` inside."""
        return self._join(exchange).handle_exception(exchange, error)

    def replace_error_response(
        self, exchange: Exchange, first_chunk: bytes | None
    ) -> StaticResponse | None:
        """Keep the document of the middleware that has responded, but log that it is a failure."""
        if exchange.response.status >= "5":
            self._join(exchange)
        return None

    def log_exception(self, exchange: Exchange, error: BaseException) -> None:
        """Have the `ErrorEnvelope` inside log an exception."""
        self._join(exchange).log_exception(exchange, error)

    def _join(self, exchange: Exchange) -> ErrorEnvelope:
        """Have the middlewares inside process a request that has not got to them."""
        for middleware in self._inner_middlewares:
            middleware.process_request(exchange, exchange.environ)
        handler = exchange.error_handler
        assert isinstance(handler, ErrorEnvelope)
        return handler


def has_outer_middlewares(app: object) -> bool:
    """Return whether an app has other middlewares outside of all of ours."""
    layers = list(iter_wrapped_apps(app))
    outer = list(takewhile(lambda one: not isinstance(one, Middleware), layers))
    flask_app = find_flask_app(app)
    has_envelope = any(isinstance(one, ErrorEnvelope) for one in layers)
    return has_envelope and any(one is not flask_app for one in outer)
