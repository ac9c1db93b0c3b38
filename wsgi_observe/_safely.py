"""Saying once that a part of ours failed, instead of at each request."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from wsgi_observe._loggers import get_logger
from wsgi_observe.wsgi.exceptions import any_failure

T = TypeVar("T")

_log = get_logger("wsgi_observe")
_seen: set[str] = set()


def warn_once(name: str) -> None:
    """Log the exception being handled as a WARNING, the first time that `name` fails."""
    if first_time(name):
        try:
            _log.warning("%s failed; this is said once", name, exc_info=True)
        except any_failure():
            pass  # it may be logging itself that fails


def first_time(name: str) -> bool:
    """Return whether nobody has said `name` in this process yet, and take it as said."""
    if name in _seen:
        return False
    _seen.add(name)
    return True


def call_safely(name: str, hook: Callable[..., T], *args: object) -> T | None:
    """Return what a hook answers; None where it fails, which costs nothing but its answer."""
    try:
        return hook(*args)
    except any_failure():
        warn_once(name)
        return None
