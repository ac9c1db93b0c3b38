"""Question 1: is every error JSON, whatever fails?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.app.client import Response
from wsgi_observe.doctor.app.subject import Subject
from wsgi_observe.doctor.question import Faults, NotApplicable
from wsgi_observe.doctor.remedies import ANSWER_EXCEPTIONS, OBSERVE_ANYWHERE
from wsgi_observe.doctor.trials.caused_errors import (
    CausedError,
    cause_error,
    cause_failure,
    cause_routing_errors,
    join_by_kind,
)

_JSON = {"Content-Type": "application/json"}
_MALFORMED_JSON = b'{"quantity": '
_HALF = b"half a document"
_LARGE_BODY = b"x" * 3_000_000  # Django's limit is 2.5 MB
_STREAM = "exception before the first chunk of a stream"
_TORN_DOWN = "exception in a teardown"
_MID_STREAM = "an exception in mid-stream"

_STATUS_REMEDY = "return the error's status too, which is 200 unless the handler gives another"
_PAGE_REMEDY = (
    "return JSON from the app's own handler, or have its pages replaced:\n"
    'WSGI_OBSERVE_HTML_ERRORS=replace, or observe(…, html_errors="replace")'
)


def find_faults(subject: Subject) -> Faults:
    """Cause each kind of error, and look at the media type of its response."""
    errors = list(_cause_errors(subject))
    if not errors:
        raise NotApplicable("no error can be caused in this app")
    cut = [error for error in errors if error.title == _MID_STREAM]
    complete = [error for error in errors if error not in cut]
    wrong = [error for error in complete if not _is_right(error.response, subject)]
    # Whether these can happen depends on the app's streams and teardowns.
    beyond = [error for error in wrong if error.title in (_STREAM, _TORN_DOWN)]
    wrong = [error for error in wrong if error not in beyond]
    if wrong:
        where = next((error.where for error in wrong if error.where), None)
        yield Fault(_summarize(wrong), _get_remedy(subject, wrong), where)
    if beyond:
        seen = f"{_summarize(beyond)} (error handlers of most frameworks never see this)"
        yield Fault(seen, _get_remedy(subject, beyond), is_warning=True)
    for error in cut:
        if error.response.error is None and error.response.body == _HALF:
            yield Fault(
                f"{_MID_STREAM} is swallowed: the client takes half a body as whole",
                "let exceptions of a stream go to the server, which then breaks the connection",
            )
    return ", ".join(error.title for error in complete)


def _cause_errors(subject: Subject) -> Iterator[CausedError]:
    framework = subject.framework
    for _, error in cause_routing_errors(subject):
        # An app may redirect to a login page first.
        if error.response.error is not None or error.response.status_code >= 400:
            yield error
    for title, read, body in (
        ("malformed JSON", framework.read_json, _MALFORMED_JSON),
        ("oversized body", framework.read_body, _LARGE_BODY),
    ):
        yield from cause_failure(subject, title, read, headers=_JSON, body=body)
    crash = RuntimeError("the doctor's exception in a view")
    yield from cause_error(subject, "exception in a view", crash)
    for title, first in ((_STREAM, b""), (_MID_STREAM, _HALF)):
        yield from cause_failure(subject, title, partial(_stream, first))
    if framework.name == "flask":
        yield from _fail_in_teardown(subject)


def _stream(first: bytes) -> Iterator[bytes]:
    if first:
        yield first
    raise RuntimeError("the doctor's exception in a stream")


def _fail_in_teardown(subject: Subject) -> Iterator[CausedError]:
    teardowns = subject.framework.app.teardown_request_funcs.setdefault(None, [])
    torn_down = []

    def fail(error: BaseException | None) -> None:
        torn_down.append(error)
        raise RuntimeError("the doctor's exception in a teardown")

    teardowns.append(fail)
    subject.views.set_function(str)
    # Flask tears down requests too that are redirected to a login before they come to the view.
    response = subject.request(subject.views.get_path(subject.number))
    teardowns.remove(fail)
    if torn_down:
        yield CausedError(_TORN_DOWN, response)


def _summarize(errors: Iterable[CausedError]) -> str:
    """Return what came back, and for which errors: ``text/html for unknown URL (404)``."""
    kinds = []
    for error in sorted(errors, key=lambda one: one.response.error is not None):
        response = error.response
        if response.error is not None:
            kinds.append((f"{response.describe()}:", error.title))
            continue
        kind = response.media_type or "nothing"
        if "json" in kind and not response.is_json:
            kind = f"{kind} that cannot be parsed"
        elif response.status_code < 400:
            kind = f"{kind} without an error's status"
        kinds.append((f"{kind} for", f"{error.title} ({response.status_code})"))
    return join_by_kind(kinds)


def _get_remedy(subject: Subject, errors: Iterable[CausedError]) -> str:
    if not subject.has_envelope:
        return OBSERVE_ANYWHERE
    responses = [one.response for one in errors]
    if any(response.error is not None for response in responses):
        return ANSWER_EXCEPTIONS
    is_success = all(response.status_code < 300 for response in responses)
    return _STATUS_REMEDY if is_success else _PAGE_REMEDY


def _is_right(response: Response, subject: Subject) -> bool:
    """Return whether the response to an error is JSON; or a redirect, which has no need to be.

    Whether the handlers of Flask return their status is another question.
    """
    if response.error is not None:
        return False
    if 300 <= response.status_code < 400:
        return True
    has_status = response.status_code >= 400 or subject.framework.name == "flask"
    return response.is_json and has_status
