"""Flask's own errors in the one shape: registered so that the app's handlers always win."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from wsgi_observe._safely import call_safely
from wsgi_observe.context import current_context, current_request_id
from wsgi_observe.errors import Error, ErrorRenderer, headers_for_replaced_body
from wsgi_observe.errors.framework_pages import is_default_sentence
from wsgi_observe.errors.statuses import describe_status
from wsgi_observe.flask.app_handlers import Handler, find_app_handler
from wsgi_observe.flask.exceptions import InvalidAPIUsage
from wsgi_observe.flask.status_check import install_status_check
from wsgi_observe.flask.validation_errors import errors_by_field
from wsgi_observe.settings import Settings
from wsgi_observe.wsgi.exceptions import any_failure
from wsgi_observe.wsgi.headers import prefers_html


def register_error_handlers(
    app: Flask,
    settings: Settings | None = None,
    *,
    validation_errors: Iterable[type[Exception]] = (),
    **overrides: Any,
) -> None:
    """Have `app` answer its errors in the one shape; `Observe` does this too.

    Handlers of the app's own win, those that are registered later too.

    :param validation_errors: exceptions of marshmallow, pydantic or their like, to be a 422.
    :param overrides: fields of `Settings`, over those of `settings`; of interest are
        ``error_format``, ``html_errors``, ``negotiate`` and ``render_error``.
    :raises SettingsError: for an unknown or unfit setting.
    :raises TypeError: for a validation error that is no class of exceptions.
    """
    handlers = ErrorHandlers(app, (settings or Settings()).replace(**overrides))
    exception_classes = tuple(
        _check_exception_class(exception_class) for exception_class in validation_errors
    )
    # One registration for all that Flask answers itself. For a crash it gets an
    # InternalServerError, after `got_request_exception` was sent: a handler for `Exception`
    # would silence that signal, one for 500 would beat the app's for HTTPException.
    _register_if_absent(app, HTTPException, handlers.handle_http_exception)
    for exception_class in exception_classes:
        _register_if_absent(app, exception_class, handlers.handle_validation_error)
    install_status_check(app, is_ours)


def _check_exception_class(exception_class: Any) -> type[Exception]:
    if not (isinstance(exception_class, type) and issubclass(exception_class, Exception)):
        raise TypeError(f"validation_errors must be classes of exceptions, got {exception_class!r}")
    return exception_class


def is_ours(handler: Handler) -> bool:
    """Tell our handlers from the app's."""
    return isinstance(getattr(handler, "__self__", None), ErrorHandlers)


def _register_if_absent(app: Flask, exception_class: type[Exception], handler: Handler) -> None:
    registered = app.error_handler_spec.get(None, {}).get(None, {}).get(exception_class)
    if registered is None or is_ours(registered):
        app.register_error_handler(exception_class, handler)


class ErrorHandlers:
    """What the app answers to an exception that no handler of its own takes."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._app = app
        self._keeps_html = settings.html_errors == "keep"
        self._negotiates = settings.negotiate
        self._renderer = ErrorRenderer(settings.error_format, settings.render_error)

    def handle_http_exception(self, error: HTTPException) -> Any:
        """Answer with the exception's own code, name, description and headers."""
        is_crash = getattr(error, "original_exception", None) is not None
        if not isinstance(error, InvalidAPIUsage):
            app_handler = find_app_handler(self._app, error, is_ours)
            if app_handler is not None:
                return self._app.ensure_sync(app_handler)(error)
        if not is_crash and self._app.trap_http_exception(error):
            raise error  # as Flask does where there is no handler
        if not isinstance(error, InvalidAPIUsage):
            if self._keeps_html or not _has_default_body(error):
                return error
            if self._negotiates and prefers_html(request.environ.get("HTTP_ACCEPT", "")):
                return self._make_html_page(error)
        code = int(error.code or 500)
        description, members = _get_description_and_members(error, code)
        name = describe_status(code)[0] if error.name == "Unknown Error" else str(error.name)
        headers = headers_for_replaced_body(list(error.get_headers(request.environ)))
        return self._make_response(code, name, description, members, headers)

    def handle_validation_error(self, error: Exception) -> Response:
        """Answer 422 with ``errors`` per field."""
        members = {
            "errors": call_safely("reading a validation error", errors_by_field, error) or {}
        }
        return self._make_response(422, *describe_status(422), members)

    def _make_response(
        self,
        code: int,
        name: str,
        description: str,
        members: Mapping[str, object],
        headers: Iterable[tuple[str, str]] = (),
    ) -> Response:
        extra = {str(key): self._to_json(value) for key, value in members.items()}
        error = Error(code, name, description, current_request_id(), extra)
        body, media_type = self._renderer.document(error)
        if (context := current_context()) is not None:
            context.request_context.error_document = body
        response = self._app.response_class(body, code, list(headers), content_type=media_type)
        if self._negotiates and not self._keeps_html:
            response.vary.add("Accept")
        return response

    def _to_json(self, value: object) -> object:
        """Return `value` as the app's own JSON provider has it: a date, a Decimal, a UUID.

        What that cannot say stays as it is, and is left out of the document.
        """
        try:
            return self._app.json.loads(self._app.json.dumps(value))
        except any_failure():
            return value

    def _make_html_page(self, error: HTTPException) -> Response:
        """Answer with Flask's own page; the boundary then judges it by the same rule."""
        page = self._app.make_response(error.get_response(request.environ))
        page.vary.add("Accept")
        return page


def _has_default_body(error: HTTPException) -> bool:
    """Return whether the app has written no answer: no response, redirect or body of its own."""
    has_own_body = type(error).get_body is not HTTPException.get_body
    is_error = isinstance(error.code, int) and error.code >= 400
    return error.response is None and is_error and not has_own_body


def _get_description_and_members(
    error: HTTPException, code: int
) -> tuple[str, Mapping[str, object]]:
    """Return the description and the members beside it."""
    if isinstance(error, InvalidAPIUsage):
        return str(error.description), error.payload
    description: object = error.description
    if getattr(error, "original_exception", None) is not None or description is None:
        return describe_status(code)[1], {}
    if isinstance(description, Mapping):  # abort(400, {"field": "is missing"})
        return describe_status(code)[1], description
    text = str(description)  # a lazy translation is no str yet
    return describe_status(code)[1] if is_default_sentence(text, code) else text, {}
