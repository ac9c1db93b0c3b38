"""Falcon: the doctor's views as resources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import falcon
from falcon.inspect import inspect_routes

from wsgi_observe.doctor.app.frameworks import METHODS, Framework, ViewFunction
from wsgi_observe.doctor.own_code import find_place, is_own


class FalconFramework(Framework):
    """A Falcon app. Falcon has no limit for a request's body."""

    name = "falcon"
    _request: Any = None

    def add_view(self, path: str, function: ViewFunction, scope: str) -> None:
        """Add a resource; routes come before sinks and folders of static files."""

        def call(request: falcon.Request, response: falcon.Response, **_params: object) -> None:
            self._request = request
            result: Any = function()
            response.content_type = falcon.MEDIA_TEXT
            if isinstance(result, str):
                response.text = result
            else:
                response.stream = result

        responders = {f"on_{method.lower()}": staticmethod(call) for method in METHODS}
        self.app.add_route(path, type("DoctorResource", (), responders)())

    def read_json(self) -> object:
        """Return the body; Falcon aborts with 400 for a malformed one."""
        return self._request.get_media()

    def abort(self, status_code: int, description: str) -> None:
        """Raise as responders do."""
        raise falcon.HTTPError(falcon.code_to_http_status(status_code), description=description)

    def iter_paths(self) -> Iterator[str]:
        """Yield the templates without fields."""
        routes = inspect_routes(self.app)
        yield from (route.path for route in routes if "{" not in route.path)

    def has_route(self, path: str) -> bool:
        """Return whether a route, a sink or a folder of static files takes the path."""
        if self.app._router.find(path) is not None:
            return True
        sinks = any(pattern.match(path) for pattern, *_ in self.app._sinks)
        return sinks or any(static.match(path) for static, *_ in self.app._static_routes)

    def find_error_handler(self, error: Exception | int, scope: str = "") -> str | None:
        """Return that for an exception."""
        handlers = map(self.app._error_handlers.get, type(error).__mro__)
        handler = next(filter(None, handlers), None)
        return find_place(handler) if is_own(handler) else None

    def get_handled_exceptions(self) -> list[tuple[str, type[Exception]]]:
        """Return those that handlers were added for."""
        return [("", cls) for cls in self.app._error_handlers if is_own(cls)]
