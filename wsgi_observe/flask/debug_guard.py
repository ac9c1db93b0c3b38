"""Keeps Werkzeug's debugger, which runs code for whoever reaches it, out of production."""

from __future__ import annotations

import os
import sys
from typing import Any

from flask import Flask
from werkzeug.debug import DebuggedApplication

from wsgi_observe._loggers import get_logger
from wsgi_observe.wsgi.middleware import iter_wrapped_apps

_log = get_logger("wsgi_observe.flask")

# Set by DebuggedApplication on every request that passes it.
_DEBUGGER_KEY = "werkzeug.debug.preserve_context"


def get_production_server() -> str | None:
    """Return the name of the server that is loading or running us, if it is known as one.

    Only what a server says of itself before it loads the app counts: Gunicorn's arbiter sets
    ``SERVER_SOFTWARE`` for its workers (a child process inherits that, but not the module), and
    the modules ``uwsgi`` and ``mod_wsgi`` exist nowhere but inside these servers. The others say
    nothing before the first request; and the same gevent that serves in production is what
    Flask-SocketIO develops with. So they are not judged.
    """
    server_software = os.environ.get("SERVER_SOFTWARE", "")
    if server_software.startswith("gunicorn/") and "gunicorn.arbiter" in sys.modules:
        return "Gunicorn"
    return next((name for name in ("uwsgi", "mod_wsgi") if name in sys.modules), None)


def find_refusal_reason(app: Flask, *, allow_debug: bool, environ: Any = ()) -> str | None:
    """Return what has to be taken out before `app` may serve, if anything."""
    server = get_production_server()
    if server is None:
        return None
    if _DEBUGGER_KEY in environ or _has_debugger(app.wsgi_app):
        return (
            f"werkzeug.debug.DebuggedApplication is in the chain under {server}: whoever reaches "
            "it can run code. Take it out; `flask run --debug` brings its own"
        )
    if app.debug and not allow_debug and not _is_reload_enabled():
        return (
            f"DEBUG is on under {server}. Take out FLASK_DEBUG, DEBUG or app.debug; or say "
            "allow_debug=True, or develop with Gunicorn's `reload`"
        )
    return None


def warn_if_trapping(app: Flask) -> None:
    """Say what ``TRAP_HTTP_EXCEPTIONS`` does."""
    if app.config["TRAP_HTTP_EXCEPTIONS"]:
        _log.warning(
            "TRAP_HTTP_EXCEPTIONS is on: every abort() and 404 counts as a crash where no "
            "handler takes it. It is meant for debugging"
        )


def _has_debugger(app: object) -> bool:
    apps = iter_wrapped_apps(app, mounted=True)
    return any(isinstance(one, DebuggedApplication) for one in apps)


def _is_reload_enabled() -> bool:
    """Return whether Gunicorn reloads the code that it runs, as one has it while developing.

    Its configuration is nowhere but on the stack: it is loading us, or calling us.
    """
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_globals.get("__name__", "").startswith("gunicorn."):
            config = getattr(frame.f_locals.get("self"), "cfg", None)
            if config is not None:
                return bool(config.reload)
    return False
