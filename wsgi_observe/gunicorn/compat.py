"""Leaning on internals of Gunicorn's: what is gone costs one WARNING and what it was for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gunicorn import __version__

from wsgi_observe._loggers import get_logger
from wsgi_observe._safely import is_news

_log = get_logger("wsgi_observe.gunicorn")


def offered(place: Any, name: str, loss: str) -> Callable[..., Any] | None:
    """Return what `place` has under `name`, to be called; None, and a WARNING, without it.

    :param loss: what there is not in that case.
    """
    found = getattr(place, name, None)
    if callable(found):
        return found  # type: ignore[no-any-return]
    kind = place.__name__ if isinstance(place, type) else type(place).__name__
    warn_of_lack(f"Gunicorn {__version__} has no {kind}.{name}", loss)
    return None


def warn_of_lack(lack: str, loss: str) -> None:
    """Say once that something is missing, and what it costs."""
    if is_news(lack):
        _log.warning("%s: %s", lack, loss)
