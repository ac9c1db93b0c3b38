"""The app that is asked about: its framework, a client for it, and what the process writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.client import Client, Response
from wsgi_observe.doctor.frameworks import Framework, View
from wsgi_observe.doctor.logging_watch import LoggingWatch
from wsgi_observe.doctor.options import Options
from wsgi_observe.doctor.output import Output
from wsgi_observe.doctor.sandbox import Sandbox
from wsgi_observe.doctor.sentry_capture import SentryCapture

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

PREFIX = "/wsgi-observe-doctor/"
"""Where the views of the doctor are: no app has routes there."""

_FLASK_APP = "app.wsgi_app"


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
    """

    app: WSGIApplication
    framework: Framework
    client: Client
    output: Output
    sandbox: Sandbox
    options: Options
    logging_watch: LoggingWatch
    sentry: SentryCapture | None = None
    gunicorn: dict[str, object] | None = None

    def request(self, name: str, method: str = "GET", **request: Any) -> Response:
        """Send a request to a view of the doctor, see `Client.send`."""
        return self.client.send(method, self.framework.mount + PREFIX + name, **request)

    @property
    def observe_remedy(self) -> str:
        """Two lines that observe the app: one for Gunicorn, or one in its code."""
        return (
            "gunicorn --logger-class wsgi_observe.gunicorn.Logger …, or in code:\n"
            f"{_FLASK_APP} = observe({_FLASK_APP})  # from wsgi_observe import observe"
        )

    def fit_remedy(self, fault: Fault) -> Fault:
        """Return a fault whose remedy, written for Flask, is right for the framework."""
        if self.framework.name == "flask":
            return fault
        name = "application" if self.framework.name == "django" else "app"
        return replace(fault, remedy=fault.remedy.replace(_FLASK_APP, name))


class ViewRegistry:
    """The views of the doctor, which are added to an app before its first request."""

    def __init__(self, framework: Framework) -> None:
        self.framework = framework

    def add(
        self, name: str, function: Callable[[], object], *methods: str, scope: str = ""
    ) -> None:
        """Add a view at `name` below `PREFIX`.

        :param function: returns a text, or an iterable of bytes for a stream.
        :param methods: by default GET.
        :param scope: one of the framework's; by default the app itself.
        """
        self.framework.add_view(View(PREFIX + name, function, methods or ("GET",), scope))
