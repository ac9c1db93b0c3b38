"""Answers the probes before the app, its log and its failures have any part in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, cast

from wsgi_observe.core.envelope import Error, Shape, encode
from wsgi_observe.core.exchange import Exchange
from wsgi_observe.core.layer import Layer, inward
from wsgi_observe.core.net import Answer, Headers
from wsgi_observe.health import Check, HealthState, Readiness, Report, pages
from wsgi_observe.health.state import Either
from wsgi_observe.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Health(Layer):
    """Answer liveness on ``/health`` and readiness on ``/ready``; pass all else on.

    Liveness touches nothing. Readiness runs the checks; the client sees their names and
    ``ok`` or ``fail``, the reasons go to the log. ``/ready/<name>`` asks for one check,
    ``?exclude=<name>`` for all but some, ``?verbose`` for lines of text.

    :param checks: name to callable, to a `Check`, or to the import path of either.
    :param state: whether the process is starting or draining; set by others.
    :param live_path: where liveness is answered; empty for nowhere. `ready_path` likewise.
    :param check_timeout: seconds a check may take that says nothing else.
    :param check_ttl: seconds for which one run of the checks serves all who ask.
    :param check_remind: seconds between two log lines about a check that goes on failing.
    :param error_format: the shape of a 404 or 405; `render_error` likewise, as in
        `ErrorEnvelope`.
    :raises SettingsError: for an unfit setting.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        checks: Mapping[str, Callable[[], object] | Check | str] | None = None,
        state: HealthState | None = None,
        live_path: str = "/health",
        ready_path: str = "/ready",
        check_timeout: float = 0.8,
        check_ttl: float = 2.0,
        check_remind: float = 300.0,
        error_format: str = "envelope",
        render_error: Callable[[Error], Mapping[str, object]] | None = None,
    ) -> None:
        settings = Settings(
            live_path=live_path,
            ready_path=ready_path,
            check_timeout=check_timeout,
            check_ttl=check_ttl,
            check_remind=check_remind,
            error_format=error_format,
            render_error=render_error,
        )
        super().__init__(app)
        self._shape = Shape(settings.error_format, settings.render_error)
        self._readiness = _engine(checks or {}, state, settings)
        self._state = self._readiness.state
        self._live_path = settings.live_path
        self._ready_path = settings.ready_path
        self._make_way(app)
        self._answers = dict(self._places())
        # Below the root would be all of the app's paths.
        base = self._ready_path.rstrip("/")
        self._below_ready: tuple[str, ...] = (base + "/",) if base else ()
        paths = filter(None, (self._live_path, self._ready_path))
        self._beginnings = tuple(path.rstrip("/") or "/" for path in paths)
        self._latest: tuple[Report | None, Answer] = (None, _ALIVE)

    def join(self, exchange: Exchange, environ: WSGIEnvironment) -> WSGIApplication | None:
        """Answer a probe, and have it left out of the log; refuse what only looks like one."""
        path = environ.get("PATH_INFO", "")
        if not path.startswith(self._beginnings):
            return None
        answer = self._answers.get(path)
        if answer is None:
            prefixes = self._below_ready
            if not prefixes or not path.startswith(prefixes) or not self._could_name_a_check(path):
                return None
            return partial(self._refuse, exchange, "404 Not Found")
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            return partial(self._refuse, exchange, "405 Method Not Allowed")
        exchange.scope.is_probe = True
        if path == self._ready_path and not environ.get("QUERY_STRING"):
            report, ready = self._latest
            state = self._state
            if report is not None and not state.draining and not state.starting:
                # The common question within the TTL: nothing is to run for it.
                is_fresh = self._readiness.fresh() is report
                return cast("WSGIApplication", ready) if is_fresh else answer
        return answer

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

    def _could_name_a_check(self, path: str) -> bool:
        name = path.removeprefix(self._below_ready[0]).removesuffix("/")
        return name != "" and "/" not in name

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
            yield path, cast("WSGIApplication", _ALIVE)

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
            answer = _json(report)
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
            return _json(report, unknown)
        text = pages.lines(self._ready_path.strip("/"), report, excluded, unknown)
        return _page(_status(report), "text/plain; charset=utf-8", text.encode())

    def _report(self, names: tuple[str, ...] | None = None, exclude: Iterable[str] = ()) -> Report:
        state = self._state
        # Those of another `Health` know their own state only.
        if self._readiness.state is not state and (state.draining or state.starting):
            return Report("draining" if state.draining else "starting", {})
        return self._readiness.report(names, tuple(exclude))

    def _refuse(
        self,
        exchange: Exchange,
        status: str,
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        body, media_type = self._shape.document(Error.of_status(status, exchange.scope.request_id))
        answer = _page(status, media_type, body)
        if status.startswith("405"):
            answer.headers.append(("Allow", "GET, HEAD"))
        return answer(environ, start_response)


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


def _json(report: Report, unknown: Iterable[str] = ()) -> Answer:
    body = encode(pages.document(report, tuple(unknown)))
    return _page(_status(report), "application/json", body)


def _status(report: Report) -> str:
    return "200 OK" if report.ready else "503 Service Unavailable"


def _page(status: str, media_type: str, body: bytes) -> Answer:
    headers: Headers = [
        ("Content-Type", media_type),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    return Answer(status, headers, body)


_ALIVE = _page("200 OK", "application/json", encode({"status": "ok"}))


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
