"""ErrorEnvelope: an app that fails is answered in one shape, and logged once."""

import functools
import logging
from types import MappingProxyType
from typing import Any

import pytest
from flask import Flask, abort

from tests.calls import Server, answering, call, call_freely, environ, raising
from tests.conftest import Log, raising_handler
from wsgi_observe import ErrorEnvelope, RequestID, observe
from wsgi_observe.context import current_request_id

KEYS = ["code", "name", "description", "request_id"]


def test_without_a_request_id_above_it_the_envelope_has_none(log: Log) -> None:
    answer = call(ErrorEnvelope(raising(ValueError())))
    assert answer.json["request_id"] is None
    assert "x-request-id" not in answer.headers
    assert len(log.errors) == 1


def test_the_keys_are_the_four_in_their_order() -> None:
    assert list(call(observe(raising(ValueError()))).json) == KEYS


def test_the_length_is_that_of_the_document() -> None:
    answer = call(observe(raising(ValueError())))
    assert answer.headers["content-length"] == str(len(answer.body))


def test_problem_details_are_the_same_facts_in_their_own_media_type() -> None:
    answer = call(observe(raising(ValueError()), error_format="problem"))
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "An unexpected error occurred.",
        "request_id": answer.request_id,
    }


def test_the_error_line_names_the_request(log: Log) -> None:
    answer = call(observe(raising(ValueError("x"))), "/orders", "DELETE")
    line = log.error
    assert line["message"] == "DELETE /orders failed"
    assert line["logger"] == "wsgi_observe.errors"
    assert line["exc_info"].endswith("ValueError: x")
    assert (line["request_id"], line["path"]) == (answer.request_id, "/orders")


def test_of_a_success_that_fails_only_cors_and_vary_stay() -> None:
    def app(environ, start_response):
        headers = [
            ("Content-Type", "text/html"),
            ("Content-Length", "9"),
            ("ETag", '"x"'),
            ("Set-Cookie", "session=1"),
            ("Cache-Control", "public"),
            ("Access-Control-Allow-Origin", "*"),
            ("Vary", "Origin"),
        ]
        start_response("200 OK", headers)
        raise ValueError

    answer = call(observe(app))
    assert set(answer.headers) == {
        "access-control-allow-origin",
        "access-control-expose-headers",  # which names ours
        "vary",
        "content-type",
        "content-length",
        "x-request-id",
    }
    assert answer.headers["content-type"] == "application/json"


class TestAHandlerThatRaises:
    @pytest.fixture(autouse=True)
    def _raising_handler(self):
        with raising_handler("wsgi_observe.errors"):
            yield

    def test_does_not_keep_the_client_from_the_envelope(self, log: Log) -> None:
        answer = call(observe(raising(ValueError("first"))))
        assert answer.json["request_id"] == answer.request_id
        assert log.access["status_code"] == 500

    def test_does_not_hide_what_broke_a_stream_off(self, log: Log) -> None:
        def app(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            yield b"half"
            raise ValueError("the app's")

        with pytest.raises(ValueError, match="the app's"):
            Server().serve(observe(app), environ())
        assert log.access["outcome"] == "broken"


def test_a_failure_of_every_handler_leaves_no_context(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with raising_handler():
        assert call(observe(raising(ValueError()))).code == 500
        assert call(observe(answering())).code == 200
    assert current_request_id() is None


class TestPropagate:
    @pytest.mark.parametrize(
        "propagate",
        [
            pytest.param(True, id="True"),
            pytest.param(lambda: True, id="a callable"),
            pytest.param(lambda: "yes", id="a callable that gives something true"),
            pytest.param(lambda error: isinstance(error, KeyError), id="of the exception"),
            pytest.param(lambda error=None: error is not None, id="of the exception, optionally"),
            pytest.param(functools.partial(lambda answer: answer, True), id="a partial"),
            pytest.param(lambda *errors: bool(errors), id="of anything"),
        ],
    )
    def test_raises_on_after_the_access_line(self, propagate, log: Log) -> None:
        error = KeyError("x")
        server = Server()
        with pytest.raises(KeyError) as raised:
            server.serve(observe(raising(error), propagate=propagate), environ())
        assert raised.value is error
        assert server.starts == []
        assert (log.access["exc_type"], log.access["status_code"]) == ("KeyError", 0)
        assert log.errors == []

    @pytest.mark.parametrize(
        "propagate",
        [
            pytest.param(False, id="False"),
            pytest.param(lambda: False, id="a callable"),
            pytest.param(lambda: None, id="a callable that gives nothing"),
            pytest.param(lambda error: isinstance(error, OSError), id="of another exception"),
        ],
    )
    def test_answers_otherwise(self, propagate) -> None:
        assert call(observe(raising(KeyError()), propagate=propagate)).code == 500

    def test_asks_each_time(self) -> None:
        answers = iter([True, False])
        app = observe(raising(KeyError()), propagate=lambda: next(answers))
        with pytest.raises(KeyError):
            call_freely(app)
        assert call(app).code == 500

    def test_takes_a_callable_that_has_no_signature(self) -> None:
        assert call(observe(raising(KeyError()), propagate=dict)).code == 500

    @pytest.mark.parametrize("error", [ZeroDivisionError(), SystemExit(1)], ids=repr)
    def test_that_fails_itself_answers(self, error, log: Log) -> None:
        def failing() -> bool:
            raise error

        answer = call(observe(raising(KeyError()), propagate=failing))
        assert (answer.code, log.error["exc_type"]) == (500, "KeyError")
        assert log.access["status_code"] == 500


class TestRenderError:
    def test_makes_a_companys_own_shape(self) -> None:
        def render(error):
            return {"error": {"status": error.code, "id": error.request_id, "is": error.name}}

        answer = call(observe(answering("404 Gone", body=()), render_error=render))
        assert answer.json == {"error": {"status": 404, "id": answer.request_id, "is": "Not Found"}}
        assert answer.headers["content-type"] == "application/json"

    @pytest.mark.parametrize(
        "returned",
        [
            pytest.param(None, id="None"),
            pytest.param([1], id="a list"),
            pytest.param("text", id="a text"),
            pytest.param(b"bytes", id="bytes"),
            pytest.param(5, id="a number"),
            pytest.param({"a": object()}, id="what JSON cannot say"),
            pytest.param({"a": float("nan")}, id="NaN"),
            pytest.param({"a": "\ud800"}, id="a lone surrogate"),
            pytest.param({(1, 2): 3}, id="a key that is a tuple"),
        ],
    )
    def test_that_returns_nonsense_falls_back_to_ours(self, returned, log: Log) -> None:
        answer = call(observe(raising(ValueError()), render_error=lambda error: returned))
        assert list(answer.json) == KEYS
        assert len(log.warnings) == 1

    @pytest.mark.parametrize(
        "error", [KeyError("secret"), SystemExit(1), RecursionError()], ids=repr
    )
    def test_that_raises_falls_back_to_ours_and_says_so_once(self, error, log: Log) -> None:
        def failing(_error):
            raise error

        app = observe(raising(ValueError()), render_error=failing)
        for _ in range(3):
            answer = call(app)
            assert list(answer.json) == KEYS
        assert b"secret" not in answer.body
        assert len(log.warnings) == 1

    def test_never_sees_the_exception(self) -> None:
        seen = []
        call(observe(raising(ValueError("secret")), render_error=lambda e: seen.append(e) or {}))
        assert "secret" not in repr(seen)

    def test_may_return_any_mapping(self) -> None:
        def render(error):
            return MappingProxyType({"code": error.code})

        assert call(observe(raising(ValueError()), render_error=render)).json == {"code": 500}


class TestFlask:
    @pytest.fixture
    def app(self) -> Flask:
        app = Flask("shop")

        @app.get("/missing")
        def missing():
            abort(404)

        @app.get("/crash")
        def crash():
            raise ValueError("secret")

        return app

    @pytest.mark.parametrize(
        ("path", "method", "status"),
        [
            ("/missing", "GET", 404),
            ("/unknown", "GET", 404),
            ("/missing", "POST", 405),
            ("/crash", "GET", 500),
        ],
    )
    def test_its_stock_pages_become_the_envelope(self, app, path, method, status) -> None:
        answer = call(observe(app.wsgi_app), path, method)
        assert answer.code == status
        assert list(answer.json) == KEYS
        assert b"secret" not in answer.body

    def test_the_header_that_belongs_to_a_405_stays(self, app: Flask) -> None:
        allowed = call(observe(app.wsgi_app), "/missing", "POST").headers["allow"]
        assert set(allowed.split(", ")) == {"GET", "HEAD", "OPTIONS"}

    def test_its_own_error_line_has_the_id(self, app: Flask, log: Log) -> None:
        answer = call(observe(app.wsgi_app), "/crash")
        assert log.error["logger"] == "shop"
        assert log.error["request_id"] == answer.request_id

    def test_what_escapes_it_is_caught(self, app: Flask, log: Log) -> None:
        @app.teardown_request
        def fail(_error):
            raise KeyError("in a teardown")

        answer = call(observe(app.wsgi_app), "/missing")
        assert answer.code == 500
        assert log.error["exc_type"] == "KeyError"


def test_nested_envelopes_answer_once(log: Log) -> None:
    app = RequestID(ErrorEnvelope(ErrorEnvelope(raising(ValueError()))))
    assert call(app).code == 500
    assert len(log.errors) == 1


class TestAnExceptionThatTheAppLogsItself:
    @staticmethod
    def app(logger: str, times: int = 1, **options: Any) -> Any:
        def app(environ: Any, start_response: Any) -> Any:
            try:
                raise KeyError("order")
            except KeyError:
                for _ in range(times):
                    logging.getLogger(logger).error("no order", exc_info=True, **options)
                raise

        return observe(app)

    def test_is_one_error_with_one_traceback_though_it_is_raised_again(self, log: Log) -> None:
        assert call(self.app("shop"), "/orders").code == 500
        assert (log.error["message"], log.error["logger"]) == ("no order", "shop")
        assert log.access["level"] == "INFO"
        assert log.access["exc_type"] == "KeyError"

    def test_is_one_error_though_it_is_logged_twice(self, log: Log) -> None:
        call(self.app("shop", times=2), "/orders")
        assert log.error["message"] == "no order"
        assert [line["level"] for line in log.of("shop")] == ["ERROR", "INFO"]
        assert "exc_info" not in log.of("shop")[1]

    def test_is_an_error_of_each_handler(self, log: Log) -> None:
        other = Log()
        logging.getLogger("shop").addHandler(other)
        try:
            call(self.app("shop"), "/orders")
        finally:
            logging.getLogger("shop").removeHandler(other)
        assert log.error["exc_info"] == other.error["exc_info"]

    def test_is_our_error_too_where_the_apps_was_none(self, log: Log) -> None:
        def app(environ: Any, start_response: Any) -> Any:
            try:
                raise KeyError("order")
            except KeyError:
                logging.getLogger("shop").warning("no order", exc_info=True)
                raise

        call(observe(app), "/orders")
        assert log.error["logger"] == "wsgi_observe.errors"

    def test_is_an_error_again_in_another_request(self, log: Log) -> None:
        error = KeyError("order")

        def app(environ: Any, start_response: Any) -> Any:
            try:
                raise error
            except KeyError:
                logging.getLogger("shop").exception("no order")
                raise

        call(observe(app), "/one")
        call(observe(app), "/two")
        assert [line["path"] for line in log.errors] == ["/one", "/two"]


def test_a_servers_report_as_text_is_no_second_error(log: Log) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        logging.getLogger("shop").error("failed")
        logging.getLogger("_granian.utils").error("Application callable raised an exception\n…")
        logging.getLogger("shop").error("failed again")  # the app may say what it likes
        start_response("500 Oops", [])
        return []

    call_freely(observe(app))
    assert [line["message"] for line in log.errors] == ["failed", "failed again"]


@pytest.mark.parametrize(
    "options", [{"middlewares": ("request_id", "access_log")}, {"propagate": True}]
)
def test_a_server_that_logs_the_exception_does_so_under_the_requests_id(
    options: dict[str, Any], log: Log
) -> None:
    with pytest.raises(KeyError) as raised:
        call_freely(observe(raising(KeyError("order")), **options), HTTP_X_REQUEST_ID="mine")
    logging.getLogger("gunicorn.error").error("Error handling request", exc_info=raised.value)
    assert (log.error["request_id"], log.error["exc_type"]) == ("mine", "KeyError")


def test_colours_are_left_out_of_a_message(log: Log) -> None:
    logging.getLogger("werkzeug").info('"\x1b[33mGET /x HTTP/1.1\x1b[0m" 404 -')
    (line,) = log.lines
    assert line["message"] == '"GET /x HTTP/1.1" 404 -'
