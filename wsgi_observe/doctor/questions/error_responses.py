"""Question 1: is every error JSON, whatever fails?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.client import Response
from wsgi_observe.doctor.failing_views import FailingViews
from wsgi_observe.doctor.own_code import find_place
from wsgi_observe.doctor.questions.question import NotApplicable, Question
from wsgi_observe.doctor.subject import PREFIX, Subject, ViewRegistry

_UNKNOWN = "nothing-is-here"
_GET_ONLY = "errors/get-only"
_TEARDOWN = "errors/teardown"
_MALFORMED_JSON = b'{"quantity": '
_HALF = b"half a document"
_LARGE_BODY = b"x" * 3_000_000  # Django's limit is 2.5 MB
_STREAM = "exception before the first chunk of a stream"
_TORN_DOWN = "exception in a teardown"
_BEYOND_HANDLERS = (_STREAM, _TORN_DOWN)
_MID_STREAM = "an exception in mid-stream"


class EveryErrorIsJson(Question):
    """Causes each kind of error, and looks at the media type of its response."""

    number = 1
    name = "every error is JSON"

    def prepare(self, views: ViewRegistry) -> None:
        """Add views that fail, each in its way."""
        self._has_torn_down = False
        self._views = FailingViews(views, "errors/any")
        views.add(_GET_ONLY, lambda: "ok")
        if views.framework.name == "flask":
            views.add(_TEARDOWN, lambda: "ok")
            self._add_teardown(views.framework.app)

    def ask(self, subject: Subject) -> Iterator[Fault]:
        """Yield one fault for all errors that are not JSON, and one for a stream."""
        responses = dict(self._cause(subject))
        if not responses:
            raise NotApplicable("no error can be caused in this app")
        cut = responses.pop(_MID_STREAM, None)
        wrong = {
            title: response
            for title, response in responses.items()
            if not _is_right(response, subject.framework.name)
        }
        # Whether these can happen depends on the app's streams and teardowns.
        beyond = {title: wrong.pop(title) for title in _BEYOND_HANDLERS if title in wrong}
        if wrong:
            seen = _summarize(wrong)
            yield Fault(seen, subject.observe_remedy, _find_handler(subject, wrong))
        if beyond:
            seen = f"{_summarize(beyond)} (error handlers of most frameworks never see this)"
            yield Fault(seen, subject.observe_remedy, is_warning=True)
        if cut is not None and cut.error is None and cut.body == _HALF:
            yield Fault(
                f"{_MID_STREAM} is swallowed: the client takes half a body as whole",
                "let exceptions of a stream go to the server, which then breaks the connection",
            )
        self.seen = ", ".join(responses)

    def _cause(self, subject: Subject) -> Iterator[tuple[str, Response]]:
        """Yield the response to each error that could be caused."""
        if not subject.framework.has_route(PREFIX + _UNKNOWN):
            yield from _select("unknown URL", subject.request(_UNKNOWN))
            if subject.framework.has_views:
                yield from _select("wrong method", subject.request(_GET_ONLY, "DELETE"))
        if not subject.framework.has_views:
            return
        for title, fail, request in _iter_failures(subject):
            response = self._views.cause(subject, fail, **request)
            if response is not None:
                yield title, response
        if subject.framework.name == "flask":
            response = subject.request(_TEARDOWN)
            if self._has_torn_down:
                yield _TORN_DOWN, response

    def _add_teardown(self, app: Any) -> None:
        from flask import request

        def fail_in_teardown(error: BaseException | None) -> None:
            if request.path == PREFIX + _TEARDOWN:
                self._has_torn_down = True
                raise RuntimeError("the doctor's exception in a teardown")

        app.teardown_request_funcs.setdefault(None, []).append(fail_in_teardown)


def _iter_failures(
    subject: Subject,
) -> Iterator[tuple[str, Callable[[], object], dict[str, Any]]]:
    """Yield a title, what fails, and the request that it is for."""
    framework = subject.framework
    json = {"Content-Type": "application/json"}
    malformed = {"headers": json, "body": _MALFORMED_JSON}
    yield "malformed JSON", lambda: _discard(framework.read_json()), malformed
    yield (
        "oversized body",
        lambda: _discard(framework.read_body()),
        {"headers": json, "body": _LARGE_BODY},
    )
    yield "exception in a view", _crash, {}
    yield _STREAM, lambda: _stream(b""), {}
    yield _MID_STREAM, lambda: _stream(_HALF), {}


def _select(title: str, response: Response) -> Iterator[tuple[str, Response]]:
    """Yield a response that is an error; an app may redirect to a login page first."""
    if response.error is not None or response.status_code >= 400:
        yield title, response


def _summarize(responses: dict[str, Response]) -> str:
    """Return what came back, and for which errors: ``text/html for unknown URL (404)``."""
    failed: dict[str, list[str]] = {}
    titles: dict[str, list[str]] = {}
    for title, response in responses.items():
        if response.error is not None:
            failed.setdefault(response.describe(), []).append(title)
        else:
            kind = response.media_type or "nothing"
            if "json" in kind and not response.is_json:
                kind = f"{kind} that cannot be parsed"
            elif response.status_code < 400:
                kind = f"{kind} without an error's status"
            titles.setdefault(kind, []).append(f"{title} ({response.status_code})")
    texts = [f"{kind} for {', '.join(those)}" for kind, those in titles.items()]
    return "; ".join([*texts, *(f"{kind}: {', '.join(those)}" for kind, those in failed.items())])


def _is_right(response: Response, framework: str) -> bool:
    """Return whether the response to an error is JSON; or a redirect, which has no need to be.

    Whether the handlers of Flask return their status is another question.
    """
    if response.error is not None:
        return False
    if 300 <= response.status_code < 400:
        return True
    return response.is_json and (response.status_code >= 400 or framework == "flask")


def _find_handler(subject: Subject, wrong: dict[str, Response]) -> str | None:
    """Return the place of the app's own handler for the first of the errors that has one."""
    errors: dict[str, Exception | int] = {
        "unknown URL": 404,
        "wrong method": 405,
        "exception in a view": RuntimeError(),
    }
    for title in (title for title in errors if title in wrong):
        handler = subject.framework.find_error_handler(errors[title])
        if handler is not None:
            return find_place(handler)
    return None


def _discard(_value: object) -> str:
    return ""


def _crash() -> None:
    raise RuntimeError("the doctor's exception in a view")


def _stream(first: bytes) -> Iterator[bytes]:
    if first:
        yield first
    raise RuntimeError("the doctor's exception in a stream")
