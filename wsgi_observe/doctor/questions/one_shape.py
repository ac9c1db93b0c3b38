"""Question 5: do all errors have one shape, wherever they come from?"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.caused_errors import (
    CausedError,
    cause_error,
    cause_routing_errors,
    join_by_kind,
)
from wsgi_observe.doctor.error_shape import Shape
from wsgi_observe.doctor.exceptions import CannotMakeError, make_exception
from wsgi_observe.doctor.own_code import has_own_line
from wsgi_observe.doctor.questions.question import Faults, NotApplicable
from wsgi_observe.doctor.remedies import OBSERVE_ANYWHERE
from wsgi_observe.doctor.subject import Subject

_STATUSES = (400, 404, 409, 422)
_CAUSED_IN_1 = {"unknown URL", "wrong method", "abort(400)", "abort(404)", "RuntimeError"}
"""What question 1 causes too, so that it names those which are no JSON."""

_FLASK_REMEDY = (
    "Observe(app)  # from wsgi_observe.flask import Observe; or one function for all handlers:\n"
    "def respond(code, text, **more): return {'code': code, 'description': text, **more}, code"
)


def find_faults(subject: Subject) -> Faults:
    """Compare the keys of all kinds of errors."""
    if not subject.framework.has_views:
        raise NotApplicable("the error handling of this app cannot be reached")
    remedy = _FLASK_REMEDY if subject.framework.name == "flask" else OBSERVE_ANYWHERE
    errors = [*_cause_http_errors(subject), *_cause_exceptions(subject)]
    if not errors:
        raise NotApplicable("no error can be caused in this app")
    groups = _group(error for error in errors if error.response.is_json)
    if not groups or len(errors) > len(groups) == sum(map(len, groups)):
        yield Fault(f"they have none: {_list_kinds(errors)}", remedy)
        return ""
    shape = Shape.of_response(groups[0][0].response)
    pages = [one for one in errors if _is_page(one) and one.title not in _CAUSED_IN_1]
    for group in filter(None, (*groups[1:], pages)):
        seen = (
            f"{', '.join(error.title for error in group)}: {Shape.of_response(group[0].response)}"
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
    exceptions: list[tuple[str, str, type[Exception]]] = [
        *_iter_validation_errors(),
        *((cls.__name__, scope, cls) for scope, cls in subject.framework.get_handled_exceptions()),
        ("RuntimeError", "", RuntimeError),
    ]
    for title, scope, cls in exceptions:
        with suppress(CannotMakeError):
            yield from cause_error(subject, title, make_exception(cls), scope)


def _iter_validation_errors() -> Iterator[tuple[str, str, type[Exception]]]:
    """Yield the exceptions of the libraries that the app validates with."""
    for package in ("marshmallow", "pydantic"):
        is_used = has_own_line(rf"^\s*(?:from|import)\s+{package}\b")
        if is_used and package in sys.modules:
            yield f"ValidationError of {package}", "", sys.modules[package].ValidationError


def _is_page(error: CausedError) -> bool:
    """Return whether a response is neither JSON nor a redirect, such as to a login page."""
    return not error.response.is_json and not 300 <= error.response.status_code < 400


def _list_kinds(errors: Iterable[CausedError]) -> str:
    """Return what the responses are, each kind with its errors."""
    kinds = []
    for error in errors:
        response = error.response
        kind = str(Shape.of_response(response)) if response.is_json else response.media_type
        if response.error is not None:
            kind = response.describe()
        kinds.append((f"{kind or 'no body'} for", error.title))
    return join_by_kind(kinds)


def _group(errors: Iterable[CausedError]) -> list[list[CausedError]]:
    """Return the errors by their shapes, the most frequent one first."""
    groups: list[list[CausedError]] = []
    for error in errors:
        shape = Shape.of_response(error.response)
        for group in groups:
            if shape.is_like(Shape.of_response(group[0].response)):
                group.append(error)
                break
        else:
            groups.append([error])
    return sorted(groups, key=len, reverse=True)
