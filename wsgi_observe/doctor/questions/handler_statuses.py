"""Question 3: does each error handler return its status, and log what it answers with a 5xx?"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from wsgi_observe._loggers import ACCESS_LOGGER
from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.app.error_handlers import Call, ErrorHandler, find_error_handlers
from wsgi_observe.doctor.app.subject import Subject
from wsgi_observe.doctor.own_code import find_place, find_raiser, is_own
from wsgi_observe.doctor.question import Faults, NotApplicable
from wsgi_observe.doctor.recording.log_delivery import without_delivery
from wsgi_observe.doctor.trials.caused_errors import cause_error
from wsgi_observe.doctor.trials.exceptions import MESSAGE, CannotMakeError, make_exception
from wsgi_observe.doctor.trials.log_sources import uses_logging

_RETURN = "return the status too; without one Flask sends 200:\nreturn jsonify(...), {status}"
_RETURN_OWN = (
    "return HTTP errors with their own status: as the handler's first line\n"
    "if isinstance(error, HTTPException): return jsonify(code=error.code), error.code"
)
_RAISES = "correct the handler: for what it raises, Flask sends a 500 in place of its response"
_LOG = (
    'log it before the response is made: current_app.logger.exception("…")\n'
    "or have it logged: Observe(app)  # from wsgi_observe.flask import Observe, with its logging"
)
_MEND_HOOK = (
    "correct the function: for what it raises, Flask sends a 500 in place of any response, those\n"
    "of the error handlers too"
)
_MAY_REDIRECT = (400, 401, 403, 413, 422, 429)
"""To a login page, or back to the form: what sites for people do."""


def find_faults(subject: Subject) -> Faults:
    """Raise the error of each registered handler where it is registered."""
    if subject.framework.name != "flask":
        raise NotApplicable("only error handlers of Flask are tried")
    failure = _find_failure(subject)
    if failure is not None:
        yield failure  # which hides the status of each handler
        return ""
    handlers = find_error_handlers(subject.framework.app)
    untried: list[str] = []
    faults: dict[object, list[Fault]] = {}
    for handler in handlers:
        try:
            faults.setdefault(handler.function, []).extend(_try_handler(subject, handler))
        except CannotMakeError as reason:
            untried.append(f"{handler} ({reason})")
    # One fault for all that one function answers wrongly.
    for those in filter(None, faults.values()):
        worst = min(those, key=lambda fault: fault.is_warning)
        yield replace(worst, seen="; ".join(dict.fromkeys(fault.seen for fault in those)))
    for handler in handlers:
        if handler.exception_class is Exception:
            yield from _check_logged(subject, handler)
    if not handlers:
        return "there are no error handlers"
    if len(untried) == len(handlers):
        raise NotApplicable("no handler could be tried: " + "; ".join(untried))
    seen = f"{len(handlers) - len(untried)} tried"
    return f"{seen}; not tried: {', '.join(untried)}" if untried else seen


def _find_failure(subject: Subject) -> Fault | None:
    """Return the fault of an app that answers a request with 500 though its view does not fail.

    Not if it may be for want of a service, which the app has in production.
    """
    from flask import got_request_exception

    errors: list[BaseException] = []

    def note(sender: object, exception: BaseException, **_: object) -> None:
        errors.append(exception)

    subject.views.set_function(str)
    with got_request_exception.connected_to(note):
        response = subject.request(subject.views.get_path(subject.number))
    error = response.error or next(iter(errors), None)
    if error is None or (response.error is None and response.status_code != 500):
        return None
    is_of_python = type(error).__module__ == "builtins" and not isinstance(error, OSError)
    if subject.sandbox.denied or not is_of_python:
        return None
    text = f"{type(error).__name__}: {error}".partition("\n")[0]
    seen = f"a request whose view does not fail is answered with 500: {text}"
    return Fault(seen, _MEND_HOOK, find_raiser(error))


def _check_logged(subject: Subject, handler: ErrorHandler) -> Iterator[Fault]:
    """Yield a warning if an exception is answered with a 5xx, and nothing shows that it occurred.

    What is sent to Sentry, or printed, is not lost. Other libraries than `logging` may write to a
    file, which they are kept from.
    """
    sentry, mark = subject.sentry, subject.output.mark()
    with (
        without_delivery(subject.sandbox),
        subject.logging_watch.collect_records() as records,
        nullcontext(list[bytes]()) if sentry is None else sentry.capture() as events,
        handler.watch(subject.framework.app) as call,
    ):
        caused = list(cause_error(subject, "", RuntimeError(MESSAGE), handler.scope))
    is_logged = any(map(_is_of_failure, records)) or MESSAGE in subject.output.read(mark)
    if is_logged or any(MESSAGE.encode() in event for event in events):
        return
    for one in caused:
        if call.is_called and one.response.status_code >= 500 and uses_logging(subject):
            yield Fault(
                f"RuntimeError is answered with {one.response.status_code} by the handler for "
                f"{handler}, and no line has the exception",
                _LOG,
                find_place(handler.function),
                is_warning=True,
            )


def _is_of_failure(record: logging.LogRecord) -> bool:
    """Return whether a record has an exception, or is an error that the app reports in its way."""
    is_access_line = record.name == ACCESS_LOGGER
    return bool(record.exc_info) or (record.levelno >= logging.ERROR and not is_access_line)


def _try_handler(subject: Subject, handler: ErrorHandler) -> list[Fault]:
    """Return what is wrong with the responses of a handler.

    :raises CannotMakeError: if it has not been called, or fails with what was made up.
    """
    reason, is_tried = "for no error", False
    faults: list[Fault] = []
    for error, expected in _make_errors(handler):
        with handler.watch(subject.framework.app) as call:
            status = _get_status(subject, error, handler)
        if not call.is_called:
            reason = "it is not called"
        elif call.error not in (None, error) and not _is_mistake(call):
            reason = f"it raises {type(call.error).__name__}, perhaps for what is made up"
        else:
            is_tried = True
            faults += _compare(handler, error, expected, status, call.error)
    if not is_tried:
        raise CannotMakeError(reason)
    return faults


def _get_status(subject: Subject, error: Exception, handler: ErrorHandler) -> int:
    """Return the status of the response to an exception.

    Where no request comes to the view, since it demands a login, Flask is handed the exception.
    """
    for caused in cause_error(subject, "", error, handler.scope):
        return 500 if caused.response.error is not None else caused.response.status_code
    app = subject.framework.app
    with app.test_request_context(subject.views.get_path(subject.number, handler.scope)):
        try:
            return int(app.make_response(_handle(app, error)).status_code)
        except Exception:
            return 500


def _handle(app: Any, error: Exception) -> Any:
    try:
        raise error
    except Exception as raised:
        try:
            return app.handle_user_exception(raised)
        except Exception as unhandled:
            return app.handle_exception(unhandled)


def _make_errors(handler: ErrorHandler) -> Iterator[tuple[Exception, int | None]]:
    """Yield exceptions that the handler is for, and the statuses that they have.

    :raises CannotMakeError: if there are none.
    """
    from werkzeug import exceptions

    if handler.code == 500:
        yield RuntimeError(MESSAGE), 500
        yield exceptions.InternalServerError(), 500
    elif handler.exception_class is Exception:
        yield RuntimeError(MESSAGE), 500
        # Flask gives it those too that no handler for the code or for `HTTPException` takes.
        yield exceptions.NotFound(), 404
        yield exceptions.MethodNotAllowed(), 405
    elif handler.exception_class is exceptions.HTTPException:
        yield exceptions.NotFound(), 404
        yield exceptions.Conflict(), 409
        yield exceptions.ServiceUnavailable(), 503
    elif handler.code is None or handler.code >= 400:
        error = make_exception(handler.exception_class)
        yield error, handler.code or _find_status(error)


def _find_status(error: Exception) -> int | None:
    """Return the status that an exception of the app's own has as an attribute."""
    for name in ("status_code", "http_status"):
        status = getattr(error, name, None)
        if isinstance(status, int) and 400 <= status <= 599:
            return int(status)
    return None


def _is_mistake(call: Call) -> bool:
    """Return whether what a handler raised would be raised for any exception."""
    from jinja2 import TemplateError
    from werkzeug.exceptions import BadRequestKeyError, HTTPException
    from werkzeug.routing import BuildError

    mistakes = (HTTPException, BuildError, TemplateError, NameError, ImportError)
    # A key that a form lacks is the doctor's doing.
    is_mistake = isinstance(call.error, mistakes) and not isinstance(call.error, BadRequestKeyError)
    return is_mistake or call.is_signature_error


def _compare(
    handler: ErrorHandler,
    error: Exception,
    expected: int | None,
    status: int,
    raised: Exception | None,
) -> Iterator[Fault]:
    place = find_place(handler.function)
    what = str(handler)
    if handler.is_generic:
        what = f"{type(error).__name__}, handled by the handler for {what},"
    if raised is not None and raised is not error and getattr(raised, "code", 0) != expected:
        text = f"{type(raised).__name__}: {raised}".partition("\n")[0]
        yield Fault(f"the handler for {handler} raises {text}", _RAISES, place)
    elif not _is_right(status, expected):
        is_of_http = handler.is_generic and hasattr(error, "code")
        remedy = _RETURN_OWN if is_of_http else _RETURN.format(status=expected or 409)
        is_warning = 300 <= status < 400 or not is_own(handler.function)
        yield Fault(f"{what} is answered with {status}", remedy, place, is_warning)


def _is_right(status: int, expected: int | None) -> bool:
    if status < 300 or expected is None:
        return status >= 300
    if status < 400:
        return expected in _MAY_REDIRECT
    return status // 100 == expected // 100
