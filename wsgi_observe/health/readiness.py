"""Readiness: what a probe asks, answered from memory within the TTL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from math import inf
from os import getpid
from time import monotonic
from typing import TYPE_CHECKING, Any

from wsgi_observe.health import validators as fit
from wsgi_observe.health.check import Check
from wsgi_observe.health.report import Report, judge
from wsgi_observe.health.state import HealthState
from wsgi_observe.validators import imported

if TYPE_CHECKING:
    from wsgi_observe.health.runner import Engine

_DRAINING = Report("draining", {})
_STARTING = Report("starting", {})


class Readiness:
    """Runs checks so that neither a check nor a flood of probes can hurt the service.

    Each check runs on a thread beside the others, under its own timeout. One run serves all who
    ask within the TTL. A check that hangs is not started again: one thread is all it costs, and
    it recovers by itself. Changes are logged by ``wsgi_observe.health``, with the reason.

    State is per process, and kept by process ID rather than dropped by a hook at fork: uWSGI
    does not run Python's fork hooks unless it is told to.

    :param checks: name → callable, :class:`Check`, or the import path of either; names are 1 to 64
        printable characters without spaces and slashes.
    :param timeout: seconds, for the checks given as bare callables.
    :param ttl: seconds for which a result is good; 0 runs the checks for everybody who does not
        come while they run.
    :param state: whether the process is starting or draining; set by others.
    :param remind: seconds between two lines about a check that keeps failing; infinity: never.
    :raises TypeError: for an argument of the wrong type.
    :raises ValueError: for a name or number that does not fit.
    """

    def __init__(
        self,
        checks: Mapping[str, Callable[[], object] | Check | str],
        *,
        timeout: float = 0.8,
        ttl: float = 2.0,
        state: HealthState | None = None,
        remind: float = 300.0,
    ) -> None:
        if not isinstance(checks, Mapping):
            raise TypeError(f"checks must map names to callables or Checks, got {checks!r}")
        fit.seconds("timeout", timeout)
        if not isinstance(state, HealthState | None):
            raise TypeError(f"state must be a HealthState or None, got {state!r}")
        self.state = HealthState() if state is None else state
        self._ttl = fit.seconds("ttl", ttl, zero=True)
        self._remind = fit.seconds("remind", remind, endless=True)
        self._checks = {fit.name(name): _as_check(name, it, timeout) for name, it in checks.items()}
        self.slowest = max((check.timeout for check in self._checks.values()), default=0.0)
        self._critical = {name for name, check in self._checks.items() if check.critical}
        self._make_engine = self._load_engine() if self._checks else None
        self._engines: dict[int, Engine] = {}
        self._latest = (0, 0.0, 0.0, _STARTING)  # process ID, from, until (monotonic), report

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the checks, in the order of declaration."""
        return tuple(self._checks)

    @property
    def hanging(self) -> tuple[str, ...]:
        """The names of the checks whose thread runs past its timeout in this process."""
        engine = self._engines.get(getpid())
        return () if engine is None else engine.hanging()

    def fresh(self) -> Report | None:
        """Return what `report` would, if that needs no run; else None."""
        state = self.state
        pid, since, until, report = self._latest
        is_fresh = since <= monotonic() < until and pid == getpid()
        return None if state.draining or state.starting or not is_fresh else report

    def report(self, names: Collection[str] | None = None, exclude: Collection[str] = ()) -> Report:
        """Return how ready this process is, running the checks when the last run is too old.

        :param names: the checks to judge by; None: all. The run is everybody's in any case.
        :param exclude: the checks to leave out. Unknown names, here and there, count for nothing.
        """
        state = self.state
        if state.draining:
            return _DRAINING
        if state.starting:
            return _STARTING
        pid, since, until, report = self._latest
        # `since` counts: a snapshot restored on another machine turns the clock back.
        if not since <= monotonic() < until or pid != getpid():
            report = self._refresh()
        if names is None and not exclude:
            return report
        return self._select(report, names, exclude)

    def _load_engine(self) -> Callable[[], Engine]:
        # At the start, not by the first probe; a service without a check needs none.
        from wsgi_observe.health.runner import Engine

        return partial(Engine, self._checks, self._ttl, self._remind)

    def _refresh(self) -> Report:
        pid = getpid()
        if self._make_engine is None:
            since, until, report = 0.0, inf, judge({}, ())
        else:
            # `setdefault` is atomic: threads that come first together agree on one engine.
            engine = self._engines.get(pid) or self._engines.setdefault(pid, self._make_engine())
            since, until, report = engine.report()
        self._latest = (pid, since, until, report)
        return report

    def _select(
        self, report: Report, names: Collection[str] | None, exclude: Collection[str]
    ) -> Report:
        for given in (names, exclude):
            if isinstance(given, str):  # a collection of its letters, and never what is meant
                raise TypeError(f"names of checks must be a collection of str, got {given!r}")
        chosen = (
            report.checks.items()
            if names is None
            else ((name, result) for name, result in report.checks.items() if name in names)
        )
        return judge({n: result for n, result in chosen if n not in exclude}, self._critical)


def _as_check(name: str, given: Callable[[], object] | Check | str, timeout: float) -> Check:
    found: Any = imported(f"the check {name!r}", given) if isinstance(given, str) else given
    if isinstance(found, Check):
        return found
    try:
        return Check(found, timeout=timeout)
    except TypeError as error:
        raise TypeError(f"check {name!r}: {error}") from None
