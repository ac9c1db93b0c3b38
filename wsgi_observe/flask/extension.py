"""The Flask extension `Observe`: the stack round an app, its error handlers and its routes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from flask import Flask, request
from flask.ctx import _AppCtxGlobals
from flask.logging import default_handler
from werkzeug.exceptions import InternalServerError

from wsgi_observe._loggers import get_logger
from wsgi_observe.context import current_request_id
from wsgi_observe.flask import debug_guard as guard
from wsgi_observe.flask.error_handlers import register_error_handlers
from wsgi_observe.flask.routes import RouteRecorder
from wsgi_observe.health import Check, HealthState
from wsgi_observe.logs import ConsoleFormatter, JsonFormatter
from wsgi_observe.redaction import Redactor
from wsgi_observe.settings import Settings, import_object
from wsgi_observe.stack import observe

_NAME, _REQUEST_ID = "wsgi_observe", "request_id"
_log = get_logger("wsgi_observe.flask")

Checks = Mapping[str, Callable[[], object] | Check | str]


class Observe:
    """Observe a Flask app: ``Observe(app)``, or ``Observe()`` and ``init_app`` in a factory.

    It wraps ``app.wsgi_app`` in the whole stack, answers Flask's own errors with the envelope, and
    adds ``route`` and ``endpoint`` to the log lines. The request ID is also in ``g.request_id``.

    :param checks: readiness checks, name to callable or `Check`; they run in the app's context.
    :param validation_errors: exception classes, of marshmallow, pydantic or the like, that are
        answered with 422.
    :param state: whether the process is starting or draining, for the readiness probe.
    :param overrides: fields of `Settings`, over those of `settings`.
    :raises SettingsError: for an unknown setting or an invalid value.
    :raises RuntimeError: for an app that is observed already, and for a debugger or DEBUG in
        production.

    >>> Observe(app, checks={"db": ping_database})  # doctest: +SKIP
    """

    def __init__(
        self,
        app: Flask | None = None,
        settings: Settings | None = None,
        *,
        checks: Checks | None = None,
        validation_errors: Iterable[type[Exception]] = (),
        state: HealthState | None = None,
        **overrides: Any,
    ) -> None:
        self._settings = (settings or Settings()).replace(**overrides)
        self._follows_flask = "propagate" not in overrides and not self._settings.propagate
        self._checks = dict(self._settings.checks if checks is None else checks)
        self._validation_errors = tuple(validation_errors)
        self._state = state
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Observe `app`, once and before its first request."""
        if _NAME in app.extensions:
            raise RuntimeError(f"{app!r} is observed already: call Observe once for each app")
        allow_debug = self._settings.allow_debug
        refusal_reason = guard.find_refusal_reason(app, allow_debug=allow_debug)
        if refusal_reason is not None:
            raise RuntimeError(refusal_reason)
        if self._settings.has_middleware("errors"):
            register_error_handlers(app, self._settings, validation_errors=self._validation_errors)
        if self._settings.has_middleware("request_id"):
            _install_request_id(app)
        # On the instance, over whatever a subclass has: a url_value_preprocessor or a
        # before_request function would cost each request more than all of the rest.
        preprocessor = _RequestPreprocessor(app, self._settings.redactor(), allow_debug=allow_debug)
        app.preprocess_request = preprocessor.preprocess_request  # type: ignore[method-assign]
        app.wsgi_app = self._wrap(app)  # type: ignore[method-assign]
        app.extensions[_NAME] = self
        guard.warn_if_trapping(app)
        _remove_default_handler(app)
        if app.debug:
            _disable_mail()

    def _wrap(self, app: Flask) -> Any:
        settings = self._settings
        if self._follows_flask:
            settings = settings.replace(propagate=partial(_propagates_exceptions, app))
        checks = {
            name: _in_app_context(app, check, settings.check_timeout)
            for name, check in self._checks.items()
        }
        return observe(app.wsgi_app, settings, checks=checks, state=self._state)


class _RequestPreprocessor:
    """Flask's `preprocess_request`, extended: records the route before any code of the app runs."""

    def __init__(self, app: Flask, redactor: Redactor, *, allow_debug: bool) -> None:
        self._app, self._allow_debug = app, allow_debug
        self._flask_preprocess_request = app.preprocess_request
        self._record_route = RouteRecorder(app, redactor).record
        self._is_checked, self._is_refused = False, False

    def preprocess_request(self, *args: Any) -> Any:
        """Replace Flask's method of that name."""
        if not self._is_checked:
            self._check_debug()
        if self._is_refused:
            raise InternalServerError
        self._record_route()
        return self._flask_preprocess_request(*args)

    def _check_debug(self) -> None:
        """Check at the first request for DEBUG or a debugger that came after `Observe`."""
        self._is_checked = True
        reason = guard.find_refusal_reason(
            self._app, allow_debug=self._allow_debug, environ=request.environ
        )
        if reason is not None:
            self._is_refused = True
            _log.error("all requests are answered with 500: %s", reason)


def _propagates_exceptions(app: Flask) -> bool:
    """Return whether Flask propagates exceptions to the server, by its own rule."""
    setting = app.config["PROPAGATE_EXCEPTIONS"]
    return app.testing or app.debug if setting is None else bool(setting)


def _in_app_context(app: Flask, check: Callable[[], object] | Check | str, timeout: float) -> Check:
    """Return the check as one that runs in the application context, which extensions need."""
    imported = import_object("a check", check) if isinstance(check, str) else check
    given = imported if isinstance(imported, Check) else Check(imported, timeout=timeout)

    def run() -> object:
        with app.app_context():
            return given.fn()

    return replace(given, fn=run)


def _disable_mail() -> None:
    mail_module: Any = sys.modules.get("wsgi_observe.logs.handlers.mail")
    for handler in logging.getLogger().handlers if mail_module is not None else ():
        if isinstance(handler, mail_module.MailHandler):
            handler.is_off = True


def _remove_default_handler(app: Flask) -> None:
    """Remove Flask's handler, which would write each record a second time, beside ours on root."""
    if any(
        isinstance(handler.formatter, JsonFormatter | ConsoleFormatter)
        for handler in logging.getLogger().handlers
    ):
        # Not `app.logger`: the first access to it may add the very handler.
        logging.getLogger(app.name).removeHandler(default_handler)


class _GlobalsWithRequestID(_AppCtxGlobals):
    def __getattr__(self, name: str) -> Any:
        # Called for what is not set: a value that the app sets itself wins.
        return current_request_id() if name == _REQUEST_ID else super().__getattr__(name)

    def get(self, name: str, default: Any = None) -> Any:
        value = super().get(name, default)
        return current_request_id() or value if name == _REQUEST_ID and value is default else value

    def __contains__(self, name: str) -> bool:
        return name == _REQUEST_ID or super().__contains__(name)


def _install_request_id(app: Flask) -> None:
    """Make ``g.request_id`` the running request's ID; None outside a request.

    Not a value set once per application context: one that a test keeps open has many requests.
    """
    bases = (_GlobalsWithRequestID, app.app_ctx_globals_class)
    combined: Any = type(app.app_ctx_globals_class.__name__, bases, {})
    app.app_ctx_globals_class = combined
