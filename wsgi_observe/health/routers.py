"""Routers of web frameworks: does an app have an explicit route for GET requests to a path?"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from string import ascii_lowercase
from typing import Any

from wsgi_observe.wsgi.middleware import iter_wrapped_apps

_RouteMatcher = Callable[[str], object]
"""Returns the route that a router chooses for GET requests to a path; None where it has none."""

_GetMatchers = Callable[[Any], Iterable[_RouteMatcher]]
"""Returns the matchers of a framework's app."""

_MAX_OBJECTS_SEARCHED = 100

_NEXT_LETTER = str.maketrans(ascii_lowercase, ascii_lowercase[1:] + ascii_lowercase[0])


def has_explicit_route(app: object, path: str) -> bool:
    """Return whether a router in `app` has a route for a path, with or without a final slash.

    A route that matches any other path as well, such as a catch-all pattern, is not explicit.
    Raises what the router raises when it fails, such as a URLconf that cannot be imported.
    """
    base = path.rstrip("/")
    return any(
        _has_explicit_match(match, spelling)
        for framework_app, get_matchers in _find_framework_apps(app, {})
        for match in get_matchers(framework_app)
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


def _find_framework_apps(app: object, seen: dict[int, object]) -> list[tuple[Any, _GetMatchers]]:
    """Return the apps of known frameworks among an app and the apps that it wraps.

    :param seen: the objects searched so far by their `id`, which each keeps while it is here.
    """
    chain = list(iter_wrapped_apps(app))
    # What is wrapped may be a framework's method, such as `Flask.wsgi_app`.
    candidates = [one for app in chain for one in (app, getattr(app, "__self__", None))]
    known = [(one, factory) for one in candidates if (factory := _find_matcher_factory(one))]
    if known:
        return known
    nested_apps = {}
    for one in _iter_held_callables(chain[-1]):
        if id(one) not in seen and len(seen) < _MAX_OBJECTS_SEARCHED:
            seen[id(one)] = one
            if found := _find_framework_apps(one, seen):
                nested_apps[id(found[0][0])] = found
    # Of several apps it is unknown which serves this path.
    return next(iter(nested_apps.values())) if len(nested_apps) == 1 else []


def _find_matcher_factory(app: object) -> _GetMatchers | None:
    """Return the adapter for an app by the name of its class.

    By name, so that no framework is imported; a copy in another package counts too.
    """
    for cls in type(app).__mro__:
        name = f".{cls.__module__}.{cls.__qualname__}"
        for known, factory in _MATCHER_FACTORIES.items():
            if name.endswith(f".{known}"):
                return factory
    return None


def _iter_held_callables(app: object) -> Iterator[object]:
    """Yield the callables in the attributes and the closure of a middleware."""
    held = [*getattr(app, "__dict__", {}).values()]
    for cell in getattr(app, "__closure__", None) or ():
        with suppress(ValueError):  # an empty cell
            held.append(cell.cell_contents)
    yield from (one for one in held if callable(one) and not isinstance(one, type))


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
