"""``g.request_id``, read when it is asked for: it costs a request nothing."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask.ctx import _AppCtxGlobals

from wsgi_observe.core.context import current_request_id

_NAME = "request_id"


class _RequestID:
    """Gives way to what the app sets itself: a descriptor without ``__set__``."""

    def __get__(self, instance: object, owner: object) -> str | None:
        return current_request_id()


class _WithRequestID(_AppCtxGlobals):
    request_id = _RequestID()

    def get(self, name: str, default: Any = None) -> Any:
        found = super().get(name, default)
        return current_request_id() or found if name == _NAME and found is default else found

    def __contains__(self, name: str) -> bool:
        return name == _NAME or super().__contains__(name)


def give_request_ids(app: Flask) -> None:
    """Have ``g.request_id`` be the running request's ID; None outside a request.

    Not set once per application context: one that a test keeps open sees many requests.
    """
    chosen = app.app_ctx_globals_class
    if issubclass(_WithRequestID, chosen):
        app.app_ctx_globals_class = _WithRequestID
    else:
        made: Any = type(chosen.__name__, (_WithRequestID, chosen), {})
        app.app_ctx_globals_class = made
