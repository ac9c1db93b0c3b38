"""Question 6: does the client get a word of an exception, a query or a path?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.app.client import Response
from wsgi_observe.doctor.app.subject import Subject
from wsgi_observe.doctor.question import Faults, NotApplicable
from wsgi_observe.doctor.remedies import OBSERVE, OBSERVE_ANYWHERE
from wsgi_observe.doctor.trials.caused_errors import cause_error
from wsgi_observe.doctor.trials.exceptions import make_handled_exceptions
from wsgi_observe.problems import find_debugged_frameworks

_CANARY = "canary7f3a91"
_TRACEBACK = "Traceback (most recent call last)"
_MEDIA_TYPES = ("application/json", "text/html")
_HANDLER_REMEDY = (
    "app.logger.exception('...'); return {'code': 500, 'description': 'Please try again.'}, 500\n"
)
_OR_REMOVE = "or remove the handler: the envelope shows no exception"
_OBSERVED_REMEDY = f"log the exception, and put no text of it into the response\n{_OR_REMOVE}"
_FLASK_REMEDY = f"{_HANDLER_REMEDY}or leave it to: {OBSERVE}"
_DEBUG_REMEDY = "switch DEBUG off, which question 2 is about"


def find_faults(subject: Subject) -> Faults:
    """Raise exceptions with a word that must not come out, and look for it in the responses."""
    if not subject.framework.has_views:
        raise NotApplicable("the error handling of this app cannot be reached")
    leaks: dict[str | None, dict[str, dict[str, None]]] = {}  # by places of handlers
    tried: dict[str, None] = {}
    for scope, title, error in _iter_errors(subject):
        caused = [
            one
            for media_type in _MEDIA_TYPES
            for one in cause_error(subject, title, error, scope, headers={"Accept": media_type})
        ]
        tried |= {one.title: None for one in caused}
        for one in caused:
            if leak := _find_leak(one.response):
                leaks.setdefault(one.where, {}).setdefault(leak, {})[title] = None
                break
    if not tried:
        raise NotApplicable("no view of the doctor is reached")
    for place, titles in leaks.items():
        seen = "; ".join(f"{', '.join(those)}: {leak}" for leak, those in titles.items())
        yield Fault(seen, _get_remedy(subject), place)
    return f"nothing of: {', '.join(tried)}"


def _get_remedy(subject: Subject) -> str:
    if find_debugged_frameworks(subject.app):
        return _DEBUG_REMEDY
    if subject.framework.name == "flask":
        return f"{_HANDLER_REMEDY}{_OR_REMOVE}" if subject.has_envelope else _FLASK_REMEDY
    return _OBSERVED_REMEDY if subject.has_envelope else OBSERVE_ANYWHERE


def _iter_errors(subject: Subject) -> Iterator[tuple[str, str, Exception]]:
    """Yield exceptions for the app and its blueprints, each with its scope and a title."""
    for scope in ("", *subject.framework.get_scopes()):
        for title, error in _make_errors():
            yield scope, title, error
    for scope, error in make_handled_exceptions(subject.framework):
        error.__cause__ = LookupError(f"no {_CANARY}")
        yield scope, f"cause of {type(error).__name__}", error


def _make_errors() -> Iterator[tuple[str, Exception]]:
    """Yield exceptions that have the canary somewhere, each with a title."""
    yield "text of a RuntimeError", RuntimeError(f"no {_CANARY}")
    yield "text of a ValueError", ValueError(f"invalid {_CANARY}")
    yield "text of a KeyError", KeyError(_CANARY)
    chained = RuntimeError("no order")
    chained.__cause__ = LookupError(f"no {_CANARY}")
    yield "cause of an exception", chained
    path = f"/srv/{_CANARY}/orders.csv"
    yield "path of a file", FileNotFoundError(2, "No such file or directory", path)
    yield "error of a database", _make_database_error()


def _make_database_error() -> Exception:
    """Return an error as a database's driver raises it, or SQLAlchemy if the app uses that."""
    from sqlite3 import IntegrityError

    driver_error = IntegrityError(f"UNIQUE constraint failed: customers.{_CANARY}")
    alchemy: Any = sys.modules.get("sqlalchemy.exc")
    if alchemy is None:
        return driver_error
    error: Exception = alchemy.IntegrityError(
        "INSERT INTO customers (email) VALUES (?)", (_CANARY,), driver_error
    )
    return error


def _find_leak(response: Response) -> str:
    """Return where a response has something of the exception; an empty text for nowhere."""
    place = f"the {response.status_code} response ({response.media_type})"
    body = response.body.decode("utf-8", "replace")
    if _TRACEBACK in body:
        return f"the traceback is in the body of {place}"
    if _CANARY in body:
        return f"in the body of {place}"
    for name, value in response.headers:
        if _CANARY in value:
            return f"in the header {name} of {place}"
    return ""
