"""Any WSGI app: the doctor's views in front of the innermost app that can be reached."""

from __future__ import annotations

from typing import Any
from wsgiref.types import WSGIApplication

from wsgi_observe.doctor.app.frameworks import METHODS, Framework, ViewFunction
from wsgi_observe.wsgi.middleware import WRAPPED_APP_NAMES, iter_wrapped_apps


class WsgiFramework(Framework):
    """A WSGI app of no known framework.

    A view replaces the innermost app. Where that is the whole app, its own handling of errors
    cannot be reached, so there are no views unless our middlewares are round it.
    """

    def __init__(self, app: Any, *, is_observed: bool) -> None:
        super().__init__(app)
        self._views: dict[str, ViewFunction] = {}
        layers = list(iter_wrapped_apps(app))
        self._inner: Any = layers[-1]
        self.has_views = is_observed or len(layers) > 1
        if len(layers) > 1:
            _replace_wrapped(layers[-2], self._inner, self._call)
        else:
            self.app = self._call

    def add_view(self, path: str, function: ViewFunction, scope: str) -> None:
        """Add a view."""
        self._views[path] = function

    def _call(self, environ: Any, start_response: Any) -> Any:
        view = self._views.get(environ["PATH_INFO"])
        if view is None:
            return self._inner(environ, start_response)
        if environ["REQUEST_METHOD"] not in METHODS:
            start_response("405 Method Not Allowed", [("Allow", ", ".join(METHODS))])
            return []
        result = view()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [result.encode()] if isinstance(result, str) else result


def _replace_wrapped(outer: Any, inner: object, replacement: WSGIApplication) -> None:
    for name in WRAPPED_APP_NAMES:
        if getattr(outer, name, None) is inner:
            setattr(outer, name, replacement)
            return
    for cell in getattr(outer, "__closure__", None) or ():
        if cell.cell_contents is inner:
            cell.cell_contents = replacement
            return
