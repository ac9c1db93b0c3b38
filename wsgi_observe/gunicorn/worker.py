"""What is done in each worker when its app is loaded, before it serves."""

from __future__ import annotations

from typing import Any

from wsgi_observe.gunicorn.boot import say_booted
from wsgi_observe.gunicorn.errors_text import ErrorsText
from wsgi_observe.gunicorn.findings import lacks_checks
from wsgi_observe.gunicorn.greenlets import hear_of_failures, originals
from wsgi_observe.gunicorn.lacking import offered
from wsgi_observe.gunicorn.rejected import answer_rejected
from wsgi_observe.gunicorn.service import Service
from wsgi_observe.gunicorn.watching import watch
from wsgi_observe.gunicorn.wrapping import observed
from wsgi_observe.logs.installation import installation


def begin(worker: Any, service: Service) -> None:
    """Observe the app, the requests that it never sees, and say how it is set up."""
    installation.end_loading()
    if service.settings.capture_uncaught and originals():
        hear_of_failures()
    app = offered(worker, "wsgi", "the app is not observed; only WSGI workers have one")
    if app is not None:
        app = observed(app, service.settings, service.state)
        # Lines that go to `wsgi.errors` would come back here.
        if service.settings.log_stream != "wsgi.errors":
            app = ErrorsText(app)
        worker.wsgi = app
        seat = service.seats.of(worker) if service.seats is not None else None
        if seat is not None:
            watch(worker, app, seat, service.settings)
        answer_rejected(worker, service.settings, seat)
    say_booted(worker, app, service.settings)
    if service.no_checks is not None and lacks_checks(app):
        service.no_checks.request()
