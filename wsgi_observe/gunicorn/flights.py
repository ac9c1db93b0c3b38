"""The table of running requests of a service, made before the first fork."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from wsgi_observe.gunicorn.lacking import warn_of_lack
from wsgi_observe.gunicorn.seats import Seats
from wsgi_observe.inflight.kept import Left, open_kept
from wsgi_observe.inflight.table import Table
from wsgi_observe.inflight.telling import tell_deaths
from wsgi_observe.settings import Settings

# Each has one thread per request; the others have as many as their connections, if need be.
_THREADED = ("sync", "gthread")
_MOST_SLOTS = 256


def make_seats(cfg: Any, settings: Settings) -> Seats | None:
    """Return seats for the workers, and for those that take their places; None without memory.

    What another server has left in the file of ``recorder_path`` is told.
    """
    seats, slots = 2 * cfg.workers + 16, _slots(cfg)
    try:
        return Seats(_kept(settings.recorder_path, seats, slots) or Table.make(seats, slots))
    except OSError as error:
        loss = "requests that die with their worker are not named"
        warn_of_lack(f"no memory can be shared for the running requests ({error})", loss)
        return None


def _slots(cfg: Any) -> int:
    if cfg.worker_class_str in _THREADED:
        return min(_MOST_SLOTS, int(cfg.threads) + 4)
    return _MOST_SLOTS


def _kept(path: str, seats: int, slots: int) -> Table | None:
    if not path:
        return None
    descriptor = -1
    try:
        descriptor, left = open_kept(path)
        for one in left:
            _tell(one)
        return Table.make(seats, slots, descriptor)
    except OSError as error:
        if descriptor >= 0:
            with suppress(OSError):
                os.close(descriptor)
        loss = "requests that die with the whole container are not named"
        warn_of_lack(f"recorder_path {path} cannot be used ({error})", loss)
        return None


def _tell(left: Left) -> None:
    tell_deaths(left.found, left.beyond, "server killed", left.seen, worker_pid=left.pid)
