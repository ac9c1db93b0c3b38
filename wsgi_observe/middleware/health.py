"""Answers the probes before the app, its log and its failures have any part in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from wsgi_observe.core.envelope import encode
from wsgi_observe.core.exchange import Exchange
from wsgi_observe.core.layer import Layer
from wsgi_observe.health import Check, Readiness
from wsgi_observe.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_ALIVE = encode({"status": "ok"})


class Health(Layer):
    """Answer liveness on ``/health`` and readiness on ``/ready``; pass all else on.

    Liveness touches nothing. Readiness runs the checks; the client sees their names and
    ``ok`` or ``fail``, the reasons go to the log.

    :param checks: name to callable, or to a `Check`.
    :param live_path: where liveness is answered; empty for nowhere. `ready_path` likewise.
    :param check_timeout: seconds a check may take that says nothing else.
    :param check_ttl: seconds for which one run of the checks serves all who ask.
    :raises SettingsError: for an unfit setting.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        checks: Mapping[str, Callable[[], object] | Check] | None = None,
        live_path: str = "/health",
        ready_path: str = "/ready",
        check_timeout: float = 0.8,
        check_ttl: float = 2.0,
    ) -> None:
        settings = Settings(
            live_path=live_path,
            ready_path=ready_path,
            check_timeout=check_timeout,
            check_ttl=check_ttl,
        )
        super().__init__(app)
        self._readiness = Readiness(
            checks or {}, timeout=settings.check_timeout, ttl=settings.check_ttl
        )
        answers = {live_path: self._live, ready_path: self._ready}
        # Round an app that is wrapped already nothing changes: its own checks are asked.
        inside = {
            path
            for layer in self._layers
            if isinstance(layer, Health) and layer is not self
            for path in layer._answers
        }
        self._answers: dict[str, WSGIApplication] = {
            path: answer for path, answer in answers.items() if path and path not in inside
        }

    def join(self, exchange: Exchange, environ: WSGIEnvironment) -> WSGIApplication | None:
        """Answer a probe; it is not to be logged."""
        answer = self._answers.get(environ.get("PATH_INFO", ""))
        if answer is None or environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            return None
        exchange.scope.is_probe = True
        return answer

    def _live(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return _respond(environ, start_response, "200 OK", _ALIVE)

    def _ready(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        report = self._readiness.report()
        status = "200 OK" if report.ready else "503 Service Unavailable"
        body = encode({"status": report.status, "checks": report.checks})
        return _respond(environ, start_response, status, body)


def _respond(
    environ: WSGIEnvironment, start_response: StartResponse, status: str, body: bytes
) -> Iterable[bytes]:
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    start_response(status, headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
