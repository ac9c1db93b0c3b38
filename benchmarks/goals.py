"""The goals: what the project asks of itself, compared with what was measured."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from benchmarks.costs import Row
from benchmarks.log_lines import LINES
from benchmarks.peers import RATIOS
from benchmarks.request_path import PATH
from benchmarks.servers import SERVERS
from benchmarks.startup import STARTING


class Goal(NamedTuple):
    """A figure with its must and its goal, without and with `orjson`; less is better, mostly."""

    what: str
    topic: str
    plain: str
    orjson: str
    must: tuple[float, float]
    goal: float
    more_is_better: bool = False


def _stack(where: str) -> list[Goal]:
    silent = f"stack, no access line, on {where}"
    plain, fast = (f"stack, JSON access line{end}, on {where}" for end in ("", ", orjson"))
    return [
        Goal(f"stack, no access line, {where}", PATH, silent, silent, (0.075, 0.075), 0.055),
        Goal(f"stack, JSON access line, {where}", PATH, plain, fast, (0.25, 0.18), 0.10),
    ]


def _beside(other: str, must: tuple[float, float], goal: float) -> Goal:
    plain, fast = f"wsgi_observe ÷ {other}", f"wsgi_observe, orjson ÷ {other}"
    return Goal(f"stack with its line ÷ {other}", RATIOS, plain, fast, must, goal)


HEALTH = "a health answer, whole"
CHUNK = "a chunk of a streamed body"
MEMORY = "a worker's memory, more"
RATE = "gthread, answers/s", "gthread, orjson, answers/s"

GOALS = [
    *_stack("a trivial app"),
    *_stack("Flask"),
    Goal(
        "one application log line",
        LINES,
        "short, wsgi_observe, json",
        "short, wsgi_observe, orjson",
        (0.22, 0.15),
        0.10,
    ),
    Goal("a health answer", PATH, HEALTH, HEALTH, (0.065, 0.065), 0.045),
    Goal(CHUNK, PATH, CHUNK, CHUNK, (0.006, 0.006), 0.003),
    _beside("hand-written recipe", (0.28, 0.20), 0.12),
    _beside("the cheapest of four", (0.22, 0.15), 0.08),
    Goal("Gunicorn gthread answers, observed ÷ bare", SERVERS, *RATE, (0.92, 0.94), 0.97, True),
    Goal("MB of memory a worker, more", STARTING, MEMORY, MEMORY, (6.0, 6.0), 3.0),
]


class Outcome(NamedTuple):
    """A goal with its two rows, without and with `orjson`."""

    goal: Goal
    rows: tuple[Row, Row]

    def verdict(self) -> str:
        """Return which of must and goal holds, for the medians."""
        values = [row.median for row in self.rows]
        if self._all_hold(values, (self.goal.goal, self.goal.goal)):
            return "goal"
        return "must" if self._all_hold(values, self.goal.must) else "not met"

    def _all_hold(self, values: list[float], bounds: tuple[float, float]) -> bool:
        sign = -1 if self.goal.more_is_better else 1
        return all(sign * one <= sign * bound for one, bound in zip(values, bounds, strict=True))


def check_goals(rows: Iterable[Row]) -> list[Outcome]:
    """Return the goals whose figures were measured."""
    known = {(row.topic, row.what): row for row in rows}
    outcomes = []
    for goal in GOALS:
        both = known.get((goal.topic, goal.plain)), known.get((goal.topic, goal.orjson))
        if both[0] and both[1]:
            outcomes.append(Outcome(goal, (both[0], both[1])))
    return outcomes
