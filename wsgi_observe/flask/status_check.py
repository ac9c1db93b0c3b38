"""Watches what the app's error handlers answer: a forgotten status, a 500 without a word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Response
from werkzeug.exceptions import InternalServerError

from wsgi_observe._loggers import get_logger
from wsgi_observe.context import current_context
from wsgi_observe.flask.app_handlers import Handler, find_app_handler, get_handler_name
from wsgi_observe.logs.error_reports import handled_by_framework

_log = get_logger("wsgi_observe.flask")


def install_status_check(app: Flask, is_ours: Callable[[Handler], bool]) -> None:
    """Look at each answer to an exception, once it is an answer."""
    if "wsgi_observe.handlers" in app.extensions:
        return
    check = app.extensions["wsgi_observe.handlers"] = _StatusCheck(app, is_ours)
    # On the instance, over whatever a subclass has: no signal tells of an exception that was
    # handled, and a hook of `after_request` would cost every good request.
    app.handle_user_exception = check.handle_user_exception  # type: ignore[method-assign,assignment]
    app.handle_exception = check.handle_exception  # type: ignore[method-assign,assignment]


class _StatusCheck:
    def __init__(self, app: Flask, is_ours: Callable[[Handler], bool]) -> None:
        self._app = app
        self._is_ours = is_ours
        self._flask_handle_user_exception, self._flask_handle_exception = (
            app.handle_user_exception,
            app.handle_exception,
        )
        self._warned: set[tuple[str, str]] = set()

    def handle_user_exception(self, *args: Any) -> Any:
        """Take over from Flask's method of that name; Flask 3.2 passes its context first."""
        error = args[-1]
        result = self._flask_handle_user_exception(*args)
        if result is error:  # an HTTPException that no handler takes is its own answer
            return result
        # Flask would do so next; a second time it changes nothing.
        response = self._app.make_response(result)
        self._check_status(response, error, error)
        return response

    def handle_exception(self, *args: Any) -> Response:
        """Take over from Flask's method of that name."""
        error = args[-1]
        with handled_by_framework(error, self._app.name):
            response = self._flask_handle_exception(*args)
        self._check_status(response, error, InternalServerError(original_exception=error))
        return response

    def _check_status(self, response: Response, error: Exception, handled_error: Exception) -> None:
        if response.status_code < 300:
            self._warn(response.status_code, type(error).__name__, handled_error)
        elif response.status_code >= 500 and (context := current_context()) is not None:
            # Nobody may have logged it; the access line at least names it.
            context.request_context.exc_type = type(error).__name__

    def _warn(self, status: int, error_name: str, handled_error: Exception) -> None:
        handler = get_handler_name(find_app_handler(self._app, handled_error, self._is_ours))
        if (handler, error_name) not in self._warned:
            self._warned.add((handler, error_name))
            _log.warning(
                "error handler %s answered %s with status %d: does it forget to return its "
                "status, as in `return body, 500`? This is said once",
                *(handler, error_name, status),
            )
