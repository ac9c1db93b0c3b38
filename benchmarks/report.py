"""What the rounds say: each cost as a part of the bare Flask request of the same round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import quantiles
from typing import NamedTuple

from benchmarks.rounds import Round

BARE = "Flask, bare"

# What is measured, and what it is more than.
COSTS = {
    "stack without the access line, on a trivial app": ("trivial, no access line", "trivial, bare"),
    "stack with the access line, on a trivial app": ("trivial, access line", "trivial, bare"),
    "stack without the access line, on Flask": ("Flask, no access line", BARE),
    "stack with the access line, on Flask": ("Flask, access line", BARE),
    "noting a running request, on a trivial app": ("trivial, noted", "trivial, no access line"),
    "noting a running request, on Flask": ("Flask, noted", "Flask, no access line"),
    "a health answer, whole": ("health", None),
    "a readiness answer within the TTL, ten checks, whole": ("ready", None),
    "an application line": ("line, json", "line, none"),
    "an application line, orjson": ("line, orjson", "line, none"),
    "python-json-logger's": ("line, python-json-logger, json", "line, none"),
    "python-json-logger's, orjson": ("line, python-json-logger, orjson", "line, none"),
    "structlog's, orjson": ("line, structlog, orjson", "line, none"),
}


class Cost(NamedTuple):
    """A cost in microseconds, and the quartiles of its part of a bare Flask request."""

    what: str
    microseconds: float
    low: float
    median: float
    high: float


def costs(rounds: Sequence[Round]) -> Iterator[Cost]:
    """Return every cost of `COSTS` that was measured; differences are taken within a round."""
    for what, (subject, base) in COSTS.items():
        if subject not in rounds[0]:
            continue
        spent = [one[subject] - (one[base] if base else 0.0) for one in rounds]
        parts = [seconds / one[BARE] for seconds, one in zip(spent, rounds, strict=True)]
        yield Cost(what, quantiles(spent, n=4)[1] * 1e6, *quantiles(parts, n=4))


def table(rounds: Sequence[Round]) -> str:
    """Return the costs as a table for people."""
    bare = quantiles([one[BARE] for one in rounds], n=4)[1] * 1e6
    head = f"{'of a bare Flask JSON hello':54}{bare:8.1f} µs   part   quartiles"
    lines = {
        cost.what: f"{cost.what:54}{cost.microseconds:8.1f} µs  {cost.median:.3f}  "
        f"{cost.low:.3f} to {cost.high:.3f}"
        for cost in costs(rounds)
    }
    return "\n".join([head, *(lines.get(what, f"{what:54}not installed") for what in COSTS)])
