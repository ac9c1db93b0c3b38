"""Shape of an error's JSON document: the members by which a client reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wsgi_observe.doctor.client import Response

# Beside the common members: details of one error, or of its request.
_EXTRA_MEMBERS = {
    *("request_id", "trace_id", "span_id", "correlation_id", "instance", "path", "url", "method"),
    *("timestamp", "time", "reason", "errors", "details", "fields", "type", "docs", "help", "hint"),
}


@dataclass(frozen=True)
class Shape:
    """The members of one error's document.

    :ivar is_problem: whether it is of RFC 9457, ``application/problem+json``.
    :ivar members: the top-level ones by name, and those of an object as ``error.code``.
    """

    is_problem: bool
    members: dict[str, Any]

    @classmethod
    def of_response(cls, response: Response) -> Shape:
        """Return the shape of a response that is JSON; one without members if it is no object."""
        document = response.json()
        members: dict[str, Any] = {}
        for name, value in document.items() if isinstance(document, dict) else ():
            members[name] = value
            if isinstance(value, dict):
                members |= {f"{name}.{inner}": one for inner, one in value.items()}
        return cls(response.media_type == "application/problem+json", members)

    def __str__(self) -> str:
        names = [
            name
            for name, value in self.members.items()
            if "." not in name or name.partition(".")[0] not in self.members
            if not isinstance(value, dict) or name in _EXTRA_MEMBERS
        ] + [name for name in self.members if "." in name and not _is_extra(name)]
        kind = "problem " if self.is_problem else ""
        return f"{kind}{{{', '.join(dict.fromkeys(names))}}}"

    def is_like(self, other: Shape) -> bool:
        """Return whether one way to read them fits both, whatever else each has.

        They have a text in common, and not each its own member for what happened.
        """
        if self.is_problem or other.is_problem:
            return self.is_problem and other.is_problem
        mine, its = self.members, other.members
        common = [name for name in mine if name in its and not _is_extra(name)]
        if any(_are_of_two_kinds(mine[name], its[name]) for name in common):
            return False
        if mine.keys() == its.keys() and mine:
            return True
        has_text = any(_has_meaning(mine[name], its[name]) for name in common)
        return has_text and not (self._has_own_text(other) and other._has_own_text(self))

    def _has_own_text(self, other: Shape) -> bool:
        return any(
            _is_sentence(value) and name not in other.members and not _is_extra(name)
            for name, value in self.members.items()
        )


def _is_extra(name: str) -> bool:
    return any(part in _EXTRA_MEMBERS for part in name.split("."))


def _is_sentence(value: object) -> bool:
    return isinstance(value, str) and " " in value.strip()


def _has_meaning(mine: object, its: object) -> bool:
    """Return whether two texts are of the errors, and not a constant such as ``error``."""
    is_text = isinstance(mine, str) and isinstance(its, str)
    return is_text and (mine != its or _is_sentence(mine))


def _are_of_two_kinds(mine: object, its: object) -> bool:
    """Return whether one is a text where the other is a list or an object."""
    kinds = {kind for value in (mine, its) for kind in (str, list, dict) if isinstance(value, kind)}
    return len(kinds) > 1
