"""Question 2: are debug mode, the debugger and the reloader off?"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.app.error_handlers import has_handler
from wsgi_observe.doctor.app.subject import Subject
from wsgi_observe.doctor.own_code import find_line
from wsgi_observe.doctor.question import Faults
from wsgi_observe.problems import find_debugged_frameworks, has_debugger

_DEBUG_LINES = {
    "Flask": r"""\bDEBUG\b['"\]]*\s*[=:]\s*True|\.debug\s*=\s*True""",
    "Django": r"\bDEBUG\s*=[^=]",
    "Bottle": r"\bdebug\(",
}
_DEBUG_REMEDIES = {
    "Flask": "delete it; for development: flask --app ... run --debug",
    "Django": 'in the settings: DEBUG = os.environ.get("DEBUG") == "1"',
    "Bottle": 'bottle.debug(os.environ.get("DEBUG") == "1")',
}


def find_faults(subject: Subject) -> Faults:
    """Read the switches of the frameworks, of Werkzeug and of Gunicorn."""
    yield from _check_debug(subject.app)
    if has_debugger(subject.app):
        yield Fault(
            "the app is wrapped in Werkzeug's debugger: any client can run code on the server",
            "delete DebuggedApplication; for development: flask --app ... run --debug",
            find_line(r"\bDebuggedApplication\("),
        )
    if subject.gunicorn and subject.gunicorn.get("reload"):
        place = subject.find_setting("reload") or subject.options.config
        yield Fault("reload is on in Gunicorn", "delete it, or: reload = False", place)
    check_framework = _CHECKS.get(subject.framework.name)
    if check_framework is not None:
        yield from check_framework(subject.framework.app)
    return "none of them is on"


def _check_debug(app: object) -> Iterator[Fault]:
    for name in find_debugged_frameworks(app):
        variable = os.environ.get("FLASK_DEBUG", "") if name == "Flask" else ""
        if variable.lower() not in ("", "0", "false", "no"):
            yield Fault(f"FLASK_DEBUG={variable} in the environment", "unset FLASK_DEBUG")
            continue
        yield Fault(f"DEBUG is on in {name}", _DEBUG_REMEDIES[name], find_line(_DEBUG_LINES[name]))


def _check_flask(app: Any) -> Iterator[Fault]:
    """Yield the settings of Flask that keep errors from their handlers."""
    from werkzeug.exceptions import BadRequest, InternalServerError, NotFound

    config = app.config
    if config.get("TESTING"):
        yield Fault(
            "TESTING is on: exceptions go to the server, past the handlers for 500",
            'set it in tests only: app.config["TESTING"] = True',
            find_line(r"""\bTESTING\b['"\]]*\s*[=:]\s*True|\.testing\s*=\s*True"""),
        )
    elif config.get("PROPAGATE_EXCEPTIONS"):
        is_hidden = has_handler(app, InternalServerError()) and not has_handler(app, Exception())
        yield Fault(
            "PROPAGATE_EXCEPTIONS is on: exceptions go to the server, past after_request"
            + (" and the handler for 500" if is_hidden else ""),
            'app.config["PROPAGATE_EXCEPTIONS"] = None, which is the default',
            find_line(r"""\bPROPAGATE_EXCEPTIONS\b['"\]]*\s*[=:]"""),
            is_warning=not is_hidden,
        )
    for name, error, what in (
        ("TRAP_HTTP_EXCEPTIONS", NotFound(), "abort(404) and an unknown URL are"),
        ("TRAP_BAD_REQUEST_ERRORS", BadRequest(), "a malformed request is"),
    ):
        if config.get(name) and not has_handler(app, error):
            yield Fault(
                f"{name} is on: {what} answered with 500",
                f'app.config["{name}"] = False',
                find_line(rf"""\b{name}\b['"\]]*\s*[=:]"""),
            )


def _check_django(_app: Any) -> Iterator[Fault]:
    settings = sys.modules["django.conf"].settings
    if settings.DEBUG_PROPAGATE_EXCEPTIONS:
        yield Fault(
            "DEBUG_PROPAGATE_EXCEPTIONS is on: exceptions go to the server, past handler500",
            "DEBUG_PROPAGATE_EXCEPTIONS = False",
            find_line(r"^DEBUG_PROPAGATE_EXCEPTIONS\s*="),
        )


def _check_bottle(app: Any) -> Iterator[Fault]:
    if not app.catchall:
        yield Fault(
            "catchall is off in Bottle: exceptions go to the server, past the error handlers",
            "app = Bottle()",
            find_line(r"\bcatchall\s*=\s*False"),
            is_warning=True,
        )


def _check_pyramid(app: Any) -> Iterator[Fault]:
    """Yield the debug toolbar, whose interactive debugger runs code for its clients."""
    tweens: list[Any] = []
    with suppress(Exception):
        interfaces = sys.modules["pyramid.interfaces"]
        tweens = app.registry.queryUtility(interfaces.ITweens).implicit()
    if any("pyramid_debugtoolbar" in str(name) for name, _ in tweens):
        yield Fault(
            "pyramid_debugtoolbar is on: its debugger runs code for its clients",
            "delete pyramid_debugtoolbar from pyramid.includes in production's .ini",
            find_line(r"pyramid_debugtoolbar"),
        )


_CHECKS = {
    "flask": _check_flask,
    "django": _check_django,
    "bottle": _check_bottle,
    "pyramid": _check_pyramid,
}
