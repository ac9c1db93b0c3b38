"""Worker set-up, after its app is loaded and before it serves."""

from __future__ import annotations

import sys
from _thread import get_ident
from importlib import import_module
from typing import Any
from wsgiref.types import WSGIApplication

from wsgi_observe._loggers import get_logger
from wsgi_observe._safely import call_safely
from wsgi_observe.gunicorn.compat import optional_attr
from wsgi_observe.gunicorn.worker.app_wrapping import wrap_app
from wsgi_observe.gunicorn.worker.boot_line import log_boot_line
from wsgi_observe.gunicorn.worker.rejected_requests import handle_rejected_requests
from wsgi_observe.gunicorn.worker.signals import install_exit_handlers
from wsgi_observe.gunicorn.worker.wsgi_errors import WsgiErrors
from wsgi_observe.health import HealthState
from wsgi_observe.logs.installation import installation
from wsgi_observe.logs.uncaught import make_request_id_extra
from wsgi_observe.middleware.access_log import AccessLog
from wsgi_observe.middleware.errors import ErrorEnvelope
from wsgi_observe.middleware.request_id import RequestID
from wsgi_observe.scoreboard.recorder import Recorder
from wsgi_observe.scoreboard.scoreboard import WorkerEntry
from wsgi_observe.scoreboard.watchdog import Watchdog
from wsgi_observe.settings import Settings
from wsgi_observe.stack import with_metrics
from wsgi_observe.wsgi.exceptions import any_failure
from wsgi_observe.wsgi.middleware import Middleware, find_middlewares

_uncaught_log = get_logger("wsgi_observe.uncaught")

_DEFAULT_TIMEOUT_SECONDS = 30  # Gunicorn's default, used where the timeout is off


def set_up_worker(
    worker: Any, settings: Settings, state: HealthState, worker_entry: WorkerEntry | None
) -> None:
    """Observe the app and the requests that Gunicorn rejects before it; log the boot line.

    :param worker_entry: the worker's entry in the scoreboard.
    """
    installation.end_app_loading()
    if settings.capture_uncaught and _is_gevent_patched():
        _log_greenlet_failures()
    app = optional_attr(worker, "wsgi", "the app is not observed; only WSGI workers have one")
    if app is not None:
        app = wrap_app(app, settings, state)
        if settings.metrics_port:
            app = with_metrics(app, settings, state)
        # Lines that go to `wsgi.errors` would come back here.
        if settings.log_stream != "wsgi.errors":
            app = WsgiErrors(app)
        worker.wsgi = app
        if worker_entry is not None:
            _record_requests(worker, app, worker_entry, settings)
        handle_rejected_requests(worker, settings, worker_entry)
    # It asks the app and its packages for what it shows; a worker boots without it.
    call_safely("logging the boot line", log_boot_line, worker, app, settings)


def _record_requests(
    worker: Any, app: WSGIApplication, worker_entry: WorkerEntry, settings: Settings
) -> None:
    """Record the running requests of an observed app in the scoreboard, and watch them."""
    worker_entry.pid, worker_entry.booted = worker.pid, True
    stacks = find_middlewares(app, Middleware)
    stack = next((one for one in stacks if one.has_middleware(RequestID)), None)
    if stack is None:  # the app's own code has applied it where it cannot be reached from outside
        return
    is_gevent = _is_gevent_patched()
    # The memory is read by another process, which redacts it; a file may be read by anybody.
    is_in_file = worker_entry.file is not None and settings.redact
    redact_path = settings.redactor().path if is_in_file or settings.redact_patterns else None
    ident = import_module("greenlet").getcurrent if is_gevent else get_ident
    thread = _get_original("_thread", "get_ident")()
    recorder = Recorder(stack, worker_entry, ident, thread, redact_path)
    stack.insert(recorder, before=(AccessLog, ErrorEnvelope))
    install_exit_handlers(worker, recorder)
    # Under gevent requests check the logging: its locks are not for a thread of the system.
    watchdog = Watchdog(
        recorder, _get_slow_seconds(settings, worker.cfg), checks_logging=not is_gevent
    )
    watchdog.start(_get_original("_thread", "start_new_thread"), _get_original("time", "sleep"))


def _get_slow_seconds(settings: Settings, cfg: Any) -> float:
    seconds = settings.slow_request_seconds
    return 0.75 * float(cfg.timeout or _DEFAULT_TIMEOUT_SECONDS) if seconds is None else seconds


def _is_gevent_patched() -> bool:
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def _get_original(module: str, name: str) -> Any:
    """Return an attribute of a module as it was before gevent patched it."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None:
        return monkey.get_original(module, name)
    return getattr(import_module(module), name)


def _log_greenlet_failures() -> None:
    """Log an exception that ends a greenlet as a line: gevent prints it on stderr."""
    hub = sys.modules["gevent"].get_hub()
    print_original = hub.print_exception
    if getattr(print_original, "__func__", None) is None:
        return  # replaced by other code already

    def print_exception(context: object, kind: type, error: Any, traceback: object) -> None:
        try:
            extra = {} if error is None else make_request_id_extra(error)
            exc_info: Any = (kind, error, traceback)
            message = "uncaught %s in a greenlet"
            _uncaught_log.error(message, kind.__name__, exc_info=exc_info, extra=extra)
        except any_failure():
            print_original(context, kind, error, traceback)

    hub.print_exception = print_exception
