"""What readiness says: one status and every check's part in it."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from wsgi_observe.errors import encode
from wsgi_observe.wsgi.response import Answer, Headers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Status = Literal["ok", "degraded", "unavailable", "draining", "starting"]


class Report(NamedTuple):
    """One answer of readiness. It is shared between callers: `checks` is to be read only.

    :param status: "ok", or "degraded" when only checks that are not critical fail, or
        "unavailable" when a critical one does; "draining" and "starting" outweigh the checks.
    :param checks: name → "ok" or "fail", in the order of declaration; empty while draining or
        starting, since no check is run then.
    """

    status: Status
    checks: dict[str, str]

    @property
    def ready(self) -> bool:
        """Whether requests may be sent here."""
        return self.status in ("ok", "degraded")

    @property
    def code(self) -> int:
        """The HTTP status code: 200 when ready, otherwise 503."""
        return 200 if self.ready else 503


def judge(checks: dict[str, str], critical: Container[str]) -> Report:
    """Return the report that these results add up to.

    >>> judge({"db": "ok", "cache": "fail"}, critical={"db"}).status
    'degraded'
    """
    failing = [name for name, result in checks.items() if result == "fail"]
    if any(name in critical for name in failing):
        return Report("unavailable", checks)
    return Report("degraded" if failing else "ok", checks)


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
