"""Error handlers that answer Flask's own errors with the envelope; the app's handlers win.

The responses of the app's handlers are checked: for a forgotten status, and for a 5xx whose
exception they have not logged, which is logged for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from flask import Flask, Response, has_request_context, request
from werkzeug.exceptions import HTTPException, InternalServerError

from wsgi_observe._loggers import get_logger
from wsgi_observe._safely import call_safely, first_time
from wsgi_observe.context import RequestContext, current_context
from wsgi_observe.errors import Error, ErrorRenderer, describe_status, headers_for_replaced_body
from wsgi_observe.errors.framework_pages import is_default_sentence
from wsgi_observe.flask.exceptions import InvalidAPIUsage, errors_by_field
from wsgi_observe.logs.error_reports import handled_by_framework
from wsgi_observe.logs.installation import installation
from wsgi_observe.middleware.errors import log_failure
from wsgi_observe.settings import Settings
from wsgi_observe.wsgi.exceptions import any_failure, is_unreadable_body
from wsgi_observe.wsgi.headers import prefers_html

Handler = Callable[[Any], Any]

_log = get_logger("wsgi_observe.flask")
_CHECK_NAME = "wsgi_observe.handlers"


def register_error_handlers(
    app: Flask,
    settings: Settings | None = None,
    *,
    validation_errors: Iterable[type[Exception]] = (),
    **overrides: Any,
) -> None:
    """Answer the errors of `app` with the envelope; `Observe` does this too.

    The app's own error handlers win, also those that are registered later.

    :param validation_errors: exception classes, of marshmallow, pydantic or the like, that are
        answered with 422.
    :param overrides: fields of `Settings`, over those of `settings`; used are
        ``error_format``, ``html_errors``, ``negotiate`` and ``render_error``.
    :raises SettingsError: for an unknown setting or an invalid value.
    :raises TypeError: for a validation error that is not an exception class.
    """
    handlers = ErrorHandlers(app, (settings or Settings()).replace(**overrides))
    exception_classes: tuple[Any, ...] = tuple(validation_errors)
    for exception_class in exception_classes:
        if not (isinstance(exception_class, type) and issubclass(exception_class, Exception)):
            raise TypeError(f"validation_errors must be exception classes, got {exception_class!r}")
    # One handler for all that Flask answers itself. For a crash it gets an InternalServerError,
    # after `got_request_exception` was sent: a handler for `Exception` would suppress that signal,
    # one for 500 would win over the app's handler for HTTPException.
    _register_if_absent(app, HTTPException, handlers.handle_http_exception)
    for exception_class in exception_classes:
        _register_if_absent(app, exception_class, handlers.handle_validation_error)
    if _CHECK_NAME not in app.extensions:
        app.extensions[_CHECK_NAME] = _StatusCheck(app)


def _find_app_handler(app: Flask, error: BaseException) -> Handler | None:
    """Return the app's own handler that Flask would call for `error` without ours, if any.

    Ours for ``HTTPException`` takes precedence over the app's for ``Exception``, which without us
    would get the 404s too. So the app's is looked up for each error, whatever the order in which
    they were registered.
    """
    return next((h for h in _iter_matching_handlers(app, type(error)) if not _is_ours(h)), None)


def _iter_matching_handlers(app: Flask, error_class: type[BaseException]) -> Iterator[Handler]:
    """Yield the handlers for an exception in Flask's order: by status, by blueprint, by class."""
    blueprints = request.blueprints if has_request_context() else []
    code = error_class.code if issubclass(error_class, HTTPException) else None
    for status in (code, None) if code is not None else (None,):
        for name in (*blueprints, None):
            handlers = app.error_handler_spec.get(name, {}).get(status, {})
            yield from (handlers[cls] for cls in error_class.__mro__ if cls in handlers)


def _is_ours(handler: Handler) -> bool:
    return isinstance(getattr(handler, "__self__", None), ErrorHandlers)


def _register_if_absent(app: Flask, exception_class: type[Exception], handler: Handler) -> None:
    registered = app.error_handler_spec.get(None, {}).get(None, {}).get(exception_class)
    if registered is None or _is_ours(registered):
        app.register_error_handler(exception_class, handler)


class ErrorHandlers:
    """Responses to exceptions that no handler of the app handles."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._app = app
        self._keeps_html = settings.html_errors == "keep"
        self._negotiates = settings.negotiate
        self._renderer = ErrorRenderer(settings.error_format, settings.render_error)

    def handle_http_exception(self, error: HTTPException) -> Any:
        """Return the envelope with the exception's own code, name, description and headers."""
        is_crash = getattr(error, "original_exception", None) is not None
        if not isinstance(error, InvalidAPIUsage):
            app_handler = _find_app_handler(self._app, error)
            if app_handler is not None:
                return self._app.ensure_sync(app_handler)(error)
        if not is_crash and self._app.trap_http_exception(error):
            raise error  # as Flask does without a handler
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
        """Return a 422 with ``errors`` by field."""
        what = "reading the messages of a validation error"
        errors = call_safely(what, errors_by_field, error) or {}
        return self._make_response(422, *describe_status(422), {"errors": errors})

    def _make_response(
        self,
        code: int,
        name: str,
        description: str,
        members: Mapping[str, object],
        headers: Iterable[tuple[str, str]] = (),
    ) -> Response:
        extra = {str(key): self._to_json(value) for key, value in members.items()}
        context = current_context()
        request_id = None if context is None else context.request_id
        error = Error(code, name, description, request_id, extra)
        body, media_type = self._renderer.document(error)
        if context is not None:
            context.request_context.error_document = body
        response = self._app.response_class(body, code, list(headers), content_type=media_type)
        if self._negotiates and not self._keeps_html:
            response.vary.add("Accept")
        return response

    def _to_json(self, value: object) -> object:
        """Return `value` as the app's own JSON provider encodes it: a date, a Decimal, a UUID.

        A value that it cannot encode is returned as it is, and left out of the document later.
        """
        try:
            return self._app.json.loads(self._app.json.dumps(value))
        except any_failure():
            return value

    def _make_html_page(self, error: HTTPException) -> Response:
        """Return Flask's own page; `ErrorEnvelope` lets it pass by the same rule."""
        page = self._app.make_response(error.get_response(request.environ))
        page.vary.add("Accept")
        return page


def _has_default_body(error: HTTPException) -> bool:
    """Return whether the app gave the exception no response, redirect or body of its own."""
    has_own_body = type(error).get_body is not HTTPException.get_body
    is_error = isinstance(error.code, int) and error.code >= 400
    return error.response is None and is_error and not has_own_body


def _get_description_and_members(
    error: HTTPException, code: int
) -> tuple[str, Mapping[str, object]]:
    if isinstance(error, InvalidAPIUsage):
        return str(error.description), error.payload
    default, description = describe_status(code)[1], error.description
    if getattr(error, "original_exception", None) is not None or description is None:
        return default, {}
    if isinstance(description, Mapping):  # abort(400, {"field": "is missing"})
        return default, description
    text = str(description)  # it may be a lazy translation
    return default if is_default_sentence(text, code) else text, {}


class _StatusCheck:
    """Flask's two methods that handle an exception, extended: the response is checked.

    They are replaced on the instance, over the methods of a subclass: no signal is sent for an
    exception that was handled, and an `after_request` function would cost every request time.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._flask_handle_user_exception = app.handle_user_exception
        self._flask_handle_exception = app.handle_exception
        app.handle_user_exception = self.handle_user_exception  # type: ignore[method-assign,assignment]
        app.handle_exception = self.handle_exception  # type: ignore[method-assign,assignment]

    def handle_user_exception(self, *args: Any) -> Any:
        """Replace Flask's method of that name; Flask 3.2 passes its context first."""
        error = args[-1]
        result = self._flask_handle_user_exception(*args)
        if result is error:  # an HTTPException without a handler is its own response
            return result
        # Flask would do so next; a second time it changes nothing.
        response = self._app.make_response(result)
        self._check(response, error, error)
        return response

    def handle_exception(self, *args: Any) -> Response:
        """Replace Flask's method of that name."""
        error = args[-1]
        with handled_by_framework(error, self._app.name):
            response = self._flask_handle_exception(*args)
        self._check(response, error, InternalServerError(original_exception=error))
        return response

    def _check(self, response: Response, error: Exception, handled_error: Exception) -> None:
        if response.status_code < 300:
            self._warn(response.status_code, type(error).__name__, handled_error)
        elif response.status_code >= 500 and (context := current_context()) is not None:
            context.request_context.exc_type = type(error).__name__
            call_safely("logging an exception", _log_if_unlogged, context.request_context, error)

    def _warn(self, status: int, error_name: str, handled_error: Exception) -> None:
        handler: object = _find_app_handler(self._app, handled_error)
        name = getattr(handler, "__qualname__", None) or type(handler).__qualname__
        name = f"{getattr(handler, '__module__', '?')}.{name}"
        if first_time(f"status of {name} for {error_name}"):
            _log.warning(
                "error handler %s answered %s with status %d, so clients take the error for a "
                "success: return the status too, as in `return body, 500` (logged once)",
                *(name, error_name, status),
            )


def _log_if_unlogged(context: RequestContext, error: Exception) -> None:
    """Log an exception that was answered with a 5xx, unless the request has an ERROR line."""
    # Without our handler it is unknown whether the app's own handler has logged it.
    is_logged = context.error_logged or not installation.handlers
    # An HTTPException, and a client that breaks off, are no failures of the app's.
    if not (is_logged or isinstance(error, HTTPException) or is_unreadable_body(error)):
        log_failure(request.environ, error)
