"""Threads and the ID under which each was started, for who reports their end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

from wsgi_observe.core.context import current_request_id

_ID = "_wsgi_observe_request_id"
_OURS = "_wsgi_observe_ours"


def note_starts(wanted: bool) -> None:
    """Hang our note before whatever starts threads, or take it off.

    A thread gets no context of who started it (before Python 3.14, and then only if it is asked
    for). It is not given one here either: a pool's thread serves others too, and would put the ID
    of whoever came first on their lines.
    """
    start = threading.Thread.start
    is_ours = getattr(start, _OURS, None) is start  # `wraps` hands our mark on to who wraps us
    if wanted and not is_ours:
        threading.Thread.start = _noting(start)  # type: ignore[method-assign]
    elif is_ours and not wanted:
        threading.Thread.start = start.__wrapped__  # type: ignore[attr-defined, method-assign]


def id_of_thread(thread: threading.Thread | None) -> str | None:
    """Return the ID of the request or `log_context` that a thread was started in, if any."""
    found: str | None = getattr(thread, _ID, None)
    return found


def _noting(start: Callable[..., None]) -> Callable[..., None]:
    @wraps(start)
    def noting(thread: threading.Thread, *arguments: Any, **keywords: Any) -> None:
        with suppress(Exception):  # a class of its own may forbid it
            setattr(thread, _ID, current_request_id())
        start(thread, *arguments, **keywords)

    setattr(noting, _OURS, noting)
    return noting
