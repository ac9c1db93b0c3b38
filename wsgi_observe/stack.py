"""The stack: the four middlewares in their order, round one app."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from importlib.util import find_spec
from time import perf_counter
from typing import Any
from wsgiref.types import WSGIApplication, WSGIEnvironment

from wsgi_observe._loggers import config_watch
from wsgi_observe.health import Check, HealthState
from wsgi_observe.middleware.access_log import AccessLog
from wsgi_observe.middleware.errors import ErrorEnvelope
from wsgi_observe.middleware.health import Health
from wsgi_observe.middleware.request_id import RequestID
from wsgi_observe.settings import MIDDLEWARE_NAMES, Settings, SettingsError
from wsgi_observe.wsgi.exchange import Exchange
from wsgi_observe.wsgi.middleware import Middleware, find_middlewares

MIDDLEWARE_CLASSES = (RequestID, Health, AccessLog, ErrorEnvelope)
"""From the outside in, as `MIDDLEWARE_NAMES`."""


def observe(
    app: WSGIApplication,
    settings: Settings | None = None,
    *,
    checks: Mapping[str, Callable[[], object] | Check | str] | None = None,
    state: HealthState | None = None,
    **overrides: Any,
) -> WSGIApplication:
    """Wrap `app` in the middlewares that the setting ``middlewares`` names, by default all four.

    From the outside in: ``RequestID``, since every response has an ID; ``Health``, since probes
    are not logged; ``AccessLog``, which logs the final status; ``ErrorEnvelope``, which handles
    the app's exceptions.

    :param checks: readiness checks, name to callable or `Check`, or to the import path of either.
    :param state: whether the process is starting or draining; readiness says so.
    :param overrides: fields of `Settings`, over those of `settings`.
    :raises SettingsError: for an unknown setting or an invalid value.

    >>> app.wsgi_app = observe(app.wsgi_app, checks={"db": ping_database})  # doctest: +SKIP
    """
    if checks is not None:
        overrides["checks"] = checks
    config_watch.mark_changed()  # the app has been imported, and may have configured logging
    config_watch.check_if_due()
    config_watch.mark_changed()  # it may do so again until its first request
    return wrap(app, MIDDLEWARE_CLASSES, (settings or Settings()).replace(**overrides), state)


def wrap(
    app: WSGIApplication,
    middlewares: Collection[type[Middleware]],
    settings: Settings,
    state: HealthState | None = None,
) -> WSGIApplication:
    """Wrap `app` in those of `middlewares` that `settings` uses, in the order of the stack."""
    wrapped = app
    classes = zip(MIDDLEWARE_NAMES, MIDDLEWARE_CLASSES, strict=True)
    for name, middleware_class in reversed(list(classes)):
        if middleware_class in middlewares and settings.has_middleware(name):
            if middleware_class is Health:
                wrapped = Health(wrapped, settings, state=state)
            else:
                wrapped = middleware_class(wrapped, settings)
    is_logged = settings.has_middleware("access_log")
    if wrapped is not app and isinstance(wrapped, Middleware) and not is_logged:
        wrapped.insert(_LoggingConfigurationCheck(wrapped.app), before=())
    return with_metrics(wrapped, settings, state) if settings.metrics_path else wrapped


def with_metrics(
    app: WSGIApplication, settings: Settings, state: HealthState | None = None
) -> WSGIApplication:
    """Return `app` with the middleware that counts its requests, unless it has one.

    :raises SettingsError: where the client library is missing.
    """
    check_prometheus(settings)
    prometheus: Any = import_module("wsgi_observe.prometheus")
    if state is not None:
        prometheus.process_sources().add_state(state)
    stacks = find_middlewares(app, Middleware)
    if any(one.has_middleware(prometheus.Metrics) for one in stacks):
        return app
    for one in stacks:
        if one.has_middleware(RequestID):
            # Inside `Health`: probes are not counted. Outside `AccessLog`: a scrape is not logged.
            one.insert(prometheus.Metrics(one, settings), before=(AccessLog, ErrorEnvelope))
            return app
    metrics: WSGIApplication = prometheus.Metrics(app, settings)
    return metrics


def check_prometheus(settings: Settings) -> None:
    """Check that prometheus-client is there: located, not imported, as Sentry's SDK is.

    :raises SettingsError: where it is missing.
    """
    if find_spec("prometheus_client") is None:
        name, off = ("metrics_port", "0") if settings.metrics_port else ("metrics_path", "empty")
        remedy = "prometheus-client is installed (pip install 'wsgi-observe[prometheus]')"
        raise SettingsError(name, f"{off} unless {remedy}", getattr(settings, name))


class _LoggingConfigurationCheck(Middleware):
    """Check the logging configuration when that is due, as `AccessLog` does where it is used."""

    def process_request(self, exchange: Exchange, environ: WSGIEnvironment) -> None:
        """Check it."""
        if perf_counter() >= config_watch.due_at:
            config_watch.check()
