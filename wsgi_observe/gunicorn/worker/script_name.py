"""Requests outside the prefix of ``SCRIPT_NAME``: probes are answered, all others rejected.

Gunicorn rejects a path that does not begin with ``SCRIPT_NAME`` (an environment variable, or a
proxy's header) before it calls the app. So it would reject the probe of an orchestrator, which
requests ``/health`` from the process directly.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from gunicorn.http import wsgi
from gunicorn.http.errors import ConfigurationProblem

from wsgi_observe._safely import warn_once
from wsgi_observe.gunicorn.worker.rejected_requests import (
    ERROR_KEY,
    REJECTION_MIDDLEWARES,
    STATUS_KEY,
    RecordingStub,
    can_replace_response,
    get_gunicorn_status,
    get_handle_error,
    rejection_app,
    send_response,
)
from wsgi_observe.middleware.access_log import AccessLog
from wsgi_observe.middleware.errors import ErrorEnvelope
from wsgi_observe.middleware.health import Health
from wsgi_observe.settings import Settings
from wsgi_observe.stack import wrap
from wsgi_observe.wsgi.exceptions import any_failure
from wsgi_observe.wsgi.middleware import Middleware, iter_wrapped_apps

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

    from wsgi_observe.wsgi.exchange import Exchange

_NOT_ANSWERED = "probes outside the prefix of SCRIPT_NAME are rejected"


def answer_probes_outside_prefix(worker: Any, settings: Settings) -> None:
    """Have a worker answer the probes of its app that are outside ``SCRIPT_NAME``."""
    original_handle_error = get_handle_error(worker, _NOT_ANSWERED)
    if original_handle_error is None:
        return
    app = _make_app(worker.wsgi, settings)

    def handle_error(req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        response = None
        if req is not None and isinstance(exc, ConfigurationProblem):
            try:
                response = _respond(worker, app, req, addr, exc, settings)
            except any_failure():
                warn_once("responding to a request outside SCRIPT_NAME")
        if response is None:
            original_handle_error(req, client, addr, exc)
        else:
            send_response(client, response)

    worker.handle_error = handle_error


def _make_app(observed_app: object, settings: Settings) -> Any:
    """Return the app for these requests: the probes of the observed app, and a rejection."""
    app: Any = wrap(_PassThrough(rejection_app), REJECTION_MIDDLEWARES, settings)
    for health in iter_wrapped_apps(observed_app):
        if isinstance(health, Health):
            app.insert(health, before=(AccessLog, ErrorEnvelope))
    return app


class _PassThrough(Middleware):
    """Middleware that `Health` can be inserted beside, whichever of the others are used."""

    def process_request(self, exchange: Exchange, environ: WSGIEnvironment) -> None:
        """Do nothing."""


def _respond(
    worker: Any, app: Any, req: Any, addr: Any, exc: BaseException, settings: Settings
) -> bytes | None:
    """Return the whole response; None for a rejection that Gunicorn is to answer itself."""
    stub: Any = RecordingStub()  # in place of the client's socket
    req.headers = [*req.headers, ("SCRIPT_NAME", "")]  # the last one counts: no prefix
    started = datetime.now()
    resp, environ = wsgi.create(req, stub, addr, "", worker.cfg)
    resp.force_close()
    environ[STATUS_KEY] = get_gunicorn_status(worker, exc) or "500 Internal Server Error"
    environ[ERROR_KEY] = exc
    _write_response(app, environ, resp)
    if ERROR_KEY not in environ and not can_replace_response(settings):
        return None
    worker.log.access(resp, req, environ, datetime.now() - started)
    sent: bytes = stub.sent
    return sent


def _write_response(app: WSGIApplication, environ: Any, resp: Any) -> None:
    """Call an app and write its response, as Gunicorn's workers do."""
    body = app(environ, resp.start_response)
    try:
        for chunk in body:
            resp.write(chunk)
        resp.close()
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()
