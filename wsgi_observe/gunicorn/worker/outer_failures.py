"""Failures of an app's other middlewares, outside of those of ours that its own code has added."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from wsgi_observe.context import get_attached_request_id
from wsgi_observe.health.routers import find_flask_app
from wsgi_observe.middleware.access_log import AccessLog
from wsgi_observe.middleware.errors import ErrorEnvelope
from wsgi_observe.middleware.request_id import RequestID
from wsgi_observe.wsgi.exceptions import is_logged
from wsgi_observe.wsgi.exchange import Exchange
from wsgi_observe.wsgi.middleware import Middleware, iter_wrapped_apps

_ERROR_KEY = "wsgi_observe.outer_failure"


class OuterFailures:
    """Responds to what is raised outside of our middlewares as they would, with their settings.

    They never see it: the client would get Gunicorn's page, and the log a line without an ID.

    :param app: has our middlewares inside others.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app
        self._respond = _Raising(_raise_failure)
        for middleware in iter_wrapped_apps(app):
            if isinstance(middleware, RequestID | AccessLog | ErrorEnvelope):
                self._respond.insert(middleware, before=_Raising)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        try:
            return self.app(environ, start_response)
        except Exception as error:
            # Our middlewares have let it through, as for a debugger.
            if is_logged(error) or get_attached_request_id(error) is not None:
                raise
            environ[_ERROR_KEY] = error
        return self._respond(environ, start_response)


class _Raising(Middleware):
    """Marks the place right outside `_raise_failure`."""

    def process_request(self, exchange: Exchange, environ: WSGIEnvironment) -> None:
        """Do nothing."""


def _raise_failure(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise environ.pop(_ERROR_KEY)


def has_outer_middlewares(app: object) -> bool:
    """Return whether an app has other middlewares outside of ours."""
    layers = list(iter_wrapped_apps(app))
    outer = list(takewhile(lambda one: not isinstance(one, Middleware), layers))
    flask_app = find_flask_app(app)
    return len(outer) < len(layers) and any(one is not flask_app for one in outer)
