"""Guard against Werkzeug's debugger, which runs code for any client, and DEBUG in production."""

from __future__ import annotations

import os
import sys
from traceback import walk_stack
from typing import Any

from flask import Flask

from wsgi_observe._loggers import get_logger
from wsgi_observe.problems import has_debugger

_log = get_logger("wsgi_observe.flask")

# Set by DebuggedApplication on every request that passes it.
_DEBUGGER_KEY = "werkzeug.debug.preserve_context"


def get_production_server() -> str | None:
    """Return the name of the production server that this process runs under, if it is known.

    Only servers that can be recognised before they load the app count: Gunicorn's arbiter sets
    ``SERVER_SOFTWARE`` for its workers (a child process inherits that, but not the module), and
    the modules ``uwsgi`` and ``mod_wsgi`` exist only inside these servers. The others cannot be
    recognised before the first request; and gevent, which serves in production, is also what
    Flask-SocketIO uses in development.
    """
    server_software = os.environ.get("SERVER_SOFTWARE", "")
    if server_software.startswith("gunicorn/") and "gunicorn.arbiter" in sys.modules:
        return "Gunicorn"
    return next((name for name in ("uwsgi", "mod_wsgi") if name in sys.modules), None)


def find_refusal_reason(app: Flask, *, allow_debug: bool, environ: Any = ()) -> str | None:
    """Return why `app` must not serve here; None if it may."""
    server = get_production_server()
    if server is None:
        return None
    if _DEBUGGER_KEY in environ or has_debugger(app.wsgi_app):
        return (
            f"the app is wrapped in werkzeug.debug.DebuggedApplication under {server}: any client "
            "could run code on the server. Remove it; `flask run --debug` adds its own"
        )
    if app.debug and not allow_debug and not _is_reload_enabled():
        return (
            f"DEBUG is on under {server}: errors may show code and secrets to clients. Unset "
            "FLASK_DEBUG, DEBUG or app.debug; for development, set allow_debug=True or use "
            "Gunicorn's `reload`"
        )
    return None


def warn_if_trapping(app: Flask) -> None:
    """Log a WARNING if ``TRAP_HTTP_EXCEPTIONS`` is on."""
    if app.config["TRAP_HTTP_EXCEPTIONS"]:
        _log.warning(
            "TRAP_HTTP_EXCEPTIONS is on: every abort() and 404 that no error handler handles is "
            "answered with 500. Switch it off except for debugging"
        )


def _is_reload_enabled() -> bool:
    """Return whether Gunicorn reloads changed code, which is for development.

    Its configuration is only reachable from the stack: Gunicorn is loading or calling this code.
    """
    for frame, _ in walk_stack(sys._getframe()):
        if frame.f_globals.get("__name__", "").startswith("gunicorn."):
            config = getattr(frame.f_locals.get("self"), "cfg", None)
            if config is not None:
                return bool(config.reload)
    return False
