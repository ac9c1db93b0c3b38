"""Puts the four middlewares round an app, in their one right order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

from wsgi_observe._loggers import config_watch
from wsgi_observe.health import Check, HealthState
from wsgi_observe.middleware.access_log import AccessLog
from wsgi_observe.middleware.errors import ErrorEnvelope
from wsgi_observe.middleware.health import Health
from wsgi_observe.middleware.request_id import RequestID
from wsgi_observe.settings import MIDDLEWARE_NAMES, Settings
from wsgi_observe.wsgi.middleware import Middleware

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

    from wsgi_observe.wsgi.exchange import Exchange

MIDDLEWARE_CLASSES: tuple[type[Middleware], ...] = (RequestID, Health, AccessLog, ErrorEnvelope)
"""From the outside in: every answer has an ID; a probe leaves early, unlogged; the access line
sees the final status, the envelope's too; and the net hangs right over the app."""

_MIDDLEWARE_NAMES = dict(zip(MIDDLEWARE_CLASSES, MIDDLEWARE_NAMES, strict=True))


def observe(
    app: WSGIApplication,
    settings: Settings | None = None,
    *,
    checks: Mapping[str, Callable[[], object] | Check | str] | None = None,
    state: HealthState | None = None,
    **overrides: Any,
) -> WSGIApplication:
    """Return `app` with the whole stack round it, or with those of it in ``middlewares``.

    From the outside in: every answer has an ID, so ``RequestID`` is first; a probe leaves at
    ``Health``, unlogged; ``AccessLog`` sees the final status, the envelope's too; and
    ``ErrorEnvelope`` hangs right over the app.

    :param checks: readiness checks, name to callable or `Check`, or to the import path of either.
    :param state: whether the process is starting or draining; readiness says so.
    :param overrides: fields of `Settings`, over those of `settings`.
    :raises SettingsError: for an unknown or unfit setting.

    >>> app.wsgi_app = observe(app.wsgi_app, checks={"db": ping_database})  # doctest: +SKIP
    """
    if checks is not None:
        overrides["checks"] = checks
    config_watch.mark_changed()  # the app is there by now, and may have configured logging
    config_watch.check_if_due()
    config_watch.mark_changed()  # and may do so until its first request
    return wrap(app, MIDDLEWARE_CLASSES, (settings or Settings()).replace(**overrides), state)


def wrap(
    app: WSGIApplication,
    middlewares: Collection[type[Middleware]],
    settings: Settings,
    state: HealthState | None = None,
) -> WSGIApplication:
    """Return `app` with these of the four round it that are used, whatever order they come in."""
    used = [
        middleware_class
        for middleware_class in MIDDLEWARE_CLASSES
        if middleware_class in middlewares
        and settings.has_middleware(_MIDDLEWARE_NAMES[middleware_class])
    ]
    for middleware_class in reversed(used):
        state_argument = {"state": state} if middleware_class is Health else {}
        app = middleware_class(app, **_settings_for(middleware_class, settings), **state_argument)
    if used and isinstance(app, Middleware) and not settings.has_middleware("access_log"):
        app.insert(_LoggingConfigurationCheck(app.app), before=())
    return app


class _LoggingConfigurationCheck(Middleware):
    """Compare the logging configuration when that is due, as the access log does while it is on."""

    def process_request(self, exchange: Exchange, environ: WSGIEnvironment) -> None:
        """Compare it."""
        if perf_counter() >= config_watch.due_at:
            config_watch.check()


def _settings_for(middleware_class: type[Middleware], settings: Settings) -> dict[str, Any]:
    """Return the settings that a middleware takes, by its keywords, and that were set.

    All others have their default there too; `Health` has to know whether that was asked for.
    """
    return {
        name: getattr(settings, name)
        for name in middleware_class.__init__.__kwdefaults__ or ()
        if name in settings.fields_set
    }
