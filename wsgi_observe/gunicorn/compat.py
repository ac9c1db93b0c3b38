"""Leaning on internals of Gunicorn's: what is gone costs one WARNING and what it was for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gunicorn import __version__

from wsgi_observe._loggers import get_logger
from wsgi_observe._safely import first_time

_log = get_logger("wsgi_observe.gunicorn")


def optional_attr(owner: Any, name: str, consequence: str) -> Callable[..., Any] | None:
    """Return what `owner` has under `name`, to be called; None, and a WARNING, without it.

    :param loss: what there is not in that case.
    """
    attribute = getattr(owner, name, None)
    if callable(attribute):
        return attribute  # type: ignore[no-any-return]
    kind = owner.__name__ if isinstance(owner, type) else type(owner).__name__
    warn_missing(f"Gunicorn {__version__} has no {kind}.{name}", consequence)
    return None


def warn_missing(missing: str, consequence: str) -> None:
    """Say once that something is missing, and what it costs."""
    if first_time(missing):
        _log.warning("%s: %s", missing, consequence)
