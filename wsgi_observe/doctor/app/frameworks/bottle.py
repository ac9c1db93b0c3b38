"""Bottle: the doctor's views as routes, which its router looks up before any pattern."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wsgi_observe.doctor.app.frameworks import METHODS, Framework, ViewFunction
from wsgi_observe.doctor.own_code import find_place
from wsgi_observe.health.routers import bottle_module

_SMALL_BODY = 64


class BottleFramework(Framework):
    """A Bottle app; Bottle may be a copy within a package, since it is a single file."""

    name = "bottle"

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self._bottle = bottle_module(app)

    def add_view(self, path: str, function: ViewFunction, scope: str) -> None:
        """Add a route."""
        self.app.route(path, method=list(METHODS), callback=function)

    def read_json(self) -> object:
        """Return the body; Bottle aborts with 400 for a malformed one."""
        return self._bottle.request.json

    def read_body(self) -> object:
        """Return the body; Bottle aborts with 413 for one that it would have to keep in memory."""
        request_class = self._bottle.BaseRequest
        before, request_class.MEMFILE_MAX = request_class.MEMFILE_MAX, _SMALL_BODY
        try:
            return self._bottle.request.json
        finally:
            request_class.MEMFILE_MAX = before

    def abort(self, status_code: int, description: str) -> None:
        """Abort as views do."""
        self._bottle.abort(status_code, description)

    def find_error_handler(self, error: Exception | int, scope: str = "") -> str | None:
        """Return that for a status; exceptions are answered with 500."""
        return find_place(self.app.error_handler.get(error if isinstance(error, int) else 500))

    def iter_paths(self) -> Iterator[str]:
        """Yield the rules without wildcards, which are in angle brackets or begin with a colon."""
        yield from (route.rule for route in self.app.routes if not set("<:") & set(route.rule))

    def has_route(self, path: str) -> bool:
        """Return whether a rule matches the path, whatever its methods."""
        try:
            self.app.router.match({"REQUEST_METHOD": "GET", "PATH_INFO": path})
        except self._bottle.HTTPError as error:
            return bool(error.status_code != 404)
        return True
