"""Saying once that a part of ours failed, instead of at each request."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from wsgi_observe.core.failures import any_failure
from wsgi_observe.core.loggers import get_logger

T = TypeVar("T")

_log = get_logger("wsgi_observe")
_said: set[str] = set()


def warn_once(what: str) -> None:
    """Log the exception being handled as a WARNING, the first time that `what` fails."""
    if is_news(what):
        try:
            _log.warning("%s failed; this is said once", what, exc_info=True)
        except any_failure():
            pass  # it may be logging itself that fails


def is_news(what: str) -> bool:
    """Return whether nobody has said `what` in this process yet, and take it as said."""
    if what in _said:
        return False
    _said.add(what)
    return True


def ask(what: str, hook: Callable[..., T], *arguments: object) -> T | None:
    """Return what a hook answers; None where it fails, which costs nothing but its answer."""
    try:
        return hook(*arguments)
    except any_failure():
        warn_once(what)
        return None
