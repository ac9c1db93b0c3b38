"""Access to Gunicorn's internals: one that is missing costs its feature and one WARNING."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gunicorn import __version__

from wsgi_observe._loggers import get_logger
from wsgi_observe._safely import first_time

_log = get_logger("wsgi_observe.gunicorn")


def optional_attr(owner: Any, name: str, consequence: str) -> Callable[..., Any] | None:
    """Return the method `name` of `owner`; log a WARNING and return None if there is none.

    :param consequence: the effect of that, for the WARNING.
    """
    attribute = getattr(owner, name, None)
    if callable(attribute):
        return attribute  # type: ignore[no-any-return]
    kind = owner.__name__ if isinstance(owner, type) else type(owner).__name__
    warn_missing(f"Gunicorn {__version__} has no {kind}.{name}", consequence)
    return None


def warn_missing(missing: str, consequence: str) -> None:
    """Log once per process what is missing, and the consequence."""
    if first_time(missing):
        _log.warning("%s: %s", missing, consequence)
