"""Routers of web frameworks: does an app have an explicit route for GET requests to a path?"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from string import ascii_lowercase
from types import FunctionType, MethodType
from typing import Any

from wsgi_observe.wsgi.middleware import get_closure, iter_wrapped_apps

_RouteFinder = Callable[[Any, str], Iterable[object]]
"""Yields the routes that the router of a framework's app chooses for GET requests to a path."""

_MAX_OBJECTS_SEARCHED = 100

_NEXT_LETTER = str.maketrans(ascii_lowercase, ascii_lowercase[1:] + ascii_lowercase[0])


def has_explicit_route(app: object, path: str) -> bool:
    """Return whether a router in `app` has a route for a path, with or without a final slash.

    A route that matches any other path as well, such as a catch-all pattern, is not explicit.
    Raises what the router raises when it fails, such as a URLconf that cannot be imported.
    """
    base = path.rstrip("/")
    return any(
        _has_explicit_match(_ROUTE_FINDERS[name], framework_app, spelling)
        for framework_app, name in find_framework_apps(app)
        for spelling in (base, base + "/")
    )


def _has_explicit_match(find_routes: _RouteFinder, app: object, path: str) -> bool:
    catch_alls = list(find_routes(app, _make_unrouted_path(path)))
    return any(route not in catch_alls for route in find_routes(app, path))


def _make_unrouted_path(path: str) -> str:
    """Return a path of the same form that no route is made for.

    >>> _make_unrouted_path("/health/")
    '/ifbmui/'
    """
    base = path.rstrip("/")
    parent, slash, name = base.rpartition("/")
    return parent + slash + name.lower().translate(_NEXT_LETTER) + path[len(base) :]


def find_framework_apps(
    app: object, seen: dict[int, object] | None = None
) -> list[tuple[Any, str]]:
    """Return the apps of known frameworks among an app and the apps that it wraps, with the class.

    :param seen: the objects searched so far by their `id`, which each keeps while it is here.
    """
    seen = {} if seen is None else seen
    chain = list(iter_wrapped_apps(app))
    # What is wrapped may be a framework's method, such as `Flask.wsgi_app`.
    candidates = [one for app in chain for one in (app, getattr(app, "__self__", None))]
    known = [(one, name) for one in candidates if (name := _get_framework_class(one))]
    if known or not chain:  # a worker of another kind has no app
        return known
    nested_apps = {}
    for one in _iter_held_callables(chain[-1]):
        if id(one) not in seen and len(seen) < _MAX_OBJECTS_SEARCHED:
            seen[id(one)] = one
            if found := find_framework_apps(one, seen):
                nested_apps[id(found[0][0])] = found
    # Of several apps it is unknown which serves this path.
    return next(iter(nested_apps.values())) if len(nested_apps) == 1 else []


def find_flask_app(app: object) -> Any:
    """Return the Flask app that `app` is or wraps, if any."""
    wrapped = iter_wrapped_apps(app)
    return next((one for one in wrapped if _get_framework_class(one) == "flask.app.Flask"), None)


def _get_framework_class(app: object) -> str | None:
    """Return the name of the known class that an app is an instance of.

    By name, so that no framework is imported; a copy in another package counts too.
    """
    for cls in type(app).__mro__:
        name = f".{cls.__module__}.{cls.__qualname__}"
        for known in _ROUTE_FINDERS:
            if name.endswith(f".{known}"):
                return known
    return None


def _iter_held_callables(app: object) -> Iterator[object]:
    """Yield the callables in the attributes and the closure of a middleware."""
    closure = get_closure(app) if isinstance(app, FunctionType | MethodType) else {}
    held = [*getattr(app, "__dict__", {}).values(), *closure.values()]
    yield from (one for one in held if callable(one) and not isinstance(one, type))


def _find_flask_routes(app: Any, path: str) -> Iterator[object]:
    url_map = app.url_map
    not_found = sys.modules["werkzeug.exceptions"].HTTPException  # a redirect is one, too
    if url_map.host_matching:
        adapters = [url_map.bind(host) for host in {r.host or "" for r in url_map.iter_rules()}]
    else:
        subdomains = {rule.subdomain or "" for rule in url_map.iter_rules()}
        adapters = [url_map.bind("localhost", subdomain=name) for name in subdomains]
    for adapter in adapters:
        with suppress(not_found):
            yield adapter.match(path, "GET", return_rule=True)[0]


def _find_django_routes(_app: Any, path: str) -> Iterator[object]:
    urls = sys.modules["django.urls"]
    with suppress(urls.Resolver404):
        result = urls.resolve(path)
        if _allows_get_method(result.func):
            yield result.route


def _allows_get_method(view: Any) -> bool:
    """Return whether a Django view, or one of Django REST framework's, takes GET requests.

    The methods of a function are known to itself only.
    """
    actions = getattr(view, "actions", None)  # those of a view set, by method
    if actions is not None:
        return "get" in actions
    cls = getattr(view, "view_class", None) or getattr(view, "cls", None)
    return cls is None or hasattr(cls, "get")


def bottle_module(app: object) -> Any:
    """Return the module of a Bottle app's class: an app may have a copy of Bottle, one file."""
    cls = next(one for one in type(app).__mro__ if one.__qualname__ == "Bottle")
    return sys.modules[cls.__module__]


def _find_bottle_routes(app: Any, path: str) -> Iterator[object]:
    with suppress(bottle_module(app).HTTPError):
        yield app.router.match({"REQUEST_METHOD": "GET", "PATH_INFO": path})[0]


def _find_falcon_routes(app: Any, path: str) -> Iterator[object]:
    result = app._router.find(path)
    if result is not None:
        _, responders, _, template = result
        # Falcon itself responds to the methods that a resource lacks.
        if getattr(responders.get("GET"), "__module__", None) != "falcon.responders":
            yield template


def _find_pyramid_routes(app: Any, path: str) -> Iterator[object]:
    # What was configured, with its methods; the views of a route are found by its name.
    introspector = app.registry.introspector
    views = [one["introspectable"] for one in introspector.get_category("views") or ()]
    routes = () if app.routes_mapper is None else app.routes_mapper.get_routes()
    for route in routes:
        known = introspector.get("routes", route.name) or {}
        route_views = [view for view in views if view.get("route_name") == route.name]
        serves_get = _allows_get(known) and (not route_views or any(map(_allows_get, route_views)))
        if serves_get and route.match(path) is not None:
            yield route.name
            return
    # Traversal finds a view by its name, below the root.
    for view in views:
        is_named = view.get("name") == path.strip("/") and view.get("route_name") is None
        if is_named and _allows_get(view):
            yield view


def _allows_get(predicates: Any) -> bool:
    methods = predicates.get("request_methods")
    if isinstance(methods, str):
        return methods == "GET"
    return not isinstance(methods, tuple | list) or "GET" in methods


def _find_mount(app: Any, path: str) -> Iterator[object]:
    mounts = [mount for mount in app.mounts if f"{path}/".startswith(f"{mount}/")]
    yield from sorted(mounts, key=len)[-1:]


_ROUTE_FINDERS: dict[str, _RouteFinder] = {
    "flask.app.Flask": _find_flask_routes,
    "django.core.handlers.wsgi.WSGIHandler": _find_django_routes,
    "bottle.Bottle": _find_bottle_routes,
    "falcon.app.App": _find_falcon_routes,
    "pyramid.router.Router": _find_pyramid_routes,
    "werkzeug.middleware.dispatcher.DispatcherMiddleware": _find_mount,
}
