"""Frameworks: how the doctor adds its views to an app, within the app's own error handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pkgutil import resolve_name
from typing import Any, TypeAlias

from wsgi_observe.health.routers import find_framework_apps

METHODS = ("GET", "POST")
"""Those of the doctor's views."""

ViewFunction: TypeAlias = Callable[[], str | Iterator[bytes]]
"""Returns the body of a view's response."""


class Framework:
    """What the doctor needs of a framework. This one is any WSGI app, and has no views.

    :ivar name: of the framework, in lower case; empty for any WSGI app.
    :ivar app: the framework's own app, within the app's middlewares.
    :ivar host: the host that requests are sent to, since an app may refuse others.
    :ivar mount: the path at which a dispatcher has the framework's app; empty for the root.
    """

    name = ""
    has_views = True

    def __init__(self, app: Any) -> None:
        self.app = app
        self.host = "localhost"
        self.mount = ""

    def add_view(self, path: str, function: ViewFunction, scope: str) -> None:
        """Add a view, which runs within the app's error handlers and hooks.

        :param scope: one of `get_scopes`; empty for the app itself.
        """
        raise NotImplementedError

    def read_json(self) -> object:
        """Return the request's body as the framework's own way to read JSON does.

        :raises NotImplementedError: where the framework has none.
        """
        raise NotImplementedError

    def read_body(self) -> object:
        """Return the request's body, or raise as the framework does for one that is too large.

        :raises NotImplementedError: where the framework has no limit.
        """
        raise NotImplementedError

    def abort(self, status_code: int, description: str) -> None:
        """Raise the framework's exception for a status.

        :raises NotImplementedError: where the framework has none.
        """
        raise NotImplementedError

    def has_route(self, path: str) -> bool:
        """Return whether the app has a route for a path, a catch-all included."""
        return False

    def get_scopes(self) -> list[str]:
        """Return the parts of the app that have error handlers of their own."""
        return []

    def find_error_handler(self, error: Exception | int, scope: str = "") -> str | None:
        """Return where the app's own function is that makes the response to an error, if known.

        :param error: an exception, or a status.
        """
        return None

    def get_handled_exceptions(self) -> list[tuple[str, type[Exception]]]:
        """Return the exception classes of the app's own that it has handlers for, with a scope."""
        return []

    def iter_paths(self) -> Iterable[str]:
        """Yield the paths of the app's routes that have no variable part."""
        return ()


_ADAPTERS = {
    "flask.app.Flask": "flask:FlaskFramework",
    "django.core.handlers.wsgi.WSGIHandler": "django:DjangoFramework",
    "bottle.Bottle": "bottle:BottleFramework",
    "falcon.app.App": "falcon:FalconFramework",
    "pyramid.router.Router": "pyramid:PyramidFramework",
}


def find_framework(app: object) -> Framework | None:
    """Return the framework that an app, or one that it wraps, is made with; None for any other."""
    found = _find_framework_app(app)
    if found is None:
        return None
    framework_app, class_name, mount = found
    framework: Framework = resolve_name(f"{__name__}.{_ADAPTERS[class_name]}")(framework_app)
    framework.mount = mount
    return framework


def _find_framework_app(app: object, mount: str = "") -> tuple[Any, str, str] | None:
    """Return the framework's app, its class, and the path at which a dispatcher has it."""
    found = find_framework_apps(app)
    for framework_app, class_name in found:
        if class_name in _ADAPTERS:
            return framework_app, class_name, mount
    mounts = getattr(found[0][0], "mounts", {}) if found else {}
    inner = (_find_framework_app(mounted, mount + path) for path, mounted in mounts.items())
    single = list(filter(None, inner))
    return single[0] if len(single) == 1 else None
