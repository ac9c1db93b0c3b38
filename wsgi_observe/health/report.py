"""The readiness report: one status, the result of every check, and their HTTP responses."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from wsgi_observe.errors import encode_json
from wsgi_observe.wsgi.headers import Headers
from wsgi_observe.wsgi.response import StaticResponse

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Status = Literal["ok", "degraded", "unavailable", "draining", "starting"]


class Report(NamedTuple):
    """The readiness of a service at one time; shared between callers, who must not change it.

    :param status: "ok", or "degraded" when only checks that are not critical fail, or
        "unavailable" when a critical one does; "draining" and "starting" outweigh the checks.
    :param checks: name → "ok" or "fail", in the order of declaration; empty while draining or
        starting, when no check runs.
    """

    status: Status
    checks: dict[str, str]

    @property
    def ready(self) -> bool:
        """Whether requests may be sent here."""
        return self.status in ("ok", "degraded")

    @property
    def status_code(self) -> int:
        """The HTTP status code: 200 when ready, otherwise 503."""
        return 200 if self.ready else 503


def make_report(checks: dict[str, str], critical: Container[str]) -> Report:
    """Return the report of these results.

    >>> make_report({"db": "ok", "cache": "fail"}, critical={"db"}).status
    'degraded'
    """
    failing = [name for name, result in checks.items() if result == "fail"]
    if any(name in critical for name in failing):
        return Report("unavailable", checks)
    return Report("degraded" if failing else "ok", checks)


_STATUSES_WITHOUT_CHECKS = ("draining", "starting")  # no check was run


def report_members(report: Report, unknown: Sequence[str] = ()) -> dict[str, object]:
    """Return the members of the JSON document; `unknown`: names to exclude that no check has."""
    output: dict[str, object] = {"status": report.status}
    if report.status not in _STATUSES_WITHOUT_CHECKS:
        output["checks"] = report.checks
    if unknown:
        output["unknown"] = list(unknown)
    return output


def format_verbose(
    probe_name: str, report: Report, excluded: Sequence[str], unknown: Sequence[str]
) -> str:
    """Return a report in the form of Kubernetes' own ``/readyz?verbose``.

    >>> print(format_verbose("ready", Report("unavailable", {"db": "fail"}), ["cache"], []), end="")
    [-]db failed: reason withheld
    [+]cache excluded: ok
    ready check failed
    """
    output = [
        f"[+]{name} ok" if result == "ok" else f"[-]{name} failed: reason withheld"
        for name, result in report.checks.items()
    ]
    output += [f"[+]{name} excluded: ok" for name in excluded]
    if unknown:
        # Text from the client: quoted as JSON, it cannot break the line.
        names = ", ".join(json.dumps(name) for name in unknown)
        output.append(f"warn: some health checks cannot be excluded: no matches for {names}")
    suffix = (
        f": {report.status}" if report.status in (*_STATUSES_WITHOUT_CHECKS, "degraded") else ""
    )
    output.append(f"{probe_name} check {'passed' if report.ready else 'failed'}{suffix}")
    return "\n".join(output) + "\n"


def json_response(report: Report, unknown: Sequence[str] = ()) -> StaticResponse:
    """Return the response with a report as JSON."""
    return _make_response(
        _status_line(report), "application/json", encode_json(report_members(report, unknown))
    )


def verbose_response(
    probe_name: str, report: Report, excluded: Sequence[str], unknown: Sequence[str]
) -> StaticResponse:
    """Return the response with a report as lines of text."""
    text = format_verbose(probe_name, report, excluded, unknown).encode()
    return _make_response(_status_line(report), "text/plain; charset=utf-8", text)


def respond_to_options(
    response: WSGIApplication,
    methods: Iterable[str],
    environ: WSGIEnvironment,
    start_response: StartResponse,
) -> Iterable[bytes]:
    """Respond to OPTIONS as to GET, with the methods in ``Allow`` (RFC 9110, 9.3.7)."""

    def start(status: str, headers: Headers) -> object:
        return start_response(status, [*headers, ("Allow", ", ".join(methods))])

    return response(environ, cast("StartResponse", start))


def _status_line(report: Report) -> str:
    return "200 OK" if report.ready else "503 Service Unavailable"


def _make_response(status: str, media_type: str, body: bytes) -> StaticResponse:
    headers: Headers = [
        ("Content-Type", media_type),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    return StaticResponse(status, headers, body)


LIVENESS_RESPONSE = _make_response("200 OK", "application/json", encode_json({"status": "ok"}))
"""The response of liveness."""
