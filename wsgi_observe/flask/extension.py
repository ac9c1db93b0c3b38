"""The Flask extension: the stack round an app, and what of it only Flask can tell."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Mapping
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
from wsgi_observe.settings import Settings
from wsgi_observe.stack import observe
from wsgi_observe.validators import import_string

_NAME = "wsgi_observe"
_log = get_logger("wsgi_observe.flask")

Checks = Mapping[str, Callable[[], object] | Check | str]


class Observe:
    """Observe a Flask app: ``Observe(app)``, or ``Observe()`` and ``init_app`` in a factory.

    It wraps ``app.wsgi_app`` in the whole stack, gives Flask's own errors the same shape, and
    puts ``route`` and ``endpoint`` on the log lines. The ID is ``g.request_id`` too.

    :param checks: readiness checks, name to callable or `Check`; they run in the app's context.
    :param validation_errors: exceptions of marshmallow, pydantic or their like, to be a 422.
    :param state: whether the process is starting or draining; readiness says so.
    :param overrides: fields of `Settings`, over those of `settings`.
    :raises SettingsError: for an unknown or unfit setting.
    :raises RuntimeError: for an app that is observed already, and for a debugger in production.

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
        """Observe `app`; before its first request, and once."""
        if _NAME in app.extensions:
            raise RuntimeError(f"{app!r} is observed already: call Observe once for each app")
        allow_debug = self._settings.allow_debug
        refusal_reason = guard.find_refusal_reason(app, allow_debug=allow_debug)
        if refusal_reason is not None:
            raise RuntimeError(refusal_reason)
        if self._settings.has_middleware("errors"):
            register_error_handlers(app, self._settings, validation_errors=self._validation_errors)
        if self._settings.has_middleware("request_id"):
            install_request_id(app)
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
        chosen = self._settings
        if self._follows_flask:
            chosen = chosen.replace(propagate=partial(_propagates_exceptions, app))
        checks = {
            name: _in_app_context(app, check, chosen.check_timeout)
            for name, check in self._checks.items()
        }
        return observe(app.wsgi_app, chosen, checks=checks, state=self._state)


class _RequestPreprocessor:
    """Looks at each request once it is matched, before any code of the app's runs."""

    def __init__(self, app: Flask, redactor: Redactor, *, allow_debug: bool) -> None:
        self._app, self._allow_debug = app, allow_debug
        self._flask_preprocess_request = app.preprocess_request
        self._record_route = RouteRecorder(app, redactor).record
        self._is_checked, self._is_refused = False, False

    def preprocess_request(self, *args: Any) -> Any:
        """Take over from Flask's method of that name."""
        if not self._is_checked:
            self._check_debug()
        if self._is_refused:
            raise InternalServerError
        self._record_route()
        return self._flask_preprocess_request(*args)

    def _check_debug(self) -> None:
        """See at the first request what was switched on or put round the app since `Observe`."""
        self._is_checked = True
        reason = guard.find_refusal_reason(
            self._app, allow_debug=self._allow_debug, environ=request.environ
        )
        if reason is not None:
            self._is_refused = True
            _log.error("every request is refused: %s", reason)


def _propagates_exceptions(app: Flask) -> bool:
    """Return whether Flask raises exceptions on instead of answering them: its own rule."""
    chosen = app.config["PROPAGATE_EXCEPTIONS"]
    return app.testing or app.debug if chosen is None else bool(chosen)


def _in_app_context(app: Flask, check: Callable[[], object] | Check | str, timeout: float) -> Check:
    """Return the check as one that runs in the app's context, where extensions find their app."""
    result = import_string("a check", check) if isinstance(check, str) else check
    given = result if isinstance(result, Check) else Check(result, timeout=timeout)

    def run() -> object:
        with app.app_context():
            return given.fn()

    return given.replace(fn=run)


def _disable_mail() -> None:
    """Send nobody a mail of what somebody is working on."""
    mail_module: Any = sys.modules.get("wsgi_observe.logs.handlers.mail")
    for handler in logging.getLogger().handlers if mail_module is not None else ():
        if isinstance(handler, mail_module.MailHandler):
            handler.is_off = True


def _remove_default_handler(app: Flask) -> None:
    """Have the app's records be written once, where our handler on root writes them."""
    if any(
        isinstance(handler.formatter, JsonFormatter | ConsoleFormatter)
        for handler in logging.getLogger().handlers
    ):
        # Not `app.logger`: the first touch of that may add the very handler.
        logging.getLogger(app.name).removeHandler(default_handler)


_G_NAME = "request_id"


class _RequestIDAttribute:
    """Gives way to what the app sets itself: a descriptor without ``__set__``."""

    def __get__(self, instance: object, owner: object) -> str | None:
        return current_request_id()


class _GlobalsWithRequestID(_AppCtxGlobals):
    request_id = _RequestIDAttribute()

    def get(self, name: str, default: Any = None) -> Any:
        result = super().get(name, default)
        return current_request_id() or result if name == _G_NAME and result is default else result

    def __contains__(self, name: str) -> bool:
        return name == _G_NAME or super().__contains__(name)


def install_request_id(app: Flask) -> None:
    """Have ``g.request_id`` be the running request's ID; None outside a request.

    Not set once per application context: one that a test keeps open sees many requests.
    """
    chosen = app.app_ctx_globals_class
    if issubclass(_GlobalsWithRequestID, chosen):
        app.app_ctx_globals_class = _GlobalsWithRequestID
    else:
        globals_class: Any = type(chosen.__name__, (_GlobalsWithRequestID, chosen), {})
        app.app_ctx_globals_class = globals_class
