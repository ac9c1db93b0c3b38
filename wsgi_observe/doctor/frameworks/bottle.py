"""Bottle: the doctor's views as routes, which its router looks up before any pattern."""

from __future__ import annotations

import sys
from typing import Any

from wsgi_observe.doctor.frameworks import Framework, View

_SMALL_BODY = 64


class BottleFramework(Framework):
    """A Bottle app; Bottle may be a copy within a package, since it is a single file."""

    name = "bottle"

    def prepare(self) -> None:
        """Find Bottle's module."""
        cls = next(one for one in type(self.app).__mro__ if one.__qualname__ == "Bottle")
        self._bottle: Any = sys.modules[cls.__module__]

    def add_view(self, view: View) -> None:
        """Add a route."""
        self.app.route(view.path, method=list(view.methods), callback=view.function)

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

    def has_route(self, path: str) -> bool:
        """Return whether a rule matches the path, whatever its methods."""
        try:
            self.app.router.match({"REQUEST_METHOD": "GET", "PATH_INFO": path})
        except self._bottle.HTTPError as error:
            return bool(error.status_code != 404)
        return True
