"""Route templates: which route of the app has served a request, as a label with few values."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from wsgi_observe._safely import call_safely
from wsgi_observe.context import get_raw_context
from wsgi_observe.health.routers import find_framework_apps
from wsgi_observe.wsgi.exchange import Exchange

UNMATCHED = "unmatched"
"""The route of a request that no route has matched, or of a framework that is not known."""


def get_route(exchange: Exchange) -> str:
    """Return the template of a request's route where none of our recorders has reported it."""
    route = exchange.environ.get("bottle.route")
    return UNMATCHED if route is None else str(route.rule)


def install_route_recorders(app: object) -> None:
    """Have the frameworks report their routes that do not leave them in the environ."""
    for framework_app, name in find_framework_apps(app):
        if name in _INSTALLERS and id(framework_app) not in _recorded_apps:
            _recorded_apps[id(framework_app)] = framework_app
            call_safely(f"recording the routes of {name}", _INSTALLERS[name], framework_app)


_recorded_apps: dict[int, object] = {}
"""By their `id`, which each keeps while it is here: Falcon's have no place for a mark."""


def _record(route: str) -> None:
    context = get_raw_context()
    if context is not None and context.is_active:
        # Within a `log_context` it has no environ.
        (context if context.environ else context.request_context).route = route


def _install_flask(app: Any) -> None:
    """Extend the method that runs once a route has matched: later Flask drops its request."""
    preprocess_request: Callable[..., Any] = app.preprocess_request
    flask_request = sys.modules["flask"].request

    @wraps(preprocess_request)
    def record_and_preprocess(*args: Any) -> Any:
        rule = flask_request._get_current_object().url_rule
        if rule is not None:
            _record(rule.rule)
        return preprocess_request(*args)

    app.preprocess_request = record_and_preprocess


def _install_django(handler: Any) -> None:
    """Extend the handler's method that resolves: a middleware of ours would change settings."""
    resolve_request: Callable[[Any], Any] = handler.resolve_request

    @wraps(resolve_request)
    def resolve_and_record(request: Any) -> Any:
        match = resolve_request(request)
        route = str(match.route)
        # A path() has no slash at its beginning, a re_path() is a regular expression.
        _record(route if route.startswith(("/", "^")) else f"/{route}")
        return match

    handler.resolve_request = resolve_and_record


class _FalconMiddleware:
    """Falcon calls it once a route has matched."""

    def process_resource(self, req: Any, resp: Any, resource: object, params: object) -> None:
        if req.uri_template is not None:
            _record(req.uri_template)


def _install_falcon(app: Any) -> None:
    app.add_middleware(_FalconMiddleware())


def _install_pyramid(router: Any) -> None:
    def record(event: Any) -> None:
        route = getattr(event.request, "matched_route", None)
        if route is not None:
            _record(f"/{route.pattern.lstrip('/')}")

    router.registry.registerHandler(record, (sys.modules["pyramid.events"].BeforeTraversal,))


def _install_dispatcher(dispatcher: Any) -> None:
    for mounted_app in dispatcher.mounts.values():
        install_route_recorders(mounted_app)


_INSTALLERS: dict[str, Callable[[Any], None]] = {
    "flask.app.Flask": _install_flask,
    "werkzeug.middleware.dispatcher.DispatcherMiddleware": _install_dispatcher,
    "django.core.handlers.wsgi.WSGIHandler": _install_django,
    "falcon.app.App": _install_falcon,
    "pyramid.router.Router": _install_pyramid,
}
