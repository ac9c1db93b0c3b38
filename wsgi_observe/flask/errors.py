"""Flask's own errors in the one shape: registered so that the app's handlers always win."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from wsgi_observe.core.accept import prefers_html
from wsgi_observe.core.context import current_request_id
from wsgi_observe.core.envelope import Error, Shape, headers_of_an_error
from wsgi_observe.core.failures import any_failure
from wsgi_observe.core.once import ask
from wsgi_observe.core.statuses import describe
from wsgi_observe.core.stock import is_default_sentence
from wsgi_observe.flask.forgetful import watch_handlers
from wsgi_observe.flask.handlers import Handler, own_handler
from wsgi_observe.flask.usage import InvalidAPIUsage
from wsgi_observe.flask.validation import errors_by_field
from wsgi_observe.settings import Settings


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
    answers = Answers(app, (settings or Settings()).replace(**overrides))
    kinds = tuple(_exception_class(kind) for kind in validation_errors)
    # One registration for all that Flask answers itself. For a crash it gets an
    # InternalServerError, after `got_request_exception` was sent: a handler for `Exception`
    # would silence that signal, one for 500 would beat the app's for HTTPException.
    _register_where_none_is(app, HTTPException, answers.to_http_exception)
    for kind in kinds:
        _register_where_none_is(app, kind, answers.to_validation_error)
    watch_handlers(app, is_ours)


def _exception_class(kind: Any) -> type[Exception]:
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        raise TypeError(f"validation_errors must be classes of exceptions, got {kind!r}")
    return kind


def is_ours(handler: Handler) -> bool:
    """Tell our handlers from the app's."""
    return isinstance(getattr(handler, "__self__", None), Answers)


def _register_where_none_is(app: Flask, kind: type[Exception], handler: Handler) -> None:
    known = app.error_handler_spec.get(None, {}).get(None, {}).get(kind)
    if known is None or is_ours(known):
        app.register_error_handler(kind, handler)


class Answers:
    """What the app answers to an exception that no handler of its own takes."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._app = app
        self._keeps_html = settings.html_errors == "keep"
        self._negotiates = settings.negotiate
        self._shape = Shape(settings.error_format, settings.render_error)

    def to_http_exception(self, error: HTTPException) -> Any:
        """Answer with the exception's own code, name, description and headers."""
        is_a_crash = getattr(error, "original_exception", None) is not None
        if not isinstance(error, InvalidAPIUsage):
            own = own_handler(self._app, error, is_ours)
            if own is not None:
                return self._app.ensure_sync(own)(error)
        if not is_a_crash and self._app.trap_http_exception(error):
            raise error  # as Flask does where there is no handler
        if not isinstance(error, InvalidAPIUsage):
            if self._keeps_html or not _is_plain(error):
                return error
            if self._negotiates and prefers_html(request.environ.get("HTTP_ACCEPT", "")):
                return self._to_page(error)
        code = int(error.code or 500)
        description, members = _told(error, code)
        name = describe(code)[0] if error.name == "Unknown Error" else str(error.name)
        headers = headers_of_an_error(list(error.get_headers(request.environ)))
        return self._answer(code, name, description, members, headers)

    def to_validation_error(self, error: Exception) -> Response:
        """Answer 422 with ``errors`` per field."""
        members = {"errors": ask("reading a validation error", errors_by_field, error) or {}}
        return self._answer(422, *describe(422), members)

    def _answer(
        self,
        code: int,
        name: str,
        description: str,
        members: Mapping[str, object],
        headers: Iterable[tuple[str, str]] = (),
    ) -> Response:
        extra = {str(key): self._as_json(value) for key, value in members.items()}
        error = Error(code, name, description, current_request_id(), extra)
        body, media_type = self._shape.document(error)
        response = self._app.response_class(body, code, list(headers), content_type=media_type)
        if self._negotiates and not self._keeps_html:
            response.vary.add("Accept")
        return response

    def _as_json(self, value: object) -> object:
        """Return `value` as the app's own JSON provider has it: a date, a Decimal, a UUID.

        What that cannot say stays as it is, and is left out of the document.
        """
        try:
            return self._app.json.loads(self._app.json.dumps(value))
        except any_failure():
            return value

    def _to_page(self, error: HTTPException) -> Response:
        """Answer with Flask's own page; the boundary then judges it by the same rule."""
        page = self._app.make_response(error.get_response(request.environ))
        page.vary.add("Accept")
        return page


def _is_plain(error: HTTPException) -> bool:
    """Return whether the app has written no answer: no response, redirect or body of its own."""
    has_own_body = type(error).get_body is not HTTPException.get_body
    is_error = isinstance(error.code, int) and error.code >= 400
    return error.response is None and is_error and not has_own_body


def _told(error: HTTPException, code: int) -> tuple[str, Mapping[str, object]]:
    """Return the description and the members beside it."""
    if isinstance(error, InvalidAPIUsage):
        return str(error.description), error.payload
    said: object = error.description
    if getattr(error, "original_exception", None) is not None or said is None:
        return describe(code)[1], {}
    if isinstance(said, Mapping):  # abort(400, {"field": "is missing"})
        return describe(code)[1], said
    text = str(said)  # a lazy translation is no str yet
    return describe(code)[1] if is_default_sentence(text, code) else text, {}
