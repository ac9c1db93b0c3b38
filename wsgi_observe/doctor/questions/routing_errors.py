"""Question 4: does a handler of the app see routing errors, which those of blueprints never see?"""

from __future__ import annotations

from os.path import commonpath

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.app.error_handlers import ErrorHandler, find_error_handlers, has_handler
from wsgi_observe.doctor.app.subject import UNKNOWN_PATH, Subject
from wsgi_observe.doctor.app.views import PREFIX
from wsgi_observe.doctor.own_code import find_place
from wsgi_observe.doctor.question import Faults, NotApplicable
from wsgi_observe.doctor.trials.caused_errors import CausedError, cause_routing_errors

_REMEDY = (
    "register it for the app: in the blueprint's file @{scope}.app_errorhandler({code}),\n"
    "or app.register_error_handler({code}, ...)"
)
_REMEDY_NONE = (
    "Observe(app)  # from wsgi_observe.flask import Observe; or a handler of your own:\n"
    "app.register_error_handler(HTTPException, lambda error: ({'code': error.code}, error.code))"
)


def find_faults(subject: Subject) -> Faults:
    """Look where handlers for 404 and 405 are registered, and request what no route matches."""
    if subject.framework.name != "flask":
        raise NotApplicable("blueprints are Flask's")
    from werkzeug.exceptions import default_exceptions

    app = subject.framework.app
    errors = dict(cause_routing_errors(subject))
    if not errors:
        raise NotApplicable("a catch-all route matches every URL")
    missing = {code for code in errors if not has_handler(app, default_exceptions[code]())}
    handlers = [
        handler
        for handler in find_error_handlers(app)
        if handler.scope and handler.code in missing and not _has_catch_all(subject, handler)
    ]
    for handler in handlers:
        error = errors[handler.code or 0]
        if handler.code == error.response.status_code:
            yield _make_fault(handler, error)
    unknown = errors[404].response
    if 404 in missing and not handlers and unknown.status_code == 404 and not unknown.is_json:
        seen = f"unknown URL: {unknown.describe()}; the app has no handler for it"
        yield Fault(seen, _REMEDY_NONE)
    if 404 in missing:
        return f"unknown URL: {unknown.describe()}, without a handler of the app"
    handled = " and ".join(str(code) for code in errors if code not in missing)
    return f"the app has handlers for {handled}"


def _has_catch_all(subject: Subject, handler: ErrorHandler) -> bool:
    """Return whether the blueprint has a route for all URLs below it, as Flask's docs advise."""
    folders = [
        rule.rule.partition("<")[0].rpartition("/")[0] or "/"
        for rule in subject.framework.app.url_map.iter_rules()
        if f"{rule.endpoint}.".startswith(f"{handler.scope}.") and PREFIX not in rule.rule
    ]
    prefix = commonpath(folders).rstrip("/") if folders else ""
    return subject.framework.has_route(prefix + UNKNOWN_PATH)


def _make_fault(handler: ErrorHandler, error: CausedError) -> Fault:
    return Fault(
        f"only the blueprint {handler.scope} handles {handler.code}, and Flask never asks it for "
        f"a routing error; {error.title}: {error.response.describe()}",
        _REMEDY.format(scope=handler.scope.rpartition(".")[2], code=handler.code),
        find_place(handler.function),
        is_warning=error.response.is_json,  # what is round the app answers
    )
