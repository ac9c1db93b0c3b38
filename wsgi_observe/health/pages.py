"""What readiness says, as its readers want it: a document for machines, lines for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

from wsgi_observe.core.envelope import encode
from wsgi_observe.core.net import Answer, Headers
from wsgi_observe.health.report import Report

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_ALONE = ("draining", "starting")  # no check was run


def document(report: Report, unknown: Sequence[str] = ()) -> dict[str, object]:
    """Return a report as JSON has it; `unknown` are the names to exclude that no check has."""
    said: dict[str, object] = {"status": report.status}
    if report.status not in _ALONE:
        said["checks"] = report.checks
    if unknown:
        said["unknown"] = list(unknown)
    return said


def lines(what: str, report: Report, excluded: Sequence[str], unknown: Sequence[str]) -> str:
    """Return a report in the form that Kubernetes' own ``/readyz?verbose`` has.

    >>> print(lines("ready", Report("unavailable", {"db": "fail"}), ["cache"], []), end="")
    [-]db failed: reason withheld
    [+]cache excluded: ok
    ready check failed
    """
    said = [
        f"[+]{name} ok" if result == "ok" else f"[-]{name} failed: reason withheld"
        for name, result in report.checks.items()
    ]
    said += [f"[+]{name} excluded: ok" for name in excluded]
    if unknown:
        # The client's own words: quoted as JSON, they cannot break the line.
        names = ", ".join(json.dumps(name) for name in unknown)
        said.append(f"warn: some health checks cannot be excluded: no matches for {names}")
    why = f": {report.status}" if report.status in (*_ALONE, "degraded") else ""
    said.append(f"{what} check {'passed' if report.ready else 'failed'}{why}")
    return "\n".join(said) + "\n"


def page(report: Report, unknown: Sequence[str] = ()) -> Answer:
    """Return the response with a report as JSON."""
    return _response(_status(report), "application/json", encode(document(report, unknown)))


def verbose_page(
    what: str, report: Report, excluded: Sequence[str], unknown: Sequence[str]
) -> Answer:
    """Return the response with a report as lines of text."""
    text = lines(what, report, excluded, unknown).encode()
    return _response(_status(report), "text/plain; charset=utf-8", text)


def with_allow(
    answer: WSGIApplication,
    methods: Iterable[str],
    environ: WSGIEnvironment,
    start_response: StartResponse,
) -> Iterable[bytes]:
    """Respond to OPTIONS as to GET, with the methods in ``Allow`` (RFC 9110, 9.3.7)."""

    def start(status: str, headers: Headers) -> object:
        return start_response(status, [*headers, ("Allow", ", ".join(methods))])

    return answer(environ, cast("StartResponse", start))


def _status(report: Report) -> str:
    return "200 OK" if report.ready else "503 Service Unavailable"


def _response(status: str, media_type: str, body: bytes) -> Answer:
    headers: Headers = [
        ("Content-Type", media_type),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    return Answer(status, headers, body)


ALIVE = _response("200 OK", "application/json", encode({"status": "ok"}))
"""The response of liveness."""
