"""Every way to fail, in both formats, with `Observe` and with `observe` alone: one shape."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import pytest

from tests.calls import Server, environ
from tests.conftest import Log
from tests.flask.failing import SECRET, make_app
from wsgi_observe import observe
from wsgi_observe.flask import Observe

KEYS = {
    "envelope": ["code", "name", "description", "request_id"],
    "problem": ["type", "title", "status", "detail", "request_id"],
}
MEDIA_TYPES = {"envelope": "application/json", "problem": "application/problem+json"}
NEVER = ["secret-4242", "SELECT", "models.py", "Traceback", "PaymentError", "shop", "KeyError"]


class Failure(NamedTuple):
    path: str
    code: int
    raised: str | None = None
    """What the one ERROR line names; None: no such line."""
    method: str = "GET"
    more: dict[str, Any] = {}  # noqa: RUF012


def body(text: bytes, media_type: str) -> dict[str, Any]:
    length = str(len(text))
    return {"wsgi.input": io.BytesIO(text), "CONTENT_LENGTH": length, "CONTENT_TYPE": media_type}


FAILURES = [
    Failure("/view", 500, "PaymentError"),
    Failure("/key", 500, "KeyError"),
    Failure("/group", 500, "ExceptionGroup"),
    Failure("/recursion", 500, "RecursionError"),
    Failure("/memory", 500, "MemoryError"),
    Failure("/exit", 500, "SystemExit"),
    Failure("/unprintable", 500, "Unprintable"),
    Failure("/os-error", 500, "FileNotFoundError"),
    Failure("/chained", 500, "PaymentError"),
    Failure("/handled", 500, "PaymentError"),
    Failure("/async", 500, "PaymentError"),
    Failure("/before", 500, "PaymentError"),
    Failure("/after", 500, "PaymentError"),
    Failure("/teardown", 500, "PaymentError"),
    Failure("/stream", 500, "PaymentError"),
    Failure("/session", 500, "TypeError"),
    Failure("/none", 500, "TypeError"),
    Failure("/set", 500, "TypeError"),
    Failure("/tuple", 500, "TypeError"),
    Failure("/unjson", 500, "TypeError"),
    Failure("/template", 500, "UndefinedError"),
    Failure("/no-template", 500, "TemplateSyntaxError"),
    Failure("/convert/x", 500, "PaymentError"),
    Failure("/admin/crash", 500, "PaymentError"),
    Failure("/abort-500", 500),
    Failure("/convert/unfit", 404),
    Failure("/number/x", 404),
    Failure("/nowhere", 404),
    Failure("/admin/nowhere", 404),
    Failure("/described", 404),
    Failure("/chained-http", 404),
    Failure("/empty", 404),
    Failure("/abort-403", 403),
    Failure("/abort-410", 410),
    Failure("/admin/gone", 410),
    Failure("/unauthorized", 401),
    Failure("/slow-down", 429),
    Failure("/away", 503),
    Failure("/method", 405),
    Failure("/custom", 507),
    Failure("/odd", 499),
    Failure("/silent", 409),
    Failure("/args", 400),
    Failure("/view", 405, None, "POST"),
    Failure("/view", 405, None, "BREW"),
    Failure("/admin/gone", 405, None, "POST"),
    Failure("/form", 400, None, "POST"),
    Failure("/json", 400, None, "POST", body(b"{not", "application/json")),
    Failure("/json", 415, None, "POST", body(b"a=1", "text/plain")),
    Failure("/data", 413, None, "POST", body(b"x" * 11, "text/plain")),
    Failure("/described", 400, None, "GET", {"HTTP_HOST": "evil.example"}),
]
TWICE_FOR_FLASK = {"/after", "/session"}
"""What fails again for the answer to its failure, so that Flask itself logs two."""

IDS = [f"{f.method} {f.path} {f.code}" for f in FAILURES]


def with_observe(error_format: str) -> Any:
    app = make_app()
    Observe(app, error_format=error_format)
    return app


def with_the_stack_alone(error_format: str) -> Any:
    return observe(make_app().wsgi_app, error_format=error_format)


@pytest.mark.parametrize("error_format", ["envelope", "problem"])
@pytest.mark.parametrize("make", [with_observe, with_the_stack_alone])
class TestEachFailure:
    @pytest.fixture
    def answer_to(self, make: Any, error_format: str) -> Any:
        app = make(error_format)
        return lambda f: Server().serve(app, environ(f.path, f.method, **f.more))

    @pytest.mark.parametrize("failure", FAILURES, ids=IDS)
    def test_is_answered_in_the_one_shape(
        self, failure: Failure, answer_to: Any, make: Any, error_format: str, log: Log
    ) -> None:
        answer = answer_to(failure)
        assert answer.code == failure.code
        assert answer.headers["content-type"] == MEDIA_TYPES[error_format]
        assert answer.headers["content-length"] == str(len(answer.body))
        assert list(answer.json) == KEYS[error_format]
        assert answer.json.get("code", answer.json.get("status")) == failure.code
        assert answer.json["request_id"] == answer.request_id == log.access["request_id"]
        assert log.access["status_code"] == failure.code
        sent = f"{answer.starts} {answer.body.decode()}"
        assert [never for never in NEVER if never in sent] == []
        if failure.path in TWICE_FOR_FLASK and make is with_the_stack_alone:
            return
        assert [line["request_id"] for line in log.errors] == [answer.request_id] * (
            failure.code >= 500
        )
        if failure.raised:
            assert log.error["exc_type"] == failure.raised
            assert "Traceback" in log.error["exc_info"]
        elif failure.code >= 500:  # the app answers by itself: only the access line tells
            assert log.error == log.access

    def test_in_the_middle_of_a_stream_breaks_it_off(
        self, answer_to: Any, error_format: str, log: Log
    ) -> None:
        with pytest.raises(Exception, match="secret"):
            answer_to(Failure("/broken-stream", 200))
        assert log.error["exc_type"] == "PaymentError"
        assert log.access["outcome"] == "broken"

    def test_when_it_is_closed_leaves_one_line(
        self, answer_to: Any, error_format: str, log: Log
    ) -> None:
        with pytest.raises(Exception, match="secret"):
            answer_to(Failure("/close", 200))
        assert log.error["exc_type"] == "PaymentError"

    def test_of_a_head_has_no_body(self, answer_to: Any, error_format: str) -> None:
        for path in ("/view", "/described", "/nowhere"):
            assert answer_to(Failure(path, 0, method="HEAD")).body == b""


@pytest.mark.parametrize("path", ["/view", "/described", "/nowhere"])
class TestTheHeadersOfAHead:
    @pytest.mark.parametrize("error_format", MEDIA_TYPES)
    def test_are_the_documents_where_flask_makes_it(self, path: str, error_format: str) -> None:
        answer = Server().serve(with_observe(error_format), environ(path, "HEAD"))
        assert answer.headers["content-type"] == MEDIA_TYPES[error_format]

    def test_are_flasks_where_nobody_sees_whose_page_it_is(self, path: str) -> None:
        got = Server().serve(make_app(), environ(path))
        asked = Server().serve(with_the_stack_alone("envelope"), environ(path, "HEAD"))
        assert asked.headers.items() - got.headers.items() == {("x-request-id", asked.request_id)}


@pytest.mark.parametrize(
    ("path", "name", "description"),
    [
        ("/described", "Not Found", "No such order"),
        ("/abort-410", "Gone", "It was sold."),
        ("/nowhere", "Not Found", "The requested resource was not found."),
        ("/args", "Bad Request", "The request could not be understood."),
        ("/custom", "Insufficient Storage", "The shelf is full."),
        ("/odd", "Client Error", "The client has left."),
        ("/silent", "Conflict", "The request conflicts with the state of the resource."),
        ("/view", "Internal Server Error", "An unexpected error occurred."),
    ],
)
def test_observe_tells_the_exceptions_own_description(
    path: str, name: str, description: str
) -> None:
    answer = Server().serve(with_observe("envelope"), environ(path))
    assert (answer.json["name"], answer.json["description"]) == (name, description)


@pytest.mark.parametrize(
    ("path", "description"),
    [
        ("/described", "No such order"),
        ("/abort-410", "It was sold."),
        ("/custom", "The shelf is full."),
        ("/odd", "The client has left."),
        ("/nowhere", "The requested resource was not found."),
        ("/args", "The request could not be understood."),
        ("/view", "An unexpected error occurred."),
    ],
)
def test_the_stack_alone_finds_the_same_description_in_flasks_page(
    path: str, description: str
) -> None:
    answer = Server().serve(with_the_stack_alone("envelope"), environ(path))
    assert answer.json["description"] == description


@pytest.mark.parametrize(
    ("path", "header", "value"),
    [
        ("/method", "allow", "PUT"),
        ("/slow-down", "retry-after", "7"),
        ("/away", "retry-after", "7"),
    ],
)
@pytest.mark.parametrize("make", [with_observe, with_the_stack_alone])
def test_the_headers_of_the_error_stay(path: str, header: str, value: str, make: Any) -> None:
    assert Server().serve(make("envelope"), environ(path)).headers[header] == value


def test_the_router_redirects_as_ever() -> None:
    answer = Server().serve(with_observe("envelope"), environ("/slashed"))
    assert (answer.code, answer.headers["location"]) == (308, "http://127.0.0.1/slashed/")


def test_the_secret_is_one_that_would_be_found() -> None:
    assert any(never in SECRET for never in NEVER)
