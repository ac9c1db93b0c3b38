"""Which error handler of the app's own Flask would take, were ours not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flask import Flask, has_request_context, request
from werkzeug.exceptions import HTTPException

Handler = Callable[[Any], Any]


def find_app_handler(app: Flask, error: BaseException, is_ours: Callable[[Handler], bool]) -> Any:
    """Return the handler, or None: by Flask's rule, with ours left out.

    Ours for ``HTTPException`` stands before the app's for ``Exception``, which without us would
    get the 404s too; so it asks here, at each error, whatever the order of registration.
    """
    blueprints = request.blueprints if has_request_context() else []
    return next(
        (h for h in _iter_matching_handlers(app, error, blueprints) if not is_ours(h)), None
    )


def _iter_matching_handlers(
    app: Flask, error: BaseException, blueprints: Iterable[str]
) -> Iterator[Handler]:
    """Yield the handlers that fit in Flask's order: by status, by blueprint, by class."""
    error_class = type(error)
    code = error_class.code if issubclass(error_class, HTTPException) else None
    for status in (code, None) if code is not None else (None,):
        for name in (*blueprints, None):
            handlers = app.error_handler_spec.get(name, {}).get(status, {})
            yield from (handlers[cls] for cls in error_class.__mro__ if cls in handlers)


def get_handler_name(handler: object) -> str:
    """Return what a person finds the handler by."""
    name = getattr(handler, "__qualname__", None) or type(handler).__qualname__
    return f"{getattr(handler, '__module__', '?')}.{name}"
