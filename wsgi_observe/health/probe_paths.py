"""Decide who answers a probe path: the probe, or a route of the app's own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from string import ascii_lowercase
from typing import Any

from wsgi_observe._safely import ask
from wsgi_observe.wsgi.middleware import inward


class ProbePath:
    """A path at which a probe is served, unless the app has an explicit route there.

    :param setting: the name of the setting that moves it, ``live_path`` or ``ready_path``.
    :param reason: why the probe is served even where the app has a route; None: then it is not.
    """

    def __init__(self, path: str, setting: str, reason: str | None) -> None:
        self.path = path
        self.setting = setting
        self.reason = reason
        self.reported: str | None = None  # the conflict that has been logged
        self._has_route = False

    def look(self, app: object) -> bool:
        """Look for a route in `app`; False where that failed, which is logged once.

        Late, since routes may be added, and a URLconf be loaded, until the first request.
        """
        found = ask("looking for the app's own health route", has_explicit_route, app, self.path)
        self._has_route = bool(found)
        return found is not None

    @property
    def owner(self) -> str:
        """Who answers: ``app`` or ``wsgi_observe``."""
        return "app" if self._has_route and self.reason is None else "wsgi_observe"

    def conflict(self) -> str | None:
        """Return what is not reached because of the other, and what to do; None without one."""
        if not self._has_route:
            return None
        if self.reason is None:
            return (
                f"{self.path} is answered by the app's own route, and the probe is not reached: "
                f'set {self.setting} to another path to have both, or to "" to have no probe'
            )
        return (
            f"{self.path} is answered by the probe, since {self.reason}, and the app's own route "
            f'is not reached: set {self.setting} to another path, or to "" for no probe'
        )


_Match = Callable[[str], object]
"""Returns the route that a router chooses for GET requests to a path; None where it has none."""

_RoutersOf = Callable[[Any], Iterable[_Match]]

_MOST_SEEN = 100  # objects that are looked into, where an app is not where `inward` finds it

_NEXT_LETTER = str.maketrans(ascii_lowercase, ascii_lowercase[1:] + ascii_lowercase[0])


def has_explicit_route(app: object, path: str) -> bool:
    """Return whether a router in `app` has one for GET, with or without a slash at its end.

    Raises what the router raises when it fails, such as a URLconf that cannot be imported.
    """
    base = path.rstrip("/")
    return any(
        _is_explicit(match, spelling) for match in _routers(app) for spelling in (base, base + "/")
    )


def _is_explicit(match: _Match, path: str) -> bool:
    route = match(path)
    return route is not None and match(_other(path)) != route


def _other(path: str) -> str:
    """Return a path of the same form that no route is made for.

    >>> _other("/health/")
    '/ifbmui/'
    """
    base = path.rstrip("/")
    parent, slash, name = base.rpartition("/")
    return parent + slash + name.lower().translate(_NEXT_LETTER) + path[len(base) :]


def _routers(app: object) -> Iterator[_Match]:
    """Yield the routers of an app, and of what its middlewares wrap."""
    for found, routers_of in _frameworks(app, {}):
        yield from routers_of(found)


def _frameworks(app: object, seen: dict[int, object]) -> list[tuple[Any, _RoutersOf]]:
    """Return the apps of frameworks among an app and what it wraps."""
    known, innermost = [], app
    for innermost in inward(app):
        # What is wrapped may be a framework's method, such as `Flask.wsgi_app`.
        for one in (innermost, getattr(innermost, "__self__", None)):
            known += [(one, routers) for kind in type(one).__mro__ if (routers := _known_as(kind))]
    if known:
        return known
    hidden = {}
    for one in _held_callables(innermost):
        if id(one) not in seen and len(seen) < _MOST_SEEN:
            seen[id(one)] = one  # also keeps it, and so its id
            if found := _frameworks(one, seen):
                hidden[id(found[0][0])] = found
    # Of several apps it is unknown which is served at this path.
    return next(iter(hidden.values())) if len(hidden) == 1 else []


def _known_as(kind: type) -> _RoutersOf | None:
    """Return what reads the routers of a class; it may be part of a copy in another package."""
    name = f".{kind.__module__}.{kind.__qualname__}"
    return next((_FRAMEWORKS[one] for one in _FRAMEWORKS if name.endswith(f".{one}")), None)


def _held_callables(app: object) -> Iterator[object]:
    """Yield what a middleware may wrap that keeps it in a closure, or under a name of its own."""
    held = [*getattr(app, "__dict__", {}).values()]
    for cell in getattr(app, "__closure__", None) or ():
        with suppress(ValueError):  # an empty cell
            held.append(cell.cell_contents)
    yield from (one for one in held if callable(one) and not isinstance(one, type))


def _of_flask(app: Any) -> Iterator[_Match]:
    url_map = app.url_map
    not_found = sys.modules["werkzeug.exceptions"].HTTPException  # a redirect is one, too

    def match_within(domain: str) -> _Match:
        def match(path: str) -> object:
            try:
                return adapter.match(path, "GET", return_rule=True)[0]
            except not_found:
                return None

        adapter = url_map.bind(domain) if by_host else url_map.bind("localhost", subdomain=domain)
        return match

    by_host = url_map.host_matching
    domains = {rule.host if by_host else rule.subdomain for rule in url_map.iter_rules()}
    return (match_within(domain or "") for domain in domains)


def _of_django(_app: Any) -> Iterator[_Match]:
    urls = sys.modules["django.urls"]

    def match(path: str) -> object:
        try:
            found = urls.resolve(path)
        except urls.Resolver404:
            return None
        return found.route if _takes_get(found.func) else None

    yield match


def _takes_get(view: Any) -> bool:
    """Return whether a Django view, or one of Django REST framework's, takes GET requests.

    The methods of a function are known to itself only.
    """
    actions = getattr(view, "actions", None)  # those of a view set, by method
    if actions is not None:
        return "get" in actions
    kind = getattr(view, "view_class", None) or getattr(view, "cls", None)
    return kind is None or hasattr(kind, "get")


def _of_bottle(app: Any) -> Iterator[_Match]:
    kinds = [one for one in type(app).__mro__ if one.__qualname__ == "Bottle"]
    not_found = sys.modules[kinds[0].__module__].HTTPError

    def match(path: str) -> object:
        try:
            return app.router.match({"REQUEST_METHOD": "GET", "PATH_INFO": path})[0]
        except not_found:
            return None

    yield match


def _of_falcon(app: Any) -> Iterator[_Match]:
    def match(path: str) -> object:
        found = app._router.find(path)
        if found is None:
            return None
        _, responders, _, template = found
        # Falcon itself responds to the methods that a resource lacks.
        is_apps = getattr(responders.get("GET"), "__module__", None) != "falcon.responders"
        return template if is_apps else None

    yield match


def _of_pyramid(app: Any) -> Iterator[_Match]:
    # What was configured, with its methods; the views of a route are found by its name.
    introspector = app.registry.introspector
    views = [one["introspectable"] for one in introspector.get_category("views") or ()]

    def serves_get(route: Any) -> bool:
        known = introspector.get("routes", route.name) or {}
        own = [view for view in views if view.get("route_name") == route.name]
        return _allows_get(known) and (not own or any(map(_allows_get, own)))

    def match(path: str) -> object:
        routes = () if app.routes_mapper is None else app.routes_mapper.get_routes()
        for route in routes:
            if route.match(path) is not None and serves_get(route):
                return route.name
        # Traversal finds a view by its name, below the root.
        named = (view for view in views if view.get("name") and view.get("route_name") is None)
        return next((v for v in named if v["name"] == path.strip("/") and _allows_get(v)), None)

    yield match


def _allows_get(configured: Any) -> bool:
    methods = configured.get("request_methods")
    if isinstance(methods, str):
        return methods == "GET"
    return not isinstance(methods, tuple | list) or "GET" in methods


def _of_dispatcher(app: Any) -> Iterator[_Match]:
    def match(path: str) -> object:
        mounts = (one for one in app.mounts if f"{path}/".startswith(f"{one}/"))
        return max(mounts, key=len, default=None)

    yield match


_FRAMEWORKS: dict[str, _RoutersOf] = {
    "flask.app.Flask": _of_flask,
    "django.core.handlers.wsgi.WSGIHandler": _of_django,
    "bottle.Bottle": _of_bottle,
    "falcon.app.App": _of_falcon,
    "pyramid.router.Router": _of_pyramid,
    "werkzeug.middleware.dispatcher.DispatcherMiddleware": _of_dispatcher,
}
