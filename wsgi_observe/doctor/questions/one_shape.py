"""Question 5: do all errors have one shape, wherever they come from?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.client import Response
from wsgi_observe.doctor.error_shape import Shape
from wsgi_observe.doctor.exceptions import CannotMakeError, make_exception
from wsgi_observe.doctor.failing_views import FailingViews
from wsgi_observe.doctor.own_code import find_place, has_own_line
from wsgi_observe.doctor.questions.question import NotApplicable, Question
from wsgi_observe.doctor.subject import PREFIX, Subject, ViewRegistry

_UNKNOWN = "shape/nothing-is-here"
_GET_ONLY = "shape/get-only"
_STATUSES = (400, 404, 409, 422)
_CAUSED_IN_1 = {"unknown URL", "wrong method", "abort(400)", "abort(404)", "RuntimeError"}
"""What question 1 causes too, so that it names those which are no JSON."""

_FLASK_REMEDY = (
    "Observe(app)  # from wsgi_observe.flask import Observe; or one function for all handlers:\n"
    "def respond(code, text, **more): return {'code': code, 'description': text, **more}, code"
)


@dataclass(frozen=True)
class Origin:
    """Where an error comes from, and the response to it.

    :ivar where: of the app's handler, if it is known.
    """

    title: str
    response: Response
    where: str | None = None

    @property
    def is_page(self) -> bool:
        """Whether it is neither JSON nor a redirect, such as to a login page."""
        return not self.response.is_json and not 300 <= self.response.status_code < 400


class ErrorsHaveOneShape(Question):
    """Compares the keys of all kinds of errors."""

    number = 5
    name = "all errors have one shape"

    def prepare(self, views: ViewRegistry) -> None:
        """Add a failing view, and one that takes GET only."""
        self._views = FailingViews(views, "shape/any")
        views.add(_GET_ONLY, lambda: "ok")

    def ask(self, subject: Subject) -> Iterator[Fault]:
        """Yield a fault for each shape beside the most frequent one, and for pages."""
        if not subject.framework.has_views:
            raise NotApplicable("the error handling of this app cannot be reached")
        is_flask = subject.framework.name == "flask"
        remedy = _FLASK_REMEDY if is_flask else subject.observe_remedy
        origins = [*self._cause_http_errors(subject), *self._cause_exceptions(subject)]
        if not origins:
            raise NotApplicable("no error can be caused in this app")
        groups = _group(origin for origin in origins if origin.response.is_json)
        if not groups or len(origins) > len(groups) == sum(map(len, groups)):
            yield Fault(f"they have none: {_list_kinds(origins)}", remedy)
            return
        shape = _describe(groups[0][0])
        for group in groups[1:]:
            titles = ", ".join(origin.title for origin in group)
            where = next((origin.where for origin in group if origin.where), None)
            yield Fault(f"{titles}: {_describe(group[0])}; most errors: {shape}", remedy, where)
        pages = [one for one in origins if one.is_page and one.title not in _CAUSED_IN_1]
        if pages:
            where = next((origin.where for origin in pages if origin.where), None)
            yield Fault(f"{_list_kinds(pages)}; most errors: {shape}", remedy, where)
        self.seen = f"{shape} for {len(groups[0])} errors of HTTP, validation and code"

    def _cause_http_errors(self, subject: Subject) -> Iterator[Origin]:
        framework = subject.framework
        if not framework.has_route(PREFIX + _UNKNOWN):
            for title, code, answer in (
                ("unknown URL", 404, subject.request(_UNKNOWN)),
                ("wrong method", 405, subject.request(_GET_ONLY, "DELETE")),
            ):
                if answer.status_code == code:
                    yield _make_origin(subject, title, answer, code)
        for scope in ("", *framework.get_scopes()):
            for code in _STATUSES:
                fail = partial(framework.abort, code, f"the doctor asks for a {code}")
                response = self._views.cause(subject, fail, scope)
                if response is not None:
                    title = f"abort({code})" + (f" in the blueprint {scope}" if scope else "")
                    yield _make_origin(subject, title, response, code, scope)

    def _cause_exceptions(self, subject: Subject) -> Iterator[Origin]:
        """Yield those of validation, of the business, and an unexpected one."""
        framework = subject.framework
        exceptions: list[tuple[str, str, type[Exception]]] = [
            *_iter_validation_errors(),
            *((cls.__name__, scope, cls) for scope, cls in framework.get_handled_exceptions()),
            ("RuntimeError", "", RuntimeError),
        ]
        for title, scope, cls in exceptions:
            with suppress(CannotMakeError):
                error = make_exception(cls)
                response = self._views.cause_error(subject, error, scope)
                if response is not None:
                    yield _make_origin(subject, title, response, error, scope)


def _make_origin(
    subject: Subject, title: str, response: Response, error: Exception | int, scope: str = ""
) -> Origin:
    handler = subject.framework.find_error_handler(error, scope)
    return Origin(title, response, None if handler is None else find_place(handler))


def _iter_validation_errors() -> Iterator[tuple[str, str, type[Exception]]]:
    """Yield the exceptions of the libraries that the app validates with."""
    for package in ("marshmallow", "pydantic"):
        is_used = has_own_line(rf"^\s*(?:from|import)\s+{package}\b")
        if is_used and package in sys.modules:
            yield f"ValidationError of {package}", "", sys.modules[package].ValidationError


def _describe(origin: Origin) -> str:
    response = origin.response
    return str(Shape.of_response(response)) if response.is_json else response.describe()


def _list_kinds(origins: list[Origin]) -> str:
    """Return what the responses are, each kind with its origins."""
    kinds: dict[str, list[str]] = {}
    for origin in origins:
        response = origin.response
        kind = _describe(origin)
        if response.error is None and not response.is_json:
            kind = response.media_type or "no body"
        kinds.setdefault(kind, []).append(origin.title)
    return "; ".join(f"{kind} for {', '.join(titles)}" for kind, titles in kinds.items())


def _group(origins: Iterator[Origin]) -> list[list[Origin]]:
    """Return the origins by their shapes, the most frequent one first."""
    groups: list[list[Origin]] = []
    for origin in origins:
        shape = Shape.of_response(origin.response)
        for group in groups:
            if shape.is_like(Shape.of_response(group[0].response)):
                group.append(origin)
                break
        else:
            groups.append([origin])
    return sorted(groups, key=len, reverse=True)
