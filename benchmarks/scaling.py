"""What grows with the service: threads, bound fields, checks, headers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from benchmarks.apps import flask_hello, trivial, well
from benchmarks.requests import Call, request
from benchmarks.rounds import Subject, repeated
from benchmarks.threads import in_threads
from wsgi_observe import bind, configure_logging, observe

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

THREADS = (1, 8, 64)
FIELDS = (1, 10, 50)
CHECKS = (0, 1, 50)
HEADERS = (10, 100)


def subjects() -> dict[str, Subject]:
    """Return each, bare and observed."""
    configure_logging(log_format="json", capture_uncaught=False)
    found: dict[str, Subject] = {"Flask": repeated(request(flask_hello()))}
    for count in THREADS:
        found[f"{count} threads, bare"] = in_threads(request(trivial), count)
        found[f"{count} threads"] = in_threads(request(observe(trivial)), count)
    return found | {name: repeated(call) for name, call in (_growing()).items()}


def _growing() -> dict[str, Call]:
    calls = {"trivial": request(trivial)}
    for count in FIELDS:
        calls[f"{count} bound fields"] = request(observe(_binding(count)))
    for count in CHECKS:
        checked = observe(trivial, checks={f"c{n}": well for n in range(count)}, check_ttl=600.0)
        calls[f"{count} checks"] = request(checked)
        calls[f"{count} checks, readiness"] = request(checked, "/ready")
    for count in HEADERS:
        sent, app = _headers(count), _answering(count)
        calls[f"{count} headers in, bare"] = request(trivial, headers=sent)
        calls[f"{count} headers in"] = request(observe(trivial), headers=sent)
        calls[f"{count} headers out, bare"] = request(app)
        calls[f"{count} headers out"] = request(observe(app))
    return calls


def _binding(count: int) -> WSGIApplication:
    fields = {f"field_{number}": number for number in range(count)}

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        bind(**fields)
        return trivial(environ, start_response)

    return app


def _answering(count: int) -> WSGIApplication:
    headers = [("Content-Length", "2"), *_headers(count - 1).items()]

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", headers.copy())
        return [b"ok"]

    return app


def _headers(count: int) -> dict[str, str]:
    return {f"X-Field-{number}": str(number) for number in range(count)}
