"""Worker set-up, after its app is loaded and before it serves."""

from __future__ import annotations

from _thread import get_ident
from importlib import import_module
from typing import TYPE_CHECKING, Any

from wsgi_observe._safely import call_safely
from wsgi_observe.gunicorn.arbiter.state import ArbiterState
from wsgi_observe.gunicorn.compat import optional_attr
from wsgi_observe.gunicorn.worker.app_wrapping import wrap_app
from wsgi_observe.gunicorn.worker.boot_line import log_boot_line
from wsgi_observe.gunicorn.worker.gevent import find_get_original, log_greenlet_failures
from wsgi_observe.gunicorn.worker.rejected_requests import handle_rejected_requests
from wsgi_observe.gunicorn.worker.script_name import answer_probes_outside_prefix
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

_DEFAULT_TIMEOUT_SECONDS = 30  # Gunicorn's default, used where the timeout is off


def set_up_worker(worker: Any, arbiter_state: ArbiterState) -> None:
    """Observe the app and the requests that Gunicorn rejects before it; log the boot line."""
    settings = arbiter_state.settings
    installation.end_app_loading()
    if settings.capture_uncaught and find_get_original():
        log_greenlet_failures()
    app = optional_attr(worker, "wsgi", "the app is not observed; only WSGI workers have one")
    if app is not None:
        app = wrap_app(app, settings, arbiter_state.health)
        # Lines that go to `wsgi.errors` would come back here.
        if settings.log_stream != "wsgi.errors":
            app = WsgiErrors(app)
        worker.wsgi = app
        worker_entry = arbiter_state.get_worker_entry(worker)
        if worker_entry is not None:
            _record_requests(worker, app, worker_entry, settings)
        handle_rejected_requests(worker, settings, worker_entry)
        answer_probes_outside_prefix(worker, settings)
    # It asks the app and its packages for what it shows; a worker boots without it.
    call_safely("logging the boot line", log_boot_line, worker, app, settings)


def _record_requests(
    worker: Any, app: WSGIApplication, worker_entry: WorkerEntry, settings: Settings
) -> None:
    """Record the running requests of an observed app in the scoreboard, and watch them."""
    get_original = find_get_original()
    ident = import_module("greenlet").getcurrent if get_original else get_ident
    thread = get_original("_thread", "get_ident")() if get_original else 0
    # The memory is read by another process, which redacts it; a file may be read by anybody.
    is_in_file = worker_entry.file is not None and settings.redact
    redact_path = settings.redactor().path if is_in_file or settings.redact_patterns else None
    recorder = Recorder(worker_entry, ident, thread, redact_path)
    worker_entry.pid, worker_entry.booted = worker.pid, True
    if not _insert_scoreboard(app, recorder):
        return
    install_exit_handlers(worker, recorder)
    # Under gevent requests check the logging: its locks are not for a thread of the system.
    watchdog = Watchdog(
        recorder, _get_slow_seconds(settings, worker.cfg), checks_logging=not get_original
    )
    if get_original:
        watchdog.start(get_original("_thread", "start_new_thread"), get_original("time", "sleep"))
    else:
        watchdog.start()


def _insert_scoreboard(app: object, recorder: Recorder) -> bool:
    """Insert the scoreboard's middleware after `RequestID`; return whether there was one.

    The app's own code may have applied the stack where it cannot be reached from outside.
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
