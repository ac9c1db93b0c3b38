"""An app that cannot be loaded, as one line with its traceback instead of text on stderr."""

from __future__ import annotations

import os
from typing import Any

from gunicorn.errors import AppImportError

from wsgi_observe.gunicorn.arbiter.state import ArbiterState
from wsgi_observe.gunicorn.compat import optional_attr
from wsgi_observe.gunicorn.sentry import start_sentry
from wsgi_observe.logs.installation import installation

_NOT_LOGGED = "an app that fails to load is printed on stderr"


def wrap_app_load(server: Any, arbiter_state: ArbiterState) -> None:
    """See to it that the arbiter, which loads the app with ``--preload``, logs what goes wrong.

    Gunicorn prints a RuntimeError without its traceback there.
    """
    load = optional_attr(getattr(server, "app", None), "wsgi", _NOT_LOGGED)
    if load is None:
        return
    arbiter = os.getpid()

    def wsgi() -> Any:
        if os.getpid() != arbiter:
            if arbiter_state.settings.sentry:
                # In each worker: a gevent one is patched here, which the arbiter never is.
                start_sentry(arbiter_state.settings)
            return load()
        installation.begin_app_loading()
        try:
            return load()
        except Exception:
            server.log.exception("The app failed to load")
            raise SystemExit(1) from None
        finally:
            installation.end_app_loading()

    server.app.wsgi = wsgi


def wrap_init_process(server: Any, worker: Any) -> None:
    """See to it that a worker logs what its app logs as it is imported, and why it cannot start."""
    start = optional_attr(worker, "init_process", _NOT_LOGGED)
    if start is None:
        return

    def init_process() -> None:
        installation.begin_app_loading()
        try:
            start()
        except Exception as error:
            server.log.exception("Exception in worker process")
            raise SystemExit(_exit_code(server, worker, error)) from None

    worker.init_process = init_process


def _exit_code(server: Any, worker: Any, error: Exception) -> int:
    """Return what tells the arbiter, which stops for an app that no worker could load."""
    if isinstance(error, AppImportError):
        return int(server.APP_LOAD_ERROR)
    return 255 if worker.booted else int(server.WORKER_BOOT_ERROR)
