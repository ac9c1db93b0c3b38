"""Pyramid: the doctor's views as routes in front of the app's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pyramid.config import Configurator
from pyramid.httpexceptions import exception_response
from pyramid.interfaces import IRootFactory, IRoutesMapper
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.traversal import DefaultRootFactory

from wsgi_observe.doctor.app.frameworks import METHODS, Framework, ViewFunction
from wsgi_observe.doctor.own_code import find_place, is_own


class PyramidFramework(Framework):
    """A Pyramid app. Pyramid has no limit for a request's body."""

    name = "pyramid"
    _request: Any = None

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self._config = Configurator(
            registry=app.registry, autocommit=True, introspection=False, package=__package__
        )

    def add_view(self, path: str, function: ViewFunction, scope: str) -> None:
        """Add a route before all others, so that a catch-all route does not take its path."""

        def call(request: Any) -> Response:
            self._request = request
            result: Any = function()
            if isinstance(result, str):
                return Response(result, content_type="text/plain")
            return Response(app_iter=result, content_type="application/octet-stream")

        name = f"wsgi_observe_doctor:{path}"
        # Neither the root factory nor the permission of the app is asked for.
        self._config.add_route(name, path, factory=lambda request: object())
        self._config.add_view(
            call,
            route_name=name,
            request_method=METHODS,
            permission=NO_PERMISSION_REQUIRED,
            require_csrf=False,
        )
        mapper = self.app.registry.queryUtility(IRoutesMapper)
        mapper.routelist.insert(0, mapper.routelist.pop())
        self.app.routes_mapper = mapper  # the router of an app without routes has none

    def read_json(self) -> object:
        """Return the body; Pyramid raises ValueError for a malformed one."""
        return self._request.json_body

    def abort(self, status_code: int, description: str) -> None:
        """Raise as views do."""
        raise exception_response(status_code, detail=description)

    def iter_paths(self) -> Iterator[str]:
        """Yield the patterns without placeholders."""
        mapper = self.app.registry.queryUtility(IRoutesMapper)
        patterns = [route.pattern for route in mapper.routelist] if mapper is not None else []
        yield from (f"/{one.lstrip('/')}" for one in patterns if not set("{*:") & set(one))

    def has_route(self, path: str) -> bool:
        """Return whether a route matches the path, or the app's own resources may have it."""
        mapper = self.app.registry.queryUtility(IRoutesMapper)
        if mapper is not None and any(route.match(path) is not None for route in mapper.routelist):
            return True
        factory = self.app.registry.queryUtility(IRootFactory)
        return factory is not None and factory is not DefaultRootFactory

    def find_error_handler(self, error: Exception | int, scope: str = "") -> str | None:
        """Return the exception view for the most specific context."""
        cls = type(exception_response(error) if isinstance(error, int) else error)
        views = {context: view for context, view in self._iter_exception_views() if is_own(view)}
        return find_place(next((views[one] for one in cls.__mro__ if one in views), None))

    def get_handled_exceptions(self) -> list[tuple[str, type[Exception]]]:
        """Return the contexts of the exception views."""
        return [("", context) for context, _ in self._iter_exception_views() if is_own(context)]

    def _iter_exception_views(self) -> Iterator[tuple[type[Exception], Callable[..., object]]]:
        for view in self.app.registry.introspector.get_category("views") or ():
            context = view["introspectable"].get("context")
            if isinstance(context, type) and issubclass(context, Exception):
                yield context, view["introspectable"].get("callable")
