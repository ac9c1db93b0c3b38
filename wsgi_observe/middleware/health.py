"""Answers the probes before the app, its log and its failures have any part in it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from wsgi_observe._loggers import get_logger
from wsgi_observe.health import Check, HealthState, Readiness, Report
from wsgi_observe.health import report as pages
from wsgi_observe.health.probe_paths import ProbePath
from wsgi_observe.health.state import Either
from wsgi_observe.settings import Settings
from wsgi_observe.wsgi.exchange import Exchange
from wsgi_observe.wsgi.middleware import Layer, inward
from wsgi_observe.wsgi.response import Answer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = get_logger("wsgi_observe.health")

_METHODS = ("GET", "HEAD", "OPTIONS")


class Health(Layer):
    """Answer liveness on ``/health`` and readiness on ``/ready``; pass all else on.

    Liveness touches nothing. Readiness runs the checks; the client sees their names and
    ``ok`` or ``fail``, the reasons go to the log. ``/ready/<name>`` asks for one check,
    ``?exclude=<name>`` for all but some, ``?verbose`` for lines of text.

    :param checks: name to callable, to a `Check`, or to the import path of either.
    :param state: whether the process is starting or draining; set by others.
    :param live_path: where liveness is answered; empty for nowhere; None for ``/health``, unless
        the app has an explicit route there.
    :param ready_path: where readiness is answered; empty for nowhere; None for ``/ready``, unless
        the app has an explicit route there and no checks are given.
    :param check_timeout: seconds a check may take that says nothing else.
    :param check_ttl: seconds for which one run of the checks serves all who ask.
    :param check_remind: seconds between two log lines about a check that goes on failing.
    :raises SettingsError: for an unfit setting.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        checks: Mapping[str, Callable[[], object] | Check | str] | None = None,
        state: HealthState | None = None,
        live_path: str | None = None,
        ready_path: str | None = None,
        check_timeout: float = 0.8,
        check_ttl: float = 2.0,
        check_remind: float = 300.0,
    ) -> None:
        given: dict[str, Any] = {"live_path": live_path, "ready_path": ready_path}
        settings = Settings(
            check_timeout=check_timeout,
            check_ttl=check_ttl,
            check_remind=check_remind,
            **{name: path for name, path in given.items() if path is not None},
        )
        super().__init__(app)
        self._readiness = _engine(checks or {}, state, settings)
        self._state = self._readiness.state
        self._live_path = settings.live_path
        self._ready_path = settings.ready_path
        self._make_way(app)
        self._answers = dict(self._places())
        self.probes = tuple(self._probe_paths(settings.fields_set))
        # Paths that were not asked for yet.
        self._undecided = {s: probe for probe in self.probes for s in _spellings(probe.path)}
        self._beginnings = tuple(probe.path.rstrip("/") or "/" for probe in self.probes)
        self._latest: tuple[Report | None, Answer] = (None, pages.ALIVE)

    def join(self, exchange: Exchange, environ: WSGIEnvironment) -> WSGIApplication | None:
        """Answer a probe, and have it left out of the log."""
        path = environ.get("PATH_INFO", "")
        if not path.startswith(self._beginnings):
            return None
        answer = self._answers.get(path)
        method = environ.get("REQUEST_METHOD")
        if answer is None or method not in _METHODS:
            return None
        if path in self._undecided and self._is_the_apps(self._undecided[path]):
            return None
        if method == "OPTIONS":
            # A CORS preflight is about the request that follows, which may be the app's.
            if "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
                return None
            answer = partial(pages.with_allow, answer, _METHODS)
        exchange.scope.is_probe = True
        if path == self._ready_path and method != "OPTIONS" and not environ.get("QUERY_STRING"):
            report, ready = self._latest
            state = self._state
            if report is not None and not state.draining and not state.starting:
                # The common question within the TTL: nothing is to run for it.
                is_fresh = self._readiness.fresh() is report
                return cast("WSGIApplication", ready) if is_fresh else answer
        return answer

    def report_owners(self) -> tuple[ProbePath, ...]:
        """Look who answers each probe path, for a report before the first request."""
        for probe in self.probes:
            probe.look(self.app)
            probe.reported = probe.conflict()
        return self.probes

    @property
    def check_names(self) -> tuple[str, ...]:
        """The names of the checks, in the order of declaration."""
        return self._readiness.names

    @property
    def slowest_check(self) -> float:
        """The longest timeout of a check, in seconds."""
        return self._readiness.slowest

    def follow(self, state: HealthState) -> None:
        """Be starting or draining also while `state` is, as the server round the app may be."""
        self._state = Either(self._state, state)

    def _is_the_apps(self, probe: ProbePath) -> bool:
        """Decide at the first request to a probe path who answers it; warn of what it hides."""
        if not probe.look(self.app):
            return False
        is_apps = probe.owner == "app"
        for path in _spellings(probe.path):
            if is_apps:
                self._answers.pop(path, None)
            self._undecided.pop(path, None)
        conflict = probe.conflict()
        # Another `Health` further in reports it itself.
        is_outer = any(isinstance(one, Health) for one in inward(self.app))
        if conflict is not None and conflict != probe.reported and not is_outer:
            probe.reported = conflict
            _log.warning("%s", conflict)
        return is_apps

    def _probe_paths(self, fields_set: Collection[str]) -> Iterator[ProbePath]:
        checked = "checks were given" if self._readiness.names else None
        paths = (("live_path", self._live_path, None), ("ready_path", self._ready_path, checked))
        for setting, path, reason in paths:
            if path:
                why = f"{setting} was set" if setting in fields_set else reason
                yield ProbePath(path, setting, why)

    def _make_way(self, app: object) -> None:
        """Leave to a `Health` further in what it answers already.

        Otherwise one that a server's set-up puts round an app that has its own would answer in
        its place, without its checks.
        """
        for inner in inward(app):
            if not isinstance(inner, Health):
                continue
            if _same(self._live_path, inner._ready_path):
                self._live_path = ""
            if _same(self._ready_path, inner._live_path):
                self._ready_path = ""
            if _same(self._ready_path, inner._ready_path):
                self._readiness = inner._readiness
                return

    def _places(self) -> Iterator[tuple[str, WSGIApplication]]:
        """Yield every path that is answered, and how; of two the same the later counts."""
        base = self._ready_path.rstrip("/")
        for name in self._readiness.names if base else ():
            # PEP 3333 hands the bytes of a path over as Latin-1.
            for path in _spellings(f"{base}/{name.encode().decode('latin-1')}"):
                yield path, partial(self._ready, (name,))
        for path in _spellings(self._ready_path):
            yield path, partial(self._ready, None)
        for path in _spellings(self._live_path):
            # mypy does not know that a named tuple can be callable.
            yield path, cast("WSGIApplication", pages.ALIVE)

    def _ready(
        self,
        names: tuple[str, ...] | None,
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        query = environ.get("QUERY_STRING")
        answer = self._answer_to(names, query) if query or names else self._answer()
        return answer(environ, start_response)

    def _answer(self) -> Answer:
        """Return the answer to the common question, made once for each report."""
        report = self._report()
        latest, answer = self._latest
        if report is not latest:
            answer = pages.page(report)
            self._latest = (report, answer)  # in one go: other threads read it
        return answer

    def _answer_to(self, names: tuple[str, ...] | None, query: str | None) -> Answer:
        asked = _parsed(query or "")
        wanted = dict.fromkeys(asked.get("exclude", ()))  # each once, in their order
        known = self._readiness.names if names is None else names
        excluded = [name for name in known if name in wanted]
        unknown = [name for name in wanted if name not in self._readiness.names]
        report = self._report(names, excluded)
        if "verbose" not in asked:
            return pages.page(report, unknown)
        return pages.verbose_page(self._ready_path.strip("/"), report, excluded, unknown)

    def _report(self, names: tuple[str, ...] | None = None, exclude: Iterable[str] = ()) -> Report:
        state = self._state
        # Those of another `Health` know their own state only.
        if self._readiness.state is not state and (state.draining or state.starting):
            return Report("draining" if state.draining else "starting", {})
        return self._readiness.report(names, tuple(exclude))


def _engine(
    checks: Mapping[str, Callable[[], object] | Check | str],
    state: HealthState | None,
    settings: Settings,
) -> Readiness:
    return Readiness(
        checks,
        timeout=settings.check_timeout,
        ttl=settings.check_ttl,
        state=state,
        remind=settings.check_remind,
    )


def _parsed(query: str) -> dict[str, list[str]]:
    from urllib.parse import parse_qs  # for probes that ask in detail

    # The bytes of a query that nobody percent-encoded, as PEP 3333 hands them over.
    query = query.encode("latin-1", "replace").decode("utf-8", "replace")
    return parse_qs(query, keep_blank_values=True)


def _spellings(path: str) -> set[str]:
    """Return a path with and without its trailing slash; of the root there is but one."""
    return {path.rstrip("/"), path.rstrip("/") + "/"} - {""} if path else set()


def _same(path: str, other: str) -> bool:
    return not _spellings(path).isdisjoint(_spellings(other))
