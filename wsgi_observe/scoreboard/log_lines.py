"""The lines about requests that take too long, or that died with their worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wsgi_observe._loggers import get_logger
from wsgi_observe.context import Scope, bound, resume
from wsgi_observe.logs.log_record import own_extra
from wsgi_observe.scoreboard.entries import Flight, Flights
from wsgi_observe.wsgi.environ import request_line

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

log = get_logger("wsgi_observe.inflight")


def tell_slow(scope: Scope, age: float, stack: str) -> None:
    """Name a request that takes long, while it runs in another thread."""
    environ = scope.environ
    if not environ:  # it has ended
        return
    shadow = Scope()
    shadow.environ, shadow.request_id = environ, scope.request_id
    shadow.fields, shadow.remote_addr = scope.fields, scope.remote_addr
    shadow.client_addr = scope.client_addr
    with _as_if_in(shadow):
        extra = {"age": age, "stack": stack or "unknown"}
        log.warning("%s has run for %.1f s", request_line(environ), age, extra=extra)


def tell_deaths(found: Flights, beyond: int, cause: str, when: float, **more: object) -> None:
    """Name the requests that a worker left, each in one ERROR line, unless that was done.

    :param when: seconds since the epoch, from which their ages are told.
    """
    for flight in found.flights.values():
        if not flight.told:
            _tell_death(flight, cause, flight.age(when), **more)
    unnamed = {"for which there were no slots": beyond, "whose slots are torn": found.torn}
    for what, count in unnamed.items():
        if count:
            extra = own_extra({"outcome": "died", "cause": cause, **more})
            log.error("%d requests died: %s; those %s", count, cause, what, extra=extra)


def _tell_death(flight: Flight, cause: str, age: float, **more: object) -> None:
    shadow = Scope()
    shadow.environ = {"REQUEST_METHOD": flight.method, "PATH_INFO": flight.path}
    shadow.request_id = flight.request_id
    shadow.remote_addr = "off"  # its worker has taken that along
    with _as_if_in(shadow):
        tell_dying(shadow.environ, cause, age, **more)


def tell_dying(environ: WSGIEnvironment, cause: str, age: float, **more: object) -> None:
    """Name a request that is about to die, from within it."""
    extra = own_extra({"age": age, "outcome": "died", "cause": cause, **more})
    log.error("%s died: %s", request_line(environ), cause, extra=extra)


@contextmanager
def _as_if_in(scope: Scope) -> Iterator[None]:
    """Have lines written here be those of a request that does not run here."""
    seen = bound()
    resume(scope)
    try:
        yield
    finally:
        resume(seen)
