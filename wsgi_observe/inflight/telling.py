"""The lines about requests that take too long, or that died with their worker."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wsgi_observe.core.context import Scope, bound, resume
from wsgi_observe.core.environ import request_line
from wsgi_observe.inflight.slot import Flight

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("wsgi_observe.inflight")


def tell_slow(scope: Scope, age: float, stack: str) -> None:
    """Name a request that takes long, while it runs in another thread."""
    environ = scope.environ
    if not environ:  # it has ended
        return
    shadow = Scope()
    shadow.environ, shadow.request_id = environ, scope.request_id
    shadow.fields, shadow.remote_addr = scope.fields, scope.remote_addr
    with _as_if_in(shadow):
        extra = {"age": age, "stack": stack or "unknown"}
        _log.warning("%s has run for %.1f s", request_line(environ), age, extra=extra)


def tell_death(flight: Flight, cause: str, age: float, **more: object) -> None:
    """Name a request that died: the one ERROR line about it."""
    shadow = Scope()
    shadow.environ = {"REQUEST_METHOD": flight.method, "PATH_INFO": flight.path}
    shadow.request_id = flight.request_id
    shadow.remote_addr = "off"  # its worker has taken that along
    with _as_if_in(shadow):
        tell_dying(shadow.environ, cause, age, **more)


def tell_dying(environ: WSGIEnvironment, cause: str, age: float, **more: object) -> None:
    """Name a request that is about to die, from within it."""
    extra = {"age": age, "outcome": "died", "cause": cause, **more}
    _log.error("%s died: %s", request_line(environ), cause, extra=extra)


def tell_more(count: int, cause: str, what: str, **more: object) -> None:
    """Say that requests died of which nothing else is known."""
    extra = {"outcome": "died", "cause": cause, **more}
    _log.error("%d more requests died: %s; %s", count, cause, what, extra=extra)


@contextmanager
def _as_if_in(scope: Scope) -> Iterator[None]:
    """Have lines written here be those of a request that does not run here."""
    seen = bound()
    resume(scope)
    try:
        yield
    finally:
        resume(seen)
