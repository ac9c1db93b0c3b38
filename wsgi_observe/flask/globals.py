"""The attribute ``g.request_id``, computed from the running request."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask.ctx import _AppCtxGlobals

from wsgi_observe.context import current_request_id

_NAME = "request_id"


class _RequestIDAttribute:
    """Descriptor without ``__set__``, so that a value which the app sets itself wins."""

    def __get__(self, instance: object, owner: object) -> str | None:
        return current_request_id()


class _GlobalsWithRequestID(_AppCtxGlobals):
    request_id = _RequestIDAttribute()

    def get(self, name: str, default: Any = None) -> Any:
        value = super().get(name, default)
        return current_request_id() or value if name == _NAME and value is default else value

    def __contains__(self, name: str) -> bool:
        return name == _NAME or super().__contains__(name)


def install_request_id(app: Flask) -> None:
    """Make ``g.request_id`` the running request's ID; None outside a request.

    Not a value set once per application context: one that a test keeps open has many requests.
    """
    previous = app.app_ctx_globals_class
    if issubclass(_GlobalsWithRequestID, previous):
        app.app_ctx_globals_class = _GlobalsWithRequestID
    else:
        combined: Any = type(previous.__name__, (_GlobalsWithRequestID, previous), {})
        app.app_ctx_globals_class = combined
