"""The app that is asked about: its framework, requests to it, and what the process writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from wsgiref.types import WSGIApplication

from wsgi_observe.doctor.app.client import Response, send_request
from wsgi_observe.doctor.app.frameworks import Framework
from wsgi_observe.doctor.app.views import PREFIX, Views
from wsgi_observe.doctor.options import Options
from wsgi_observe.doctor.own_code import find_line
from wsgi_observe.doctor.recording.logging_watch import LoggingWatch
from wsgi_observe.doctor.recording.output import Output
from wsgi_observe.doctor.recording.sandbox import Sandbox
from wsgi_observe.doctor.recording.sentry_capture import SentryCapture
from wsgi_observe.middleware.errors import ErrorEnvelope
from wsgi_observe.wsgi.middleware import find_middlewares

UNKNOWN_PATH = f"{PREFIX}nothing-is-here"
"""A path that no route is made for."""


@dataclass(frozen=True)
class Subject:
    """One app.

    :ivar app: as a server would call it: with the app's own middlewares, and ours if it is
        observed.
    :ivar framework: adds views to the app, within the app's error handlers and hooks.
    :ivar output: what the process writes to standard output and standard error.
    :ivar sandbox: denies network connections, and watches what the app does.
    :ivar gunicorn: the settings of the app's Gunicorn configuration, if there is one.
    :ivar logging_watch: notes where the app configures logging.
    :ivar sentry: captures what the app would send to Sentry, if it uses that.
    :ivar number: of the question that is asked.
    """

    app: WSGIApplication
    framework: Framework
    views: Views
    output: Output
    sandbox: Sandbox
    options: Options
    logging_watch: LoggingWatch
    sentry: SentryCapture | None = None
    gunicorn: dict[str, object] | None = None
    number: int = 0

    @property
    def has_envelope(self) -> bool:
        """Whether our envelope is round the app already, so that to observe it is no remedy."""
        return bool(find_middlewares(self.app, ErrorEnvelope))

    def request(self, path: str, method: str = "GET", **request: Any) -> Response:
        """Send a request to a path of the framework's app."""
        return self.send(method, self.framework.mount + path, **request)

    def send(self, method: str, target: str, **request: Any) -> Response:
        """Send a request, see `send_request`."""
        return send_request(self.app, self.framework.host, method, target, **request)

    def find_setting(self, name: str) -> str | None:
        """Return ``file:line`` of a setting in the app's Gunicorn configuration."""
        config = self.options.config
        return find_line(rf"\b{name}\b", config) if config else None

    def call_in_view(
        self, function: Callable[[], object], scope: str = "", query: str = "", **request: Any
    ) -> Response | None:
        """Return the response of a view that calls a function; None if it is not called.

        An app may not let a request come to its view: it demands a login, or a token against CSRF.

        :param function: may return an iterator of bytes, which is streamed.
        :param scope: one of the framework's; by default the app itself.
        :param request: see `send_request`; with a body it is a POST.
        """
        if not self.framework.has_views:
            return None
        self.views.set_function(function)
        target = f"{self.views.get_path(self.number, scope)}?{query}".rstrip("?")
        response = self.request(target, "POST" if "body" in request else "GET", **request)
        return response if self.views.is_reached else None

    def fail_in_view(
        self, function: Callable[[], object], scope: str = "", **request: Any
    ) -> Response | None:
        """Return the response to a failure; None if it could not be caused.

        :param function: raises, or returns an iterator that raises; see `call_in_view`.
        """
        response = self.call_in_view(function, scope, **request)
        return response if self.views.has_failed else None

    def request_unknown_url(self, **request: Any) -> Response | None:
        """Return the response for a URL that no route matches; None if one matches every URL."""
        if self.framework.has_route(UNKNOWN_PATH):
            return None
        return self.request(UNKNOWN_PATH, **request)

    def request_wrong_method(self) -> Response | None:
        """Return the response for a method that a view has not; None if there are no views."""
        if not self.framework.has_views:
            return None
        return self.request(self.views.get_path(self.number), "DELETE")
