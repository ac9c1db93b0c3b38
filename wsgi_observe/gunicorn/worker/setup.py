"""What is done in each worker when its app is loaded, before it serves."""

from __future__ import annotations

from _thread import get_ident
from importlib import import_module
from typing import TYPE_CHECKING, Any

from wsgi_observe.gunicorn.arbiter.state import ArbiterState
from wsgi_observe.gunicorn.compat import optional_attr
from wsgi_observe.gunicorn.worker.app_wrapping import wrap_app
from wsgi_observe.gunicorn.worker.boot_line import has_no_checks, log_boot_line
from wsgi_observe.gunicorn.worker.gevent_worker import find_get_original, log_greenlet_failures
from wsgi_observe.gunicorn.worker.rejected_requests import handle_rejected_requests
from wsgi_observe.gunicorn.worker.signals import install_exit_handlers
from wsgi_observe.gunicorn.worker.wsgi_errors import WsgiErrors
from wsgi_observe.logs.installation import installation
from wsgi_observe.middleware.access_log import AccessLog
from wsgi_observe.middleware.errors import ErrorEnvelope
from wsgi_observe.middleware.request_id import RequestID
from wsgi_observe.scoreboard.entries import WorkerEntry
from wsgi_observe.scoreboard.recorder import Recorder, ScoreboardMiddleware
from wsgi_observe.scoreboard.watchdog import Watchdog
from wsgi_observe.settings import Settings
from wsgi_observe.wsgi.middleware import Middleware, iter_wrapped_apps

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def set_up_worker(worker: Any, arbiter_state: ArbiterState) -> None:
    """Observe the app, the requests that it never sees, and say how it is set up."""
    installation.end_app_loading()
    if arbiter_state.settings.capture_uncaught and find_get_original():
        log_greenlet_failures()
    app = optional_attr(worker, "wsgi", "the app is not observed; only WSGI workers have one")
    if app is not None:
        app = wrap_app(app, arbiter_state.settings, arbiter_state.state)
        # Lines that go to `wsgi.errors` would come back here.
        if arbiter_state.settings.log_stream != "wsgi.errors":
            app = WsgiErrors(app)
        worker.wsgi = app
        worker_entry = (
            arbiter_state.worker_entries.of(worker)
            if arbiter_state.worker_entries is not None
            else None
        )
        if worker_entry is not None:
            start_watchdog(worker, app, worker_entry, arbiter_state.settings)
        handle_rejected_requests(worker, arbiter_state.settings, worker_entry)
    log_boot_line(worker, app, arbiter_state.settings)
    if arbiter_state.no_checks_notice is not None and has_no_checks(app):
        arbiter_state.no_checks_notice.request()


_DEFAULT_TIMEOUT_SECONDS = 30  # its default, where it is off


def start_watchdog(
    worker: Any, app: WSGIApplication, worker_entry: WorkerEntry, settings: Settings
) -> None:
    """Begin; the app is one that is observed already."""
    get_original = find_get_original()
    ident = import_module("greenlet").getcurrent if get_original else get_ident
    thread = get_original("_thread", "get_ident")() if get_original else 0
    # Of the memory, its reader redacts what it shows, but patterns may be for a decoded path;
    # anybody may read a file.
    is_in_file = worker_entry.file is not None and settings.redact
    redact_path = settings.redactor().path if is_in_file or settings.redact_patterns else None
    recorder = Recorder(worker_entry, ident, thread, redact_path)
    worker_entry.pid, worker_entry.booted = worker.pid, True
    if not insert_scoreboard(app, recorder):
        return
    install_exit_handlers(worker, recorder)
    # Under gevent requests do it: the locks of `logging` are not for a thread of the system's.
    watchdog = Watchdog(
        recorder, _get_slow_seconds(settings, worker.cfg), checks_logging=not get_original
    )
    if get_original:
        watchdog.start(get_original("_thread", "start_new_thread"), get_original("time", "sleep"))
    else:
        watchdog.start()


def insert_scoreboard(app: object, recorder: Recorder) -> bool:
    """Have the recorder take part in the stack, where a request has its ID, and its line not yet.

    The app's own code may have put that stack where only it knows.
    """
    for middleware in iter_wrapped_apps(app):
        if isinstance(middleware, Middleware) and middleware.has_middleware(RequestID):
            middleware.insert(
                ScoreboardMiddleware(middleware, recorder), before=(AccessLog, ErrorEnvelope)
            )
            return True
    return False


def _get_slow_seconds(settings: Settings, cfg: Any) -> float:
    seconds = settings.slow_request_seconds
    return 0.75 * float(cfg.timeout or _DEFAULT_TIMEOUT_SECONDS) if seconds is None else seconds
