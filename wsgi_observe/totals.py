"""Totals of a request: numbers that add up while it runs, on its access line."""

from __future__ import annotations

from threading import RLock
from time import perf_counter

from wsgi_observe._loggers import get_logger
from wsgi_observe._safely import first_time
from wsgi_observe.context import RequestContext, current_context

_log = get_logger("wsgi_observe")

MAX_TOTALS = 100
"""Names of one request, at most: an app may make a name of what a client sends."""

_lock = RLock()  # re-entrant: the handler of a signal may count, too


def count(**amounts: float) -> None:
    """Add to numbers on the access line of the current request, which begin at 0.

    Threads that run in the request's context add to the same numbers. Outside a request this does
    nothing. A name that log lines have already (``status_code``, …) becomes ``extra_<name>``.

    :raises TypeError: for an amount that is no number.
    :raises ValueError: for one that is infinite or not a number (NaN).

    >>> count(cache_hits=1, bytes_read=4096)
    """
    for name, amount in amounts.items():
        if not isinstance(amount, (int, float)):
            raise TypeError(f"count() takes numbers, got {name}={amount!r}")
        if amount - amount != 0:  # `isfinite` raises for an integer beyond the range of floats
            raise ValueError(f"count() takes finite numbers, got {name}={amount!r}")
    add_to_current_request(amounts)


def add_to_current_request(amounts: dict[str, float]) -> None:
    """Add to the totals of the request that this runs in, if any."""
    context = current_context()
    if context is not None and (context := context.request_context).environ:
        add_to_totals(context, amounts)


def add_to_totals(context: RequestContext, amounts: dict[str, float]) -> None:
    """Add to the totals of a request."""
    with _lock:
        totals = context.totals
        if totals is None:
            totals = context.totals = {}
        for name, amount in amounts.items():
            if name in totals:
                totals[name] += amount
            elif len(totals) < MAX_TOTALS:
                totals[name] = amount
            elif first_time("too many totals"):
                _log.warning(
                    "a request counts more than %d names; further ones are not on its access line: "
                    "use count() with names from the code (logged once per process)",
                    MAX_TOTALS,
                )


class timed:
    """Add the milliseconds that a block takes to ``<name>_ms`` on the request's access line.

    A block that runs several times, or in several threads of the request, adds up. One that raises
    is counted too. Outside a request nothing is measured.

    >>> with timed("render"):
    ...     pass
    """

    __slots__ = ("_name", "_started")

    def __init__(self, name: str) -> None:
        self._name = f"{name}_ms"
        self._started = 0.0

    def __enter__(self) -> None:
        self._started = perf_counter()

    def __exit__(self, *exc_info: object) -> None:
        count(**{self._name: (perf_counter() - self._started) * 1000})
