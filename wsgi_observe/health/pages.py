"""What readiness says, as its readers want it: a document for machines, lines for people."""

from __future__ import annotations

import json
from collections.abc import Sequence

from wsgi_observe.health.report import Report

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
