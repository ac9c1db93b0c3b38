"""What readiness says: one status and every check's part in it."""

from __future__ import annotations

from collections.abc import Container
from typing import Literal, NamedTuple

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
