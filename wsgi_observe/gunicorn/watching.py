"""Has a worker note its running requests, and the watchdog look at them."""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from wsgi_observe.core.layer import Layer, inward
from wsgi_observe.gunicorn.ends import tell_ends
from wsgi_observe.gunicorn.greenlets import originals
from wsgi_observe.inflight.recorder import InFlight, Recorder
from wsgi_observe.inflight.seat import Seat
from wsgi_observe.inflight.watchdog import Watchdog
from wsgi_observe.middleware.access_log import AccessLog
from wsgi_observe.middleware.errors import ErrorEnvelope
from wsgi_observe.middleware.request_id import RequestID
from wsgi_observe.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

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
