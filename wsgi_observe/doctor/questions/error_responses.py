"""Question 1: is every error JSON, whatever fails?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.client import Response
from wsgi_observe.doctor.questions.question import NotApplicable, Question
from wsgi_observe.doctor.subject import PREFIX, Subject, ViewRegistry

_UNKNOWN = "nothing-is-here"
_REMEDY = (
    "gunicorn --logger-class wsgi_observe.gunicorn.Logger …, or in code:\n"
    "app.wsgi_app = observe(app.wsgi_app)  # from wsgi_observe import observe"
)
_MALFORMED_JSON = b'{"quantity": '
_LARGE_BODY = b"x" * 3_000_000  # Django's limit is 2.5 MB


class EveryErrorIsJson(Question):
    """Causes each kind of error, and looks at the media type of its response."""

    number = 1
    name = "every error is JSON"

    def prepare(self, views: ViewRegistry) -> None:
        """Add views that fail, each in its way."""
        self._called = set[str]()
        framework = views.framework
        views.add("errors/get-only", lambda: "ok")
        views.add("errors/json", self._mark("json", framework.read_json), "POST")
        views.add("errors/body", self._mark("body", framework.read_body), "POST")
        views.add("errors/crash", self._mark("crash", _crash))
        views.add("errors/stream", self._mark("stream", lambda: _stream(b"")))
        views.add("errors/cut", self._mark("cut", lambda: _stream(b"half a document")))
        if framework.name == "flask":
            self._add_teardown(framework.app)

    def ask(self, subject: Subject) -> Iterator[Fault]:
        """Yield one fault for all errors that are not JSON, and one for a stream."""
        responses = dict(self._cause(subject))
        if not responses:
            raise NotApplicable("no error can be caused in this app")
        cut = responses.pop("an exception in mid-stream", None)
        wrong = {
            name: response for name, response in responses.items() if not _is_json_error(response)
        }
        if wrong:
            seen = "; ".join(f"{name}: {one.describe()}" for name, one in wrong.items())
            yield Fault(seen, _REMEDY)
        if cut is not None and cut.error is None:
            yield Fault(
                "an exception in mid-stream is swallowed: the client takes half a body as whole",
                "let exceptions of a stream go to the server, which then breaks the connection",
            )
        self.seen = ", ".join(responses)

    def _cause(self, subject: Subject) -> Iterator[tuple[str, Response]]:
        if not subject.framework.has_route(PREFIX + _UNKNOWN):
            yield "unknown URL", subject.request(_UNKNOWN)
            if subject.framework.has_views:
                yield "wrong method", subject.request("errors/get-only", "DELETE")
        if not subject.framework.has_views:
            return
        json = {"Content-Type": "application/json"}
        for name, title, request in (
            ("json", "malformed JSON", {"headers": json, "body": _MALFORMED_JSON}),
            ("body", "oversized body", {"headers": json, "body": _LARGE_BODY}),
            ("crash", "exception in a view", {}),
            ("stream", "exception before the first chunk of a stream", {}),
            ("teardown", "exception in a teardown", {}),
            ("cut", "an exception in mid-stream", {}),
        ):
            method = "POST" if request else "GET"
            response = subject.request(f"errors/{name}", method, **request)
            if name in self._called:
                yield title, response

    def _mark(self, name: str, function: Any) -> Any:
        """Return a view that notes that it was reached, and that it has a way to fail."""

        def call() -> object:
            try:
                self._called.add(name)
                function_result = function()
            except NotImplementedError:
                self._called.discard(name)
                return "the framework has none"
            return function_result

        return call

    def _add_teardown(self, app: Any) -> None:
        from flask import request

        def fail_in_teardown(error: BaseException | None) -> None:
            if request.path == f"{PREFIX}errors/teardown":
                self._called.add("teardown")
                raise RuntimeError("the doctor's exception in a teardown")

        app.teardown_request_funcs.setdefault(None, []).append(fail_in_teardown)
        app.add_url_rule(f"{PREFIX}errors/teardown", "wsgi_observe_doctor:teardown", lambda: "ok")


def _is_json_error(response: Response) -> bool:
    return response.error is None and response.status_code >= 400 and response.is_json


def _crash() -> None:
    raise RuntimeError("the doctor's exception in a view")


def _stream(first: bytes) -> Iterable[bytes]:
    if first:
        yield first
    raise RuntimeError("the doctor's exception in a stream")
