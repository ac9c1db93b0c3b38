"""Watches what the app's error handlers answer: a forgotten status, a 500 without a word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Response
from werkzeug.exceptions import InternalServerError

from wsgi_observe._loggers import get_logger
from wsgi_observe.context import running
from wsgi_observe.flask.app_handlers import Handler, name_of, own_handler
from wsgi_observe.wsgi.exceptions import being_handled

_log = get_logger("wsgi_observe.flask")


def watch_handlers(app: Flask, is_ours: Callable[[Handler], bool]) -> None:
    """Look at each answer to an exception, once it is an answer."""
    if "wsgi_observe.handlers" in app.extensions:
        return
    watch = app.extensions["wsgi_observe.handlers"] = _Watch(app, is_ours)
    # On the instance, over whatever a subclass has: no signal tells of an exception that was
    # handled, and a hook of `after_request` would cost every good request.
    app.handle_user_exception = watch.handle_user_exception  # type: ignore[method-assign,assignment]
    app.handle_exception = watch.handle_exception  # type: ignore[method-assign,assignment]


class _Watch:
    def __init__(self, app: Flask, is_ours: Callable[[Handler], bool]) -> None:
        self._app = app
        self._is_ours = is_ours
        self._user, self._crash = app.handle_user_exception, app.handle_exception
        self._said: set[tuple[str, str]] = set()

    def handle_user_exception(self, *arguments: Any) -> Any:
        """Take over from Flask's method of that name; Flask 3.2 passes its context first."""
        error = arguments[-1]
        answer = self._user(*arguments)
        if answer is error:  # an HTTPException that no handler takes is its own answer
            return answer
        # Flask would do so next; a second time it changes nothing.
        response = self._app.make_response(answer)
        self._look_at(response, error, error)
        return response

    def handle_exception(self, *arguments: Any) -> Response:
        """Take over from Flask's method of that name."""
        error = arguments[-1]
        with being_handled(error, self._app.name):
            response = self._crash(*arguments)
        self._look_at(response, error, InternalServerError(original_exception=error))
        return response

    def _look_at(self, response: Response, error: Exception, handled: Exception) -> None:
        if response.status_code < 300:
            self._warn(response.status_code, type(error).__name__, handled)
        elif response.status_code >= 500 and (scope := running()) is not None:
            # Nobody may have logged it; the access line at least names it.
            scope.__dict__["exc_type"] = type(error).__name__

    def _warn(self, status: int, exception: str, handled: Exception) -> None:
        handler = name_of(own_handler(self._app, handled, self._is_ours))
        if (handler, exception) not in self._said:
            self._said.add((handler, exception))
            _log.warning(
                "error handler %s answered %s with status %d: does it forget to return its "
                "status, as in `return body, 500`? This is said once",
                *(handler, exception, status),
            )
