"""Question 5: do all errors have one shape, wherever they come from?"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.app.client import Response
from wsgi_observe.doctor.app.subject import Subject
from wsgi_observe.doctor.own_code import iter_imports
from wsgi_observe.doctor.question import Faults, NotApplicable
from wsgi_observe.doctor.remedies import OBSERVE_ANYWHERE
from wsgi_observe.doctor.trials.caused_errors import (
    CausedError,
    cause_error,
    cause_routing_errors,
    join_by_kind,
)
from wsgi_observe.doctor.trials.exceptions import MESSAGE, make_exception, make_handled_exceptions

_STATUSES = (400, 404, 409, 422)
_CAUSED_IN_1 = {"unknown URL", "wrong method", "abort(400)", "abort(404)", "RuntimeError"}
"""What question 1 causes too, so that it names those which are no JSON."""

_FLASK_REMEDY = (
    "Observe(app)  # from wsgi_observe.flask import Observe; or one function for all handlers:\n"
    "def respond(code, text, **more): return {'code': code, 'description': text, **more}, code"
)
_OBSERVED_REMEDY = (
    "give the app's own error documents the keys of the others, or ours those of the app:\n"
    "observe(…, render_error=…)"
)

# Beside the common members: details of one error, or of its request.
_EXTRA_MEMBERS = {
    *("request_id", "trace_id", "span_id", "correlation_id", "instance", "path", "url", "method"),
    *("timestamp", "time", "reason", "errors", "details", "fields", "type", "docs", "help", "hint"),
}


@dataclass(frozen=True)
class _Shape:
    """The members of one error's document.

    :ivar is_problem: whether it is of RFC 9457, ``application/problem+json``.
    :ivar members: the top-level ones by name, and those of an object as ``error.code``.
    """

    is_problem: bool
    members: dict[str, Any]

    @classmethod
    def of_response(cls, response: Response) -> _Shape:
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

    def is_like(self, other: _Shape) -> bool:
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

    def _has_own_text(self, other: _Shape) -> bool:
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


def find_faults(subject: Subject) -> Faults:
    """Compare the keys of all kinds of errors."""
    if not subject.framework.has_views:
        raise NotApplicable("the error handling of this app cannot be reached")
    remedy = _FLASK_REMEDY if subject.framework.name == "flask" else OBSERVE_ANYWHERE
    if subject.has_envelope:
        remedy = _OBSERVED_REMEDY
    errors = [*_cause_http_errors(subject), *_cause_exceptions(subject)]
    if not errors:
        raise NotApplicable("no error can be caused in this app")
    groups = _group(error for error in errors if error.response.is_json)
    if not groups or len(errors) > len(groups) == sum(map(len, groups)):
        yield Fault(f"they have none: {_list_kinds(errors)}", remedy)
        return ""
    shape = _Shape.of_response(groups[0][0].response)
    pages = [one for one in errors if _is_page(one) and one.title not in _CAUSED_IN_1]
    for group in filter(None, (*groups[1:], pages)):
        seen = (
            f"{', '.join(error.title for error in group)}: {_Shape.of_response(group[0].response)}"
        )
        if group is pages:
            seen = _list_kinds(pages)
        where = next((error.where for error in group if error.where), None)
        yield Fault(f"{seen}; most errors: {shape}", remedy, where)
    return f"{shape} for {len(groups[0])} errors of HTTP, validation and code"


def _cause_http_errors(subject: Subject) -> Iterator[CausedError]:
    for status, error in cause_routing_errors(subject):
        if error.response.status_code == status:
            yield error
    for scope in ("", *subject.framework.get_scopes()):
        for status in _STATUSES:
            title = f"abort({status})" + (f" in the blueprint {scope}" if scope else "")
            yield from cause_error(subject, title, status, scope)


def _cause_exceptions(subject: Subject) -> Iterator[CausedError]:
    """Yield those of validation, of the business, and an unexpected one."""
    imported = {package for package, _ in iter_imports()}
    for package in ("marshmallow", "pydantic"):
        if package in imported and package in sys.modules:
            error = make_exception(sys.modules[package].ValidationError)
            yield from cause_error(subject, f"ValidationError of {package}", error)
    for scope, error in make_handled_exceptions(subject.framework):
        yield from cause_error(subject, type(error).__name__, error, scope)
    yield from cause_error(subject, "RuntimeError", RuntimeError(MESSAGE))


def _is_page(error: CausedError) -> bool:
    """Return whether a response is neither JSON nor a redirect, such as to a login page."""
    return not error.response.is_json and not 300 <= error.response.status_code < 400


def _list_kinds(errors: Iterable[CausedError]) -> str:
    """Return what the responses are, each kind with its errors."""
    kinds = []
    for error in errors:
        response = error.response
        kind = str(_Shape.of_response(response)) if response.is_json else response.media_type
        if response.error is not None:
            kind = response.describe()
        kinds.append((f"{kind or 'no body'} for", error.title))
    return join_by_kind(kinds)


def _group(errors: Iterable[CausedError]) -> list[list[CausedError]]:
    """Return the errors by their shapes, the most frequent one first."""
    groups: list[list[CausedError]] = []
    for error in errors:
        shape = _Shape.of_response(error.response)
        for group in groups:
            if shape.is_like(_Shape.of_response(group[0].response)):
                group.append(error)
                break
        else:
            groups.append([error])
    return sorted(groups, key=len, reverse=True)
