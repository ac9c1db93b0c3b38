"""Health: the middleware that answers the probes, outside the access log and the app."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import partial
from typing import Any, cast
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from wsgi_observe._loggers import get_logger
from wsgi_observe._safely import call_safely
from wsgi_observe.health import HealthState, Readiness
from wsgi_observe.health.report import LIVENESS_RESPONSE, json_response, verbose_response
from wsgi_observe.health.routers import has_explicit_route
from wsgi_observe.settings import Settings
from wsgi_observe.wsgi.environ import decode_wsgi, encode_wsgi
from wsgi_observe.wsgi.exchange import Exchange
from wsgi_observe.wsgi.headers import Headers
from wsgi_observe.wsgi.middleware import Middleware, find_middlewares
from wsgi_observe.wsgi.response import StaticResponse

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
    :ivar readiness: the checks and their last report, those of an inner `Health` if that answers;
        may be replaced.
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
        self.readiness = Readiness(
            settings.checks,
            timeout=settings.check_timeout,
            ttl=settings.check_ttl,
            state=state,
            remind=settings.check_remind,
        )
        self._live_path = settings.live_path
        self._ready_path = settings.ready_path
        self._defer_to_inner(app)
        self._serve_all_checks = partial(self._serve_readiness, None)
        self._routes = {
            spelling: response
            for path, response in self._iter_routes()
            for spelling in _spellings(path)
        }
        self.probes = tuple(self._iter_probe_paths(settings.fields_set))
        # Paths of which no request has come yet.
        self._undecided_paths = {s: probe for probe in self.probes for s in _spellings(probe.path)}
        self._path_prefixes = tuple(probe.path.rstrip("/") or "/" for probe in self.probes)

    def process_request(
        self, exchange: Exchange, environ: WSGIEnvironment
    ) -> WSGIApplication | None:
        """Answer a probe, without an access line."""
        path = environ.get("PATH_INFO", "")
        if not path.startswith(self._path_prefixes):
            return None
        response = self._routes.get(path)
        method = environ.get("REQUEST_METHOD")
        if response is None or method not in _METHODS:
            return None
        if path in self._undecided_paths and self._is_app_route(self._undecided_paths[path]):
            return None
        if method == "OPTIONS":
            # A CORS preflight is about the request that follows, which may be the app's.
            if "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
                return None
            response = partial(_respond_to_options, response)
        elif response is self._serve_all_checks and not environ.get("QUERY_STRING"):
            report = self.readiness.get_cached_report()
            if report is not None:  # the common case, within the TTL: nothing has to run
                response = cast("WSGIApplication", report.response)
        exchange.context.is_probe = True
        return response

    def find_probe_owners(self) -> tuple[ProbePath, ...]:
        """Return the probe paths with their owners, before the first request decides them."""
        for probe in self.probes:
            probe.detect_route(self.app)
            probe.reported_conflict = probe.conflict()
        return self.probes

    def _is_app_route(self, probe: ProbePath) -> bool:
        """Decide at the first request to a probe path who answers it; log what is not reached."""
        if not probe.detect_route(self.app):
            return False
        is_app_route = probe.owner == "app"
        for path in _spellings(probe.path):
            self._undecided_paths.pop(path, None)
            if is_app_route:
                self._routes.pop(path, None)
        conflict = probe.conflict()
        # Another `Health` further in reports it itself.
        is_outer = bool(find_middlewares(self.app, Health))
        if conflict is not None and conflict != probe.reported_conflict and not is_outer:
            probe.reported_conflict = conflict
            _log.warning("%s", conflict)
        return is_app_route

    def _iter_probe_paths(self, fields_set: Collection[str]) -> Iterator[ProbePath]:
        checked = "checks were given" if self.readiness.names else None
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
        for inner in find_middlewares(app, Health):
            if _is_same_path(self._live_path, inner._ready_path):
                self._live_path = ""
            if _is_same_path(self._ready_path, inner._live_path):
                self._ready_path = ""
            if _is_same_path(self._ready_path, inner._ready_path):
                inner.readiness.add_state(self.readiness.state)
                self.readiness = inner.readiness
                return

    def _iter_routes(self) -> Iterator[tuple[str, WSGIApplication]]:
        """Yield every path and what answers; of two equal paths the later one counts."""
        base = self._ready_path.rstrip("/")
        for name in self.readiness.names if base else ():
            yield f"{base}/{encode_wsgi(name)}", partial(self._serve_readiness, (name,))
        if self._ready_path:
            yield self._ready_path, self._serve_all_checks
        if self._live_path:
            # mypy does not know that a named tuple can be callable.
            yield self._live_path, cast("WSGIApplication", LIVENESS_RESPONSE)

    def _serve_readiness(
        self,
        names: tuple[str, ...] | None,
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        query = environ.get("QUERY_STRING")
        if query or names:
            return self._filtered_response(names, query)(environ, start_response)
        return self.readiness.report().response(environ, start_response)

    def _filtered_response(
        self, names: tuple[str, ...] | None, query: str | None
    ) -> StaticResponse:
        params = _parse_query(query or "")
        wanted = dict.fromkeys(params.get("exclude", ()))  # each once, in their order
        known = self.readiness.names if names is None else names
        excluded = [name for name in known if name in wanted]
        unknown = [name for name in wanted if name not in self.readiness.names]
        report = self.readiness.report(names, excluded)
        if "verbose" not in params:
            return json_response(report, unknown)
        return verbose_response(self._ready_path.strip("/"), report, excluded, unknown)


class ProbePath:
    """A path at which a probe is served, unless the app has an explicit route there.

    :param setting: the name of the setting that moves it, ``live_path`` or ``ready_path``.
    :param override_reason: why the probe is served even where the app has a route; None: the
        route is.
    """

    def __init__(self, path: str, setting: str, override_reason: str | None) -> None:
        self.path = path
        self.setting = setting
        self.reported_conflict: str | None = None
        self._override_reason = override_reason
        self._has_route = False

    def detect_route(self, app: object) -> bool:
        """Look for a route in `app`; return False where that fails, which is logged once.

        To be called late: routes may be added, and a URLconf be loaded, until the first request.
        """
        result = call_safely(
            "looking for a route at a probe path", has_explicit_route, app, self.path
        )
        self._has_route = bool(result)
        return result is not None

    @property
    def owner(self) -> str:
        """Which of the two answers: ``app`` or ``wsgi_observe``."""
        return "app" if self._has_route and self._override_reason is None else "wsgi_observe"

    def conflict(self) -> str | None:
        """Return which of the two is not reached, why, and what to do; None without a conflict."""
        if not self._has_route:
            return None
        if self._override_reason is None:
            return (
                f"{self.path} is answered by the app's own route, so the probe is not reached: "
                f'set {self.setting} to another path to have both, or to "" to have no probe'
            )
        return (
            f"{self.path} is answered by the probe, since {self._override_reason}, so the app's "
            f'own route is not reached: set {self.setting} to another path, or to "" for no probe'
        )


def _respond_to_options(
    response: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Respond to OPTIONS as to GET, with the methods in ``Allow`` (RFC 9110, 9.3.7)."""

    def start(status: str, headers: Headers) -> object:
        return start_response(status, [*headers, ("Allow", ", ".join(_METHODS))])

    return response(environ, cast("StartResponse", start))


def _parse_query(query: str) -> dict[str, list[str]]:
    from urllib.parse import parse_qs  # only for probes with a query

    return parse_qs(decode_wsgi(query), keep_blank_values=True)  # which may be not percent-encoded


def _spellings(path: str) -> tuple[str, str]:
    """Return a path without and with a slash at its end."""
    base = path.rstrip("/")
    return base, f"{base}/"


def _is_same_path(path: str, other: str) -> bool:
    return bool(path and other) and _spellings(path) == _spellings(other)
