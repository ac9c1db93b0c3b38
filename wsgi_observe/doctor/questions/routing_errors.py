"""Question 4: does a handler of the app see routing errors, which those of blueprints never see?"""

from __future__ import annotations

from collections.abc import Iterator
from os.path import commonpath
from typing import Any

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.client import Response
from wsgi_observe.doctor.error_handlers import ErrorHandler, find_error_handlers
from wsgi_observe.doctor.own_code import find_place
from wsgi_observe.doctor.questions.question import NotApplicable, Question
from wsgi_observe.doctor.subject import PREFIX, Subject, ViewRegistry

_UNKNOWN = "routing/nothing-is-here"
_GET_ONLY = "routing/get-only"
_TITLES = {404: "unknown URL", 405: "wrong method"}
_REMEDY = (
    "register it for the app: in the blueprint's file @{scope}.app_errorhandler({code}),\n"
    "or app.register_error_handler({code}, ...)"
)
_REMEDY_NONE = (
    "Observe(app)  # from wsgi_observe.flask import Observe; or a handler of your own:\n"
    "app.register_error_handler(HTTPException, lambda error: ({'code': error.code}, error.code))"
)


class RoutingErrorsAreHandled(Question):
    """Looks where handlers for 404 and 405 are registered, and requests what no route matches."""

    number = 4
    name = "routing errors reach a handler of the app"

    def prepare(self, views: ViewRegistry) -> None:
        """Add a view that takes GET only."""
        views.add(_GET_ONLY, lambda: "ok")

    def ask(self, subject: Subject) -> Iterator[Fault]:
        """Yield a fault for each handler that is only on a blueprint, or one if there is none."""
        if subject.framework.name != "flask":
            raise NotApplicable("blueprints are Flask's")
        app = subject.framework.app
        if subject.framework.has_route(PREFIX + _UNKNOWN):
            raise NotApplicable("a catch-all route matches every URL")
        missing = {code for code in _TITLES if not _has_handler(app, code)}
        handlers = [
            handler
            for handler in find_error_handlers(app)
            if handler.scope and handler.code in missing and not _has_catch_all(subject, handler)
        ]
        for handler in handlers:
            response = _request(subject, handler.code or 0)
            if handler.code == response.status_code:
                yield _make_fault(handler, response)
        unknown = _request(subject, 404)
        if 404 in missing and not handlers and unknown.status_code == 404 and not unknown.is_json:
            seen = f"unknown URL: {unknown.describe()}; the app has no handler for it"
            yield Fault(seen, _REMEDY_NONE)
        handled = " and ".join(str(code) for code in _TITLES if code not in missing)
        self.seen = f"the app has handlers for {handled}"
        if 404 in missing:
            self.seen = f"unknown URL: {unknown.describe()}, without a handler of the app"


def _has_handler(app: Any, code: int) -> bool:
    """Return whether Flask has a handler for an error before the blueprint is known."""
    from werkzeug.exceptions import default_exceptions

    return app._find_error_handler(default_exceptions[code](), []) is not None


def _has_catch_all(subject: Subject, handler: ErrorHandler) -> bool:
    """Return whether the blueprint has a route for all URLs below it, as Flask's docs advise."""
    folders = [
        rule.rule.partition("<")[0].rpartition("/")[0] or "/"
        for rule in subject.framework.app.url_map.iter_rules()
        if f"{rule.endpoint}.".startswith(f"{handler.scope}.") and PREFIX not in rule.rule
    ]
    prefix = commonpath(folders).rstrip("/") if folders else ""
    return subject.framework.has_route(prefix + PREFIX + _UNKNOWN)


def _request(subject: Subject, code: int) -> Response:
    if code == 404:
        return subject.request(_UNKNOWN)
    return subject.request(_GET_ONLY, "DELETE")


def _make_fault(handler: ErrorHandler, response: Response) -> Fault:
    title = _TITLES[response.status_code]
    return Fault(
        f"only the blueprint {handler.scope} handles {handler.code}, and Flask never asks it for "
        f"a routing error; {title}: {response.describe()}",
        _REMEDY.format(scope=handler.scope.rpartition(".")[2], code=handler.code),
        find_place(handler.function),
        is_warning=response.is_json,  # what is round the app answers
    )
