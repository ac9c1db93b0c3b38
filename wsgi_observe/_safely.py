"""Call user-supplied hooks, and parts of ours, without letting them break a request."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from wsgi_observe._loggers import get_logger
from wsgi_observe.wsgi.exceptions import any_failure

T = TypeVar("T")

_log = get_logger("wsgi_observe")
_seen: set[str] = set()
_FAILED = "%s failed; requests are not affected (logged once per process)"


def warn_once(name: str) -> None:
    """Log the exception that is being handled as a WARNING, once for each `name` in a process."""
    if first_time(name):
        try:
            _log.warning(_FAILED, name, exc_info=True)
        except any_failure():
            pass  # it may be logging itself that fails


def first_time(name: str) -> bool:
    """Return whether this is the first call for `name` in this process."""
    if name in _seen:
        return False
    _seen.add(name)
    return True


def call_safely(name: str, hook: Callable[..., T], *args: object) -> T | None:
    """Call `hook`; if it raises, log one WARNING per process and return None.

    :param name: what the WARNING calls the hook, such as ``render_error``.
    """
    try:
        return hook(*args)
    except any_failure():
        warn_once(name)
        return None
