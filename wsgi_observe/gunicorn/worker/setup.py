"""What is done in each worker when its app is loaded, before it serves."""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from wsgi_observe.gunicorn.arbiter.state import Service
from wsgi_observe.gunicorn.compat import offered
from wsgi_observe.gunicorn.worker.app_wrapping import observed
from wsgi_observe.gunicorn.worker.boot_line import lacks_checks, say_booted
from wsgi_observe.gunicorn.worker.gevent_worker import hear_of_failures, originals
from wsgi_observe.gunicorn.worker.rejected_requests import answer_rejected
from wsgi_observe.gunicorn.worker.signals import tell_ends
from wsgi_observe.gunicorn.worker.wsgi_errors import ErrorsText
from wsgi_observe.logs.installation import installation
from wsgi_observe.middleware.access_log import AccessLog
from wsgi_observe.middleware.errors import ErrorEnvelope
from wsgi_observe.middleware.request_id import RequestID
from wsgi_observe.scoreboard.entries import Seat
from wsgi_observe.scoreboard.recorder import InFlight, Recorder
from wsgi_observe.scoreboard.watchdog import Watchdog
from wsgi_observe.settings import Settings
from wsgi_observe.wsgi.middleware import Layer, inward

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


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


_GUNICORNS_TIMEOUT = 30  # its default, where it is off


def watch(worker: Any, app: WSGIApplication, seat: Seat, settings: Settings) -> None:
    """Begin; the app is one that is observed already."""
    original = originals()
    here = import_module("greenlet").getcurrent if original else get_ident
    thread = original("_thread", "get_ident")() if original else 0
    # Another process reads the memory, and redacts what it shows; anybody may read a file.
    is_copied = seat.mirror is not None and settings.redact
    recorder = Recorder(seat, here, thread, settings.redactor().path if is_copied else None)
    seat.pid, seat.booted = worker.pid, True
    shown = settings.redactor().path if settings.redact_patterns else None
    if not note_requests(app, recorder, shown):
        return
    tell_ends(worker, recorder)
    # Under gevent requests do it: the locks of `logging` are not for a thread of the system's.
    watchdog = Watchdog(recorder, _slow(settings, worker.cfg), checks_logging=not original)
    if original:
        watchdog.start(original("_thread", "start_new_thread"), original("time", "sleep"))
    else:
        watchdog.start()


def note_requests(
    app: object, recorder: Recorder, shown: Callable[[str], str] | None = None
) -> bool:
    """Have the recorder take part in the stack, where a request has its ID, and its line not yet.

    The app's own code may have put that stack where only it knows.
    """
    for layer in inward(app):
        if isinstance(layer, Layer) and layer.has(RequestID):
            layer.take_in(InFlight(layer, recorder, shown), ahead_of=(AccessLog, ErrorEnvelope))
            return True
    return False


def _slow(settings: Settings, cfg: Any) -> float:
    slow = settings.slow_request_seconds
    return 0.75 * float(cfg.timeout or _GUNICORNS_TIMEOUT) if slow is None else slow
