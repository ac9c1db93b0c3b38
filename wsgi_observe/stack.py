"""Puts the four middlewares round an app, in their one right order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

from wsgi_observe._loggers import watch
from wsgi_observe.health import Check, HealthState
from wsgi_observe.middleware.access_log import AccessLog
from wsgi_observe.middleware.errors import ErrorEnvelope
from wsgi_observe.middleware.health import Health
from wsgi_observe.middleware.request_id import RequestID
from wsgi_observe.settings import MIDDLEWARES, Settings
from wsgi_observe.wsgi.middleware import Layer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

    from wsgi_observe.wsgi.exchange import Exchange

LAYERS: tuple[type[Layer], ...] = (RequestID, Health, AccessLog, ErrorEnvelope)
"""From the outside in: every answer has an ID; a probe leaves early, unlogged; the access line
sees the final status, the envelope's too; and the net hangs right over the app."""

_NAMES = dict(zip(LAYERS, MIDDLEWARES, strict=True))


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
    watch.mark_changed()  # the app is there by now, and may have configured logging
    watch.check_if_due()
    watch.mark_changed()  # and may do so until its first request
    return put_round(app, LAYERS, (settings or Settings()).replace(**overrides), state)


def put_round(
    app: WSGIApplication,
    layers: Collection[type[Layer]],
    settings: Settings,
    state: HealthState | None = None,
) -> WSGIApplication:
    """Return `app` with these of the four round it that are used, whatever order they come in."""
    used = [one for one in LAYERS if one in layers and settings.uses(_NAMES[one])]
    for layer in reversed(used):
        more = {"state": state} if layer is Health else {}
        app = layer(app, **_keywords(layer, settings), **more)
    if used and isinstance(app, Layer) and not settings.uses("access_log"):
        app.take_in(_LoggingCheck(app.app), ahead_of=())
    return app


class _LoggingCheck(Layer):
    """Compare the logging configuration when that is due, as the access log does while it is on."""

    def join(self, exchange: Exchange, environ: WSGIEnvironment) -> None:
        """Compare it."""
        if perf_counter() >= watch.due:
            watch.check()


def _keywords(layer: type[Layer], settings: Settings) -> dict[str, Any]:
    """Return the settings that a middleware takes, by its keywords, and that were set.

    All others have their default there too; `Health` has to know whether that was asked for.
    """
    return {
        name: getattr(settings, name)
        for name in layer.__init__.__kwdefaults__ or ()
        if name in settings.fields_set
    }
