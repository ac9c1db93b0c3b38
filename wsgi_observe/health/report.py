"""The readiness report: one status, the result of every check, and their HTTP responses."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Literal

from wsgi_observe.errors import encode_json
from wsgi_observe.wsgi.response import StaticResponse

Status = Literal["ok", "degraded", "unavailable", "draining", "starting"]

_STATUSES_WITHOUT_CHECKS = ("draining", "starting")  # no check was run


@dataclass(frozen=True)
class Report:
    """The readiness of a service at one time; shared between callers, who must not change it.

    :param status: "ok", or "degraded" when only checks that are not critical fail, or
        "unavailable" when a critical one does; "draining" and "starting" outweigh the checks.
    :param checks: name → "ok" or "fail", in the order of declaration; empty while draining or
        starting, when no check runs.
    :ivar response: the response with the report as JSON, made once for all who ask.
    """

    status: Status
    checks: dict[str, str]
    response: StaticResponse = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "response", json_response(self))

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


def json_response(report: Report, unknown: Sequence[str] = ()) -> StaticResponse:
    """Return the response with a report as JSON; `unknown`: names to exclude that no check has."""
    members: dict[str, object] = {"status": report.status}
    if report.status not in _STATUSES_WITHOUT_CHECKS:
        members["checks"] = report.checks
    if unknown:
        members["unknown"] = list(unknown)
    return _make_response(report.ready, "application/json", encode_json(members))


def verbose_response(
    probe_name: str, report: Report, excluded: Sequence[str], unknown: Sequence[str]
) -> StaticResponse:
    """Return the response with a report in the form of Kubernetes' own ``/readyz?verbose``.

    >>> report = Report("unavailable", {"db": "fail"})
    >>> print(verbose_response("ready", report, ["cache"], []).body.decode(), end="")
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
    has_suffix = report.status in (*_STATUSES_WITHOUT_CHECKS, "degraded")
    suffix = f": {report.status}" if has_suffix else ""
    output.append(f"{probe_name} check {'passed' if report.ready else 'failed'}{suffix}\n")
    return _make_response(report.ready, "text/plain; charset=utf-8", "\n".join(output).encode())


def _make_response(is_ready: bool, media_type: str, body: bytes) -> StaticResponse:
    headers = [
        ("Content-Type", media_type),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    return StaticResponse("200 OK" if is_ready else "503 Service Unavailable", headers, body)


LIVENESS_RESPONSE = _make_response(True, "application/json", encode_json({"status": "ok"}))
"""The response of liveness."""
