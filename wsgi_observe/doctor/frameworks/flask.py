"""Flask: the doctor's views as routes of the app."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Response, abort, request

from wsgi_observe.doctor.frameworks import Framework, View

_SMALL_BODY = 64


class FlaskFramework(Framework):
    """A Flask app."""

    name = "flask"

    def prepare(self) -> None:
        """Take the host that the app serves."""
        server_name = self.app.config.get("SERVER_NAME")
        self.host = server_name or "localhost"

    def add_view(self, view: View) -> None:
        """Add a route, also if the app has handled a request while it was imported."""

        def call() -> object:
            result = view.function()
            return result if isinstance(result, str) else Response(result)  # type: ignore[arg-type]

        with self.accepting_routes():
            self.app.add_url_rule(
                view.path, f"wsgi_observe_doctor:{view.path}", call, methods=view.methods
            )

    @contextmanager
    def accepting_routes(self) -> Iterator[None]:
        """Have the app accept routes and handlers, which Flask refuses after the first request."""
        before, self.app._got_first_request = self.app._got_first_request, False
        try:
            yield
        finally:
            self.app._got_first_request = before

    def read_json(self) -> object:
        """Return the body; Flask aborts with 400 for a malformed one."""
        return request.get_json()

    def read_body(self) -> object:
        """Return the body; Werkzeug aborts with 413 for one above the limit."""
        request.max_content_length = _SMALL_BODY
        return request.get_data()

    def abort(self, status_code: int, description: str) -> None:
        """Abort as views do."""
        abort(status_code, description)

    def has_route(self, path: str) -> bool:
        """Return whether a rule matches the path, for any method."""
        return bool(self.app.url_map.bind(self.host).allowed_methods(path))

    def iter_paths(self) -> Iterator[str]:
        """Yield the rules without arguments."""
        yield from (rule.rule for rule in self.app.url_map.iter_rules() if not rule.arguments)

    def get_logger_name(self) -> str:
        """Return the name of ``app.logger``."""
        return str(self.app.name)
