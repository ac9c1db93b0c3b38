"""Health: the middleware that answers the probes, outside the access log and the app."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from wsgi_observe._loggers import get_logger
from wsgi_observe.health import HealthState, Readiness, Report
from wsgi_observe.health import report as pages
from wsgi_observe.health.probe_paths import ProbePath
from wsgi_observe.health.state import AnyState
from wsgi_observe.settings import Settings
from wsgi_observe.wsgi.environ import decode_wsgi, encode_wsgi
from wsgi_observe.wsgi.exchange import Exchange
from wsgi_observe.wsgi.middleware import Middleware, iter_wrapped_apps
from wsgi_observe.wsgi.response import StaticResponse

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = get_logger("wsgi_observe.health")

_METHODS = ("GET", "HEAD", "OPTIONS")


class Health(Middleware):
    """Answer liveness on ``/health`` and readiness on ``/ready``; pass all else on.

    Liveness touches nothing. Readiness runs the checks; the client sees their names and
    ``ok`` or ``fail``, the reasons go to the log. ``/ready/<name>`` runs one check,
    ``?exclude=<name>`` all but some, ``?verbose`` answers with lines of text.

    :param settings: the defaults of the following.
    :param checks: name to callable, to a `Check`, or to the import path of either.
    :param state: whether the process is starting or draining; set by others.
    :param live_path: where liveness is answered; empty for nowhere. If it is not given, an
        explicit route of the app at ``/health`` wins.
    :param ready_path: where readiness is answered; empty for nowhere. If neither it nor a check is
        given, an explicit route of the app at ``/ready`` wins.
    :param check_timeout: seconds that a check may take which is not a `Check`.
    :param check_ttl: seconds for which one run of the checks serves everyone who asks.
    :param check_remind: seconds between two log lines about a check that keeps failing.
    :raises SettingsError: for an unknown setting or an invalid value.
    """

    def __init__(
        self,
        app: WSGIApplication,
        settings: Settings | None = None,
        *,
        state: HealthState | None = None,
        **overrides: Any,
    ) -> None:
        settings = (settings or Settings()).replace(**overrides)
        super().__init__(app)
        self._readiness = _make_readiness(settings, state)
        self._state = self._readiness.state
        self._live_path = settings.live_path
        self._ready_path = settings.ready_path
        self._defer_to_inner(app)
        self._responses = dict(self._iter_routes())
        self.probes = tuple(self._probe_paths(settings.fields_set))
        # Paths of which no request has come yet.
        self._undecided_paths = {
            s: probe for probe in self.probes for s in _slash_variants(probe.path)
        }
        self._path_prefixes = tuple(probe.path.rstrip("/") or "/" for probe in self.probes)
        self._latest_response: tuple[Report | None, StaticResponse] = (
            None,
            pages.LIVENESS_RESPONSE,
        )

    def process_request(
        self, exchange: Exchange, environ: WSGIEnvironment
    ) -> WSGIApplication | None:
        """Answer a probe, without an access line."""
        path = environ.get("PATH_INFO", "")
        if not path.startswith(self._path_prefixes):
            return None
        response = self._responses.get(path)
        method = environ.get("REQUEST_METHOD")
        if response is None or method not in _METHODS:
            return None
        if path in self._undecided_paths and self._is_app_route(self._undecided_paths[path]):
            return None
        if method == "OPTIONS":
            # A CORS preflight is about the request that follows, which may be the app's.
            if "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
                return None
            response = partial(pages.respond_to_options, response, _METHODS)
        exchange.context.is_probe = True
        if path == self._ready_path and method != "OPTIONS" and not environ.get("QUERY_STRING"):
            report, ready_response = self._latest_response
            state = self._state
            if report is not None and not state.draining and not state.starting:
                # The common case, within the TTL: nothing has to run.
                is_fresh = self._readiness.get_cached_report() is report
                return cast("WSGIApplication", ready_response) if is_fresh else response
        return response

    def find_probe_owners(self) -> tuple[ProbePath, ...]:
        """Return the probe paths with their owners, before the first request decides them."""
        for probe in self.probes:
            probe.detect_route(self.app)
            probe.reported_conflict = probe.conflict()
        return self.probes

    @property
    def check_names(self) -> tuple[str, ...]:
        """The names of the checks, in the order of declaration."""
        return self._readiness.names

    @property
    def max_check_timeout(self) -> float:
        """The longest timeout of a check, in seconds."""
        return self._readiness.max_timeout

    def add_state(self, state: HealthState) -> None:
        """Answer starting or draining also while `state` is, such as that of the server."""
        self._state = AnyState(self._state, state)

    def _is_app_route(self, probe: ProbePath) -> bool:
        """Decide at the first request to a probe path who answers it; log what is not reached."""
        if not probe.detect_route(self.app):
            return False
        is_app_route = probe.owner == "app"
        for path in _slash_variants(probe.path):
            if is_app_route:
                self._responses.pop(path, None)
            self._undecided_paths.pop(path, None)
        conflict = probe.conflict()
        # Another `Health` further in reports it itself.
        is_outer = any(isinstance(one, Health) for one in iter_wrapped_apps(self.app))
        if conflict is not None and conflict != probe.reported_conflict and not is_outer:
            probe.reported_conflict = conflict
            _log.warning("%s", conflict)
        return is_app_route

    def _probe_paths(self, fields_set: Collection[str]) -> Iterator[ProbePath]:
        checked = "checks were given" if self._readiness.names else None
        paths = (("live_path", self._live_path, None), ("ready_path", self._ready_path, checked))
        for setting, path, reason in paths:
            if path:
                why = f"{setting} was set" if setting in fields_set else reason
                yield ProbePath(path, setting, why)

    def _defer_to_inner(self, app: object) -> None:
        """Leave the paths to an inner `Health` that answers them.

        Otherwise one that a server's integration adds would answer in place of the app's own,
        without its checks.
        """
        for inner in iter_wrapped_apps(app):
            if not isinstance(inner, Health):
                continue
            if _is_same_path(self._live_path, inner._ready_path):
                self._live_path = ""
            if _is_same_path(self._ready_path, inner._live_path):
                self._ready_path = ""
            if _is_same_path(self._ready_path, inner._ready_path):
                self._readiness = inner._readiness
                return

    def _iter_routes(self) -> Iterator[tuple[str, WSGIApplication]]:
        """Yield every path and its response; of two equal paths the later one counts."""
        base = self._ready_path.rstrip("/")
        for name in self._readiness.names if base else ():
            for path in _slash_variants(f"{base}/{encode_wsgi(name)}"):
                yield path, partial(self._serve_readiness, (name,))
        for path in _slash_variants(self._ready_path):
            yield path, partial(self._serve_readiness, None)
        for path in _slash_variants(self._live_path):
            # mypy does not know that a named tuple can be callable.
            yield path, cast("WSGIApplication", pages.LIVENESS_RESPONSE)

    def _serve_readiness(
        self,
        names: tuple[str, ...] | None,
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        query = environ.get("QUERY_STRING")
        response = (
            self._filtered_response(names, query) if query or names else self._common_response()
        )
        return response(environ, start_response)

    def _common_response(self) -> StaticResponse:
        """Return the response without a query, made once for each report."""
        report = self._report()
        latest, response = self._latest_response
        if report is not latest:
            response = pages.json_response(report)
            self._latest_response = (report, response)  # one assignment: other threads read it
        return response

    def _filtered_response(
        self, names: tuple[str, ...] | None, query: str | None
    ) -> StaticResponse:
        params = _parse_query(query or "")
        wanted = dict.fromkeys(params.get("exclude", ()))  # each once, in their order
        known = self._readiness.names if names is None else names
        excluded = [name for name in known if name in wanted]
        unknown = [name for name in wanted if name not in self._readiness.names]
        report = self._report(names, excluded)
        if "verbose" not in params:
            return pages.json_response(report, unknown)
        return pages.verbose_response(self._ready_path.strip("/"), report, excluded, unknown)

    def _report(self, names: tuple[str, ...] | None = None, exclude: Iterable[str] = ()) -> Report:
        state = self._state
        # The readiness of another `Health` knows only its own state.
        if self._readiness.state is not state and (state.draining or state.starting):
            return Report("draining" if state.draining else "starting", {})
        return self._readiness.report(names, tuple(exclude))


def _make_readiness(settings: Settings, state: HealthState | None) -> Readiness:
    return Readiness(
        settings.checks,
        timeout=settings.check_timeout,
        ttl=settings.check_ttl,
        state=state,
        remind=settings.check_remind,
    )


def _parse_query(query: str) -> dict[str, list[str]]:
    from urllib.parse import parse_qs  # only for probes with a query

    return parse_qs(decode_wsgi(query), keep_blank_values=True)  # which may be not percent-encoded


def _slash_variants(path: str) -> set[str]:
    """Return a path with and without its trailing slash; the root has no other form."""
    return {path.rstrip("/"), path.rstrip("/") + "/"} - {""} if path else set()


def _is_same_path(path: str, other: str) -> bool:
    return not _slash_variants(path).isdisjoint(_slash_variants(other))
