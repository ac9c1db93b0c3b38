"""Failures to load the app: one ERROR line with its traceback instead of text on stderr."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from gunicorn.errors import AppImportError

from wsgi_observe.gunicorn.compat import optional_attr
from wsgi_observe.logs.installation import installation

_NOT_LOGGED = "a failure to load the app is not logged, only printed on stderr"


def wrap_app_load(server: Any, prepare: Callable[[], None]) -> None:
    """Log an exception in the arbiter as it loads the app, which it does with ``--preload``.

    Gunicorn prints a RuntimeError there without its traceback.

    :param prepare: called right before the app is loaded, in each worker and in such an arbiter.
    """
    load = optional_attr(getattr(server, "app", None), "wsgi", _NOT_LOGGED)
    if load is None:
        return
    arbiter_pid = os.getpid()

    def wsgi() -> Any:
        prepare()
        if os.getpid() != arbiter_pid:
            return load()
        installation.begin_app_loading()
        try:
            return load()
        except Exception:
            server.log.exception("the app raised an exception while loading; Gunicorn stops")
            raise SystemExit(1) from None
        finally:
            installation.end_app_loading()

    server.app.wsgi = wsgi


def wrap_init_process(server: Any, worker: Any) -> None:
    """Log the exception that keeps a worker from starting, and the records of an app's import."""
    original_init_process = optional_attr(worker, "init_process", _NOT_LOGGED)
    if original_init_process is None:
        return

    def init_process() -> None:
        installation.begin_app_loading()
        try:
            original_init_process()
        except Exception as error:
            server.log.exception("Exception in worker process")
            raise SystemExit(_exit_code(server, worker, error)) from None

    worker.init_process = init_process


def _exit_code(server: Any, worker: Any, error: Exception) -> int:
    """Return the code by which the arbiter stops for an app that no worker can load."""
    if isinstance(error, AppImportError):
        return int(server.APP_LOAD_ERROR)
    return 255 if worker.booted else int(server.WORKER_BOOT_ERROR)
