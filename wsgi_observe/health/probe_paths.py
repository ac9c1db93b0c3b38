"""Decide who answers a probe path: the probe, or a route of the app's own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from string import ascii_lowercase
from typing import Any

from wsgi_observe._safely import call_safely
from wsgi_observe.wsgi.middleware import iter_wrapped_apps


class ProbePath:
    """A path at which a probe is served, unless the app has an explicit route there.

    :param setting: the name of the setting that moves it, ``live_path`` or ``ready_path``.
    :param reason: why the probe is served even where the app has a route; None: then it is not.
    """

    def __init__(self, path: str, setting: str, override_reason: str | None) -> None:
        self.path = path
        self.setting = setting
        self.override_reason = override_reason
        self.reported_conflict: str | None = None  # the conflict that has been logged
        self._has_route = False

    def detect_route(self, app: object) -> bool:
        """Look for a route in `app`; False where that failed, which is logged once.

        Late, since routes may be added, and a URLconf be loaded, until the first request.
        """
        result = call_safely(
            "looking for the app's own health route", has_explicit_route, app, self.path
        )
        self._has_route = bool(result)
        return result is not None

    @property
    def owner(self) -> str:
        """Who answers: ``app`` or ``wsgi_observe``."""
        return "app" if self._has_route and self.override_reason is None else "wsgi_observe"

    def conflict(self) -> str | None:
        """Return what is not reached because of the other, and what to do; None without one."""
        if not self._has_route:
            return None
        if self.override_reason is None:
            return (
                f"{self.path} is answered by the app's own route, and the probe is not reached: "
                f'set {self.setting} to another path to have both, or to "" to have no probe'
            )
        return (
            f"{self.path} is answered by the probe, since {self.override_reason}, and the app's own route "
            f'is not reached: set {self.setting} to another path, or to "" for no probe'
        )


_RouteMatcher = Callable[[str], object]
"""Returns the route that a router chooses for GET requests to a path; None where it has none."""

_GetMatchers = Callable[[Any], Iterable[_RouteMatcher]]

_MAX_OBJECTS_SEARCHED = (
    100  # objects that are looked into, where an app is not where `iter_wrapped_apps` finds it
)

_NEXT_LETTER = str.maketrans(ascii_lowercase, ascii_lowercase[1:] + ascii_lowercase[0])


def has_explicit_route(app: object, path: str) -> bool:
    """Return whether a router in `app` has one for GET, with or without a slash at its end.

    Raises what the router raises when it fails, such as a URLconf that cannot be imported.
    """
    base = path.rstrip("/")
    return any(
        _has_explicit_match(match, spelling)
        for match in _iter_matchers(app)
        for spelling in (base, base + "/")
    )


def _has_explicit_match(match: _RouteMatcher, path: str) -> bool:
    route = match(path)
    return route is not None and match(_make_unrouted_path(path)) != route


def _make_unrouted_path(path: str) -> str:
    """Return a path of the same form that no route is made for.

    >>> _make_unrouted_path("/health/")
    '/ifbmui/'
    """
    base = path.rstrip("/")
    parent, slash, name = base.rpartition("/")
    return parent + slash + name.lower().translate(_NEXT_LETTER) + path[len(base) :]


def _iter_matchers(app: object) -> Iterator[_RouteMatcher]:
    """Yield the routers of an app, and of what its middlewares wrap."""
    for result, routers_of in _find_framework_apps(app, {}):
        yield from routers_of(result)


def _find_framework_apps(app: object, seen: dict[int, object]) -> list[tuple[Any, _GetMatchers]]:
    """Return the apps of frameworks among an app and what it wraps."""
    known, innermost = [], app
    for innermost in iter_wrapped_apps(app):
        # What is wrapped may be a framework's method, such as `Flask.wsgi_app`.
        for one in (innermost, getattr(innermost, "__self__", None)):
            known += [
                (one, routers)
                for cls in type(one).__mro__
                if (routers := _find_matcher_factory(cls))
            ]
    if known:
        return known
    nested_apps = {}
    for one in _iter_wrapped_callables(innermost):
        if id(one) not in seen and len(seen) < _MAX_OBJECTS_SEARCHED:
            seen[id(one)] = one  # also keeps it, and so its id
            if result := _find_framework_apps(one, seen):
                nested_apps[id(result[0][0])] = result
    # Of several apps it is unknown which is served at this path.
    return next(iter(nested_apps.values())) if len(nested_apps) == 1 else []


def _find_matcher_factory(cls: type) -> _GetMatchers | None:
    """Return what reads the routers of a class; it may be part of a copy in another package."""
    name = f".{cls.__module__}.{cls.__qualname__}"
    return next(
        (_MATCHER_FACTORIES[one] for one in _MATCHER_FACTORIES if name.endswith(f".{one}")), None
    )


def _iter_wrapped_callables(app: object) -> Iterator[object]:
    """Yield what a middleware may wrap that keeps it in a closure, or under a name of its own."""
    attributes = [*getattr(app, "__dict__", {}).values()]
    for cell in getattr(app, "__closure__", None) or ():
        with suppress(ValueError):  # an empty cell
            attributes.append(cell.cell_contents)
    yield from (one for one in attributes if callable(one) and not isinstance(one, type))


def _flask_matchers(app: Any) -> Iterator[_RouteMatcher]:
    url_map = app.url_map
    not_found = sys.modules["werkzeug.exceptions"].HTTPException  # a redirect is one, too

    def match_within(domain: str) -> _RouteMatcher:
        def match(path: str) -> object:
            try:
                return adapter.match(path, "GET", return_rule=True)[0]
            except not_found:
                return None

        adapter = (
            url_map.bind(domain)
            if is_host_matching
            else url_map.bind("localhost", subdomain=domain)
        )
        return match

    is_host_matching = url_map.host_matching
    domains = {rule.host if is_host_matching else rule.subdomain for rule in url_map.iter_rules()}
    return (match_within(domain or "") for domain in domains)


def _django_matchers(_app: Any) -> Iterator[_RouteMatcher]:
    urls = sys.modules["django.urls"]

    def match(path: str) -> object:
        try:
            result = urls.resolve(path)
        except urls.Resolver404:
            return None
        return result.route if _allows_get_method(result.func) else None

    yield match


def _allows_get_method(view: Any) -> bool:
    """Return whether a Django view, or one of Django REST framework's, takes GET requests.

    The methods of a function are known to itself only.
    """
    actions = getattr(view, "actions", None)  # those of a view set, by method
    if actions is not None:
        return "get" in actions
    cls = getattr(view, "view_class", None) or getattr(view, "cls", None)
    return cls is None or hasattr(cls, "get")


def _bottle_matchers(app: Any) -> Iterator[_RouteMatcher]:
    classes = [one for one in type(app).__mro__ if one.__qualname__ == "Bottle"]
    not_found = sys.modules[classes[0].__module__].HTTPError

    def match(path: str) -> object:
        try:
            return app.router.match({"REQUEST_METHOD": "GET", "PATH_INFO": path})[0]
        except not_found:
            return None

    yield match


def _falcon_matchers(app: Any) -> Iterator[_RouteMatcher]:
    def match(path: str) -> object:
        result = app._router.find(path)
        if result is None:
            return None
        _, responders, _, template = result
        # Falcon itself responds to the methods that a resource lacks.
        is_app_route = getattr(responders.get("GET"), "__module__", None) != "falcon.responders"
        return template if is_app_route else None

    yield match


def _pyramid_matchers(app: Any) -> Iterator[_RouteMatcher]:
    # What was configured, with its methods; the views of a route are found by its name.
    introspector = app.registry.introspector
    views = [one["introspectable"] for one in introspector.get_category("views") or ()]

    def serves_get(route: Any) -> bool:
        known = introspector.get("routes", route.name) or {}
        route_views = [view for view in views if view.get("route_name") == route.name]
        return _allows_get(known) and (not route_views or any(map(_allows_get, route_views)))

    def match(path: str) -> object:
        routes = () if app.routes_mapper is None else app.routes_mapper.get_routes()
        for route in routes:
            if route.match(path) is not None and serves_get(route):
                return route.name
        # Traversal finds a view by its name, below the root.
        named_views = (
            view for view in views if view.get("name") and view.get("route_name") is None
        )
        return next(
            (v for v in named_views if v["name"] == path.strip("/") and _allows_get(v)), None
        )

    yield match


def _allows_get(predicates: Any) -> bool:
    methods = predicates.get("request_methods")
    if isinstance(methods, str):
        return methods == "GET"
    return not isinstance(methods, tuple | list) or "GET" in methods


def _dispatcher_matchers(app: Any) -> Iterator[_RouteMatcher]:
    def match(path: str) -> object:
        mounts = (one for one in app.mounts if f"{path}/".startswith(f"{one}/"))
        return max(mounts, key=len, default=None)

    yield match


_MATCHER_FACTORIES: dict[str, _GetMatchers] = {
    "flask.app.Flask": _flask_matchers,
    "django.core.handlers.wsgi.WSGIHandler": _django_matchers,
    "bottle.Bottle": _bottle_matchers,
    "falcon.app.App": _falcon_matchers,
    "pyramid.router.Router": _pyramid_matchers,
    "werkzeug.middleware.dispatcher.DispatcherMiddleware": _dispatcher_matchers,
}
