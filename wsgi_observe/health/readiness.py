"""Readiness of a service: runs its checks for probes, and caches the report for a TTL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from os import getpid
from typing import TYPE_CHECKING, Any

from wsgi_observe.health.check import Check
from wsgi_observe.health.report import Report, make_report
from wsgi_observe.health.state import HealthState
from wsgi_observe.settings import Settings, import_object

if TYPE_CHECKING:
    from wsgi_observe.health.runner import ReadinessRunner

_MAX_NAME_LENGTH = 64
_DRAINING = Report("draining", {})
_STARTING = Report("starting", {})
_NO_CHECKS = Report("ok", {})


class Readiness:
    """Runs checks so that neither a check nor a flood of probes can harm the service.

    The checks run in parallel, each on a thread and under its own timeout. One run serves all
    probes within the TTL. A check that hangs is not run again until it returns: it costs one
    thread, and recovers by itself. ``wsgi_observe.health`` logs a check that fails or recovers.

    Runs are stored by process ID, not reset by a hook at fork: uWSGI does not run Python's fork
    hooks unless it is configured to.

    :param checks: name → callable, :class:`Check`, or the import path of either; names are 1 to 64
        printable characters without spaces and slashes.
    :param timeout: seconds, for the checks given as bare callables.
    :param ttl: seconds for which a report is valid; with 0, only probes during a run share it.
    :param state: whether the process is starting or draining; set by other code.
    :param remind: seconds between two lines about a check that keeps failing; infinity: never.
    :raises TypeError: for a check or state of the wrong type.
    :raises ValueError: for an invalid name.
    """

    def __init__(
        self,
        checks: Mapping[str, Callable[[], object] | Check | str],
        *,
        timeout: float = Settings.check_timeout,
        ttl: float = Settings.check_ttl,
        state: HealthState | None = None,
        remind: float = Settings.check_remind,
    ) -> None:
        if not isinstance(checks, Mapping):
            raise TypeError(f"checks must map names to callables or Checks, got {checks!r}")
        self.state = HealthState() if state is None else state
        self._states: tuple[HealthState, ...] = ()
        self.add_state(self.state)
        self._checks = {
            _validate_name(name): _to_check(name, check, timeout) for name, check in checks.items()
        }
        self.names = tuple(self._checks)
        self.max_timeout = max((check.timeout for check in self._checks.values()), default=0.0)
        self._critical = {name for name, check in self._checks.items() if check.critical}
        self._runners: dict[int, ReadinessRunner] = {}
        if self._checks:
            # Imported at the start, not by the first probe; a service without checks does not
            # need it.
            from wsgi_observe.health.runner import ReadinessRunner

            self._make_runner = partial(
                ReadinessRunner, self._checks, self._critical, ttl=ttl, remind=remind
            )

    def add_state(self, state: HealthState) -> None:
        """Report starting or draining also while `state` is."""
        if not isinstance(state, HealthState):
            raise TypeError(f"state must be a HealthState or None, got {state!r}")
        if state not in self._states:
            self._states += (state,)

    @property
    def hanging(self) -> tuple[str, ...]:
        """The names of the checks whose thread runs past its timeout in this process."""
        runner = self._runners.get(getpid())
        run = None if runner is None else runner.current_run
        return () if run is None or run.report is None else tuple(run.get_running_threads())

    def get_cached_report(self) -> Report | None:
        """Return what `report` returns if that needs no run of the checks, otherwise None."""
        is_starting = False
        for state in self._states:
            if state.draining:
                return _DRAINING
            is_starting = is_starting or state.starting
        if is_starting:
            return _STARTING
        runner = self._runners.get(getpid())
        if runner is None:
            return None if self._checks else _NO_CHECKS
        run = runner.current_run
        return run.report if run is not None and run.is_fresh() else None

    def report(self, names: Collection[str] | None = None, exclude: Collection[str] = ()) -> Report:
        """Return how ready this process is; run the checks if the last report is too old.

        :param names: the checks that count; None: all. All are run in any case.
        :param exclude: the checks that do not count. Unknown names are ignored in both.
        """
        for value in (names, exclude):
            if isinstance(value, str):  # a collection of its letters
                raise TypeError(f"names of checks must be a collection of str, got {value!r}")
        report = self.get_cached_report()
        if report is None:
            pid = getpid()
            # `setdefault` is atomic: threads that call this at the same time get one runner.
            runner = self._runners.get(pid) or self._runners.setdefault(pid, self._make_runner())
            report = runner.report()
        if not report.checks or (names is None and not exclude):
            return report
        chosen = {
            name: result
            for name, result in report.checks.items()
            if (names is None or name in names) and name not in exclude
        }
        return make_report(chosen, self._critical)


def _validate_name(value: object) -> str:
    """Validate a check's name, which is part of a path, a query string and a line of text."""
    allowed = f"1 to {_MAX_NAME_LENGTH} printable characters without spaces and slashes"
    if not isinstance(value, str):
        raise TypeError(f"the name of a check must be {allowed}, got {value!r}")
    is_valid = value.isprintable() and not set(value) & {" ", "/"}
    if not is_valid or not 0 < len(value) <= _MAX_NAME_LENGTH:
        raise ValueError(f"the name of a check must be {allowed}, got {value!r}")
    return value


def _to_check(name: str, value: Callable[[], object] | Check | str, timeout: float) -> Check:
    target: Any = import_object(f"the check {name!r}", value) if isinstance(value, str) else value
    if isinstance(target, Check):
        return target
    try:
        return Check(target, timeout=timeout)
    except TypeError as error:
        raise TypeError(f"check {name!r}: {error}") from None
