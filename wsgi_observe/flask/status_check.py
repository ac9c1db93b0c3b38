"""Check of error handlers' responses: a forgotten status, a 5xx whose exception is not logged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Response
from werkzeug.exceptions import InternalServerError

from wsgi_observe._loggers import get_logger
from wsgi_observe.context import current_context
from wsgi_observe.logs.error_reports import handled_by_framework

_log = get_logger("wsgi_observe.flask")
_EXTENSION_NAME = "wsgi_observe.handlers"

FindHandler = Callable[[Flask, BaseException], object]


def install_status_check(app: Flask, find_app_handler: FindHandler) -> None:
    """Check each response to an exception.

    :param find_app_handler: returns the handler that made the response, for the WARNING.
    """
    if _EXTENSION_NAME in app.extensions:
        return
    check = app.extensions[_EXTENSION_NAME] = _StatusCheck(app, find_app_handler)
    # On the instance, over the methods of a subclass: no signal is sent for an exception that was
    # handled, and an `after_request` function would cost every request time.
    app.handle_user_exception = check.handle_user_exception  # type: ignore[method-assign,assignment]
    app.handle_exception = check.handle_exception  # type: ignore[method-assign,assignment]


class _StatusCheck:
    def __init__(self, app: Flask, find_app_handler: FindHandler) -> None:
        self._app = app
        self._find_app_handler = find_app_handler
        self._flask_handle_user_exception = app.handle_user_exception
        self._flask_handle_exception = app.handle_exception
        self._warned: set[tuple[str, str]] = set()

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
            # It may not be logged anywhere; the access line at least has its class.
            context.request_context.exc_type = type(error).__name__

    def _warn(self, status: int, error_name: str, handled_error: Exception) -> None:
        handler = _get_name(self._find_app_handler(self._app, handled_error))
        if (handler, error_name) not in self._warned:
            self._warned.add((handler, error_name))
            _log.warning(
                "error handler %s answered %s with status %d, so clients take the error for a "
                "success: return the status too, as in `return body, 500` (logged once)",
                *(handler, error_name, status),
            )


def _get_name(handler: object) -> str:
    """Return the module and qualified name of a handler."""
    name = getattr(handler, "__qualname__", None) or type(handler).__qualname__
    return f"{getattr(handler, '__module__', '?')}.{name}"
