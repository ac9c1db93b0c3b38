"""Flask: the doctor's views as routes of the app."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from flask import Response, abort, request
from werkzeug.exceptions import (
    HTTPException,
    InternalServerError,
    RequestEntityTooLarge,
    default_exceptions,
)

from wsgi_observe.doctor.app.error_handlers import find_error_handlers, is_ours
from wsgi_observe.doctor.app.frameworks import METHODS, Framework, ViewFunction
from wsgi_observe.doctor.own_code import find_place, is_own

_SMALL_BODY = 64


class FlaskFramework(Framework):
    """A Flask app."""

    name = "flask"

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self.host = app.config.get("SERVER_NAME") or self.host

    def add_view(self, path: str, function: ViewFunction, scope: str) -> None:
        """Add a route, also if the app has handled a request while it was imported."""

        def call(**_arguments: object) -> object:
            result = function()
            return result if isinstance(result, str) else Response(result)

        # The part before the last dot is the blueprint, whose handlers and hooks Flask calls.
        endpoint = f"wsgi_observe_doctor:{path}"
        api = _find_api(self.app)
        if scope:
            endpoint = f"{scope}.{endpoint}"
        elif api is not None:
            api.endpoints.add(endpoint)
            endpoint = f"{api.blueprint.name}.{endpoint}" if api.blueprint else endpoint
        before, self.app._got_first_request = self.app._got_first_request, False
        self.app.add_url_rule(path, endpoint, call, methods=METHODS)
        self.app._got_first_request = before

    def read_json(self) -> object:
        """Return the body; Flask aborts with 400 for a malformed one."""
        return request.get_json()

    def read_body(self) -> object:
        """Return the body; Werkzeug aborts with 413 for one above the limit."""
        try:
            request.max_content_length = _SMALL_BODY
        except AttributeError:  # Flask before 3.1 has one limit for all views
            raise RequestEntityTooLarge from None
        return request.get_data()

    def abort(self, status_code: int, description: str) -> None:
        """Abort as views do."""
        abort(status_code, description)

    def has_route(self, path: str) -> bool:
        """Return whether a rule matches the path, for any method."""
        return bool(self.app.url_map.bind(self.host).allowed_methods(path))

    def get_scopes(self) -> list[str]:
        """Return the names of the blueprints that have error handlers.

        The name of a nested one has those outside it in front.
        """
        scopes = {handler.scope for handler in find_error_handlers(self.app)}
        return [name for name in self.app.blueprints if name in scopes]

    def find_error_handler(self, error: Exception | int, scope: str = "") -> str | None:
        """Return that of the app, or of a blueprint and those that it is nested in."""
        if isinstance(error, int):
            error = default_exceptions[error]()
        parts = scope.split(".") if scope else []
        blueprints = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
        handler = self.app._find_error_handler(error, blueprints)
        if handler is None and not isinstance(error, HTTPException):
            handler = self.app._find_error_handler(InternalServerError(), blueprints)
        return None if is_ours(handler) else find_place(handler)

    def get_handled_exceptions(self) -> list[tuple[str, type[Exception]]]:
        """Return those of the app and its blueprints."""
        return [
            (handler.scope, handler.exception_class)
            for handler in find_error_handlers(self.app)
            if is_own(handler.exception_class)
        ]

    def iter_paths(self) -> Iterator[str]:
        """Yield the rules without arguments."""
        yield from (rule.rule for rule in self.app.url_map.iter_rules() if not rule.arguments)


def _find_api(app: Any) -> Any:
    """Return the `Api` of Flask-RESTX or Flask-RESTful, which handles the errors of its endpoints.

    It puts a method of its own round the app's `handle_exception`.
    """
    handle = vars(app).get("handle_exception")
    while isinstance(handle, partial):
        owner = getattr(handle.func, "__self__", None)
        if isinstance(getattr(owner, "endpoints", None), set) and hasattr(owner, "blueprint"):
            return owner
        handle = handle.args[0] if handle.args else None
    return None
