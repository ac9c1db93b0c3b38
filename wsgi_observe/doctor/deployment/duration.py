"""Durations: numbers of seconds, each with its name and the place where it is set."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wsgi_observe.doctor.deployment.tree import Node

_UNITS = {
    name: seconds
    for names, seconds in (
        ("us usec", 1e-6),
        ("ms msec", 1e-3),
        ("s sec second seconds", 1),
        ("m min minute minutes", 60),
        ("h hr hour hours", 3600),
        ("d day days", 86400),
    )
    for name in names.split()
} | {"": 1}
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*")


@dataclass(frozen=True)
class Duration:
    """A number of seconds.

    :param where: the place where it is set; empty if it is the default.
    :param name: of the option or variable that sets it.
    """

    seconds: float
    where: str = ""
    name: str = ""

    def describe(self, owner: str = "the") -> str:
        """Return the seconds, with a note if they are the default of their owner."""
        return f"{self.seconds:g} s" + ("" if self.where else f" ({owner} default)")


def read_duration(node: Node, name: str, default: float) -> Duration | None:
    """Return the duration that a node sets, or the default; None if it is not known."""
    if not node:
        return Duration(default, name=name)
    seconds = parse_duration(node.text)
    return None if seconds is None else Duration(seconds, node.where, name)


def parse_duration(text: str | None) -> float | None:
    """Return the seconds of ``90``, ``1m30s`` (Compose, nginx) or ``1min 30s`` (systemd)."""
    if text is None:
        return None
    if text.strip() == "infinity":
        return float("inf")
    total, end = 0.0, 0
    while end < len(text):
        part = _PART.match(text, end)
        if part is None or part[2] not in _UNITS:
            return None
        total += float(part[1]) * _UNITS[part[2]]
        end = part.end()
    return total if end else None
