"""AccessLog: one line for each request, when its response has ended, however it ended."""

import logging
import string
from functools import partial
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import (
    Closing,
    Server,
    answering,
    call,
    call_freely,
    close,
    doing,
    environ,
    raising,
)
from tests.conftest import Log, raising_handler
from wsgi_observe import (
    AccessLog,
    ErrorEnvelope,
    RequestID,
    bind,
    current_request_id,
    log_context,
    observe,
)
from wsgi_observe.field_names import LINE_NAMES
from wsgi_observe.flask import Observe
from wsgi_observe.health import HealthState

TEXT = [("Content-Type", "text/plain")]
ABSENT = {"trace_id", "span_id", "trace_flags", "exc_type", "exc_info", "error_id"}
FACTS = {"status_code", "duration_ms", "ttfb_ms", "response_bytes", "user_agent", "outcome"}


def test_the_line_names_its_request_and_tells_how_it_went(log: Log) -> None:
    answer = call(observe(answering()), "/orders", "POST", HTTP_USER_AGENT="curl/8")
    line = log.access
    assert line["message"] == "POST /orders 200"
    assert (line["logger"], line["level"], line["module"]) == (
        "wsgi_observe.access",
        "INFO",
        "access_log",
    )
    assert (line["method"], line["path"], line["remote_addr"]) == ("POST", "/orders", "127.0.0.1")
    assert (line["status_code"], line["response_bytes"], line["outcome"]) == (200, 5, "complete")
    assert (line["user_agent"], line["request_id"]) == ("curl/8", answer.request_id)
    assert 0 <= line["ttfb_ms"] <= line["duration_ms"]
    assert set(line) == (LINE_NAMES - ABSENT) | FACTS


def test_the_line_comes_when_the_body_is_closed_and_not_before(log: Log) -> None:
    body = observe(answering())(environ(), Server().start_response)
    list(body)
    assert log.lines == []
    close(body)
    assert log.access


def test_a_request_that_names_no_user_agent_has_none_on_its_line(log: Log) -> None:
    call(observe(answering()))
    assert "user_agent" not in log.access


@pytest.mark.parametrize("path", ["/health", "/ready"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_probe_writes_no_line(path: str, method: str, log: Log) -> None:
    call(observe(answering()), path, method)
    assert log.of("wsgi_observe.access") == []


@pytest.mark.parametrize("path", ["/healthz", "/health//", "/ready/x", "/HEALTH"])
def test_what_only_looks_like_a_probe_writes_its_line(path: str, log: Log) -> None:
    call(observe(answering()), path)
    assert log.access["path"] == path


def test_a_post_to_a_probes_path_writes_its_line(log: Log) -> None:
    call(observe(answering()), "/health", "POST")
    assert log.access["method"] == "POST"


def test_the_path_is_the_one_that_the_client_sees(log: Log) -> None:
    call(observe(answering()), "/orders", SCRIPT_NAME="/shop")
    assert log.access["path"] == "/shop/orders"


def test_the_query_string_is_not_on_the_line(log: Log) -> None:
    call(observe(answering()), QUERY_STRING="token=secret")
    assert "secret" not in log.texts[0]


def test_the_peer_is_read_when_the_line_is_written(log: Log) -> None:
    def behind_a_proxy(environ, start_response):
        environ["REMOTE_ADDR"] = "203.0.113.7"
        return answering()(environ, start_response)

    call(observe(behind_a_proxy))
    assert log.access["remote_addr"] == "203.0.113.7"


def test_the_line_can_be_switched_off(log: Log) -> None:
    assert call(observe(answering(), access_log=False)).code == 200
    assert log.lines == []


def test_a_level_above_info_silences_the_line(log: Log) -> None:
    logging.getLogger().setLevel(logging.WARNING)
    call(observe(answering()))
    assert log.lines == []


def test_alone_it_needs_no_request_id(log: Log) -> None:
    call(AccessLog(answering()))
    assert log.access["status_code"] == 200
    assert "request_id" not in log.access


@pytest.mark.parametrize("body", [[b"12345"], [b"123456", b"78901"], iter([b"", b"12"])])
def test_a_body_that_is_not_as_long_as_its_content_length_is_a_failure(body: Any, log: Log) -> None:
    call_freely(observe(answering(headers=[*TEXT, ("Content-Length", "10")], body=body)))
    line = log.access
    assert (line["level"], line["outcome"], line["status_code"]) == ("ERROR", "broken", 200)
    reason = f"Content-Length is 10, and the body has {line['response_bytes']} bytes"
    assert line["reason"] == reason
    assert "exc_type" not in line


@pytest.mark.parametrize(
    ("method", "status", "length", "body"),
    [
        ("GET", "200 OK", "5", [b"12", b"345"]),
        ("HEAD", "200 OK", "10", [b"12345"]),
        ("GET", "304 Not Modified", "10", [b"12345"]),
        ("GET", "200 OK", "10", []),  # a proxy sends the file in its place: X-Accel-Redirect
        ("GET", "200 OK", "9" * 5000, [b"12345"]),
        ("GET", "200 OK", "x", [b"12345"]),
    ],
)
def test_a_body_whose_length_is_right_or_not_to_be_judged_is_complete(
    method: str, status: str, length: str, body: list[bytes], log: Log
) -> None:
    app = answering(status, [*TEXT, ("Content-Length", length)], body=body)
    call_freely(observe(app), method=method)
    assert (log.access["level"], log.access["outcome"]) == ("INFO", "complete")


def test_the_reason_that_the_app_has_bound_stays_on_the_line_of_a_short_body(log: Log) -> None:
    def app(environ, start_response):
        bind(reason="the app's")
        return answering(headers=[*TEXT, ("Content-Length", "10")])(environ, start_response)

    call_freely(observe(app))
    assert (log.access["level"], log.access["reason"]) == ("ERROR", "the app's")


def test_a_handler_that_raises_costs_its_own_output_only(log: Log) -> None:
    with raising_handler("wsgi_observe.access"):
        answers = [call(observe(answering())) for _ in range(2)]
    assert [answer.body for answer in answers] == [b"hello", b"hello"]
    assert len(log.warnings) == 1


@given(
    st.text(st.characters(max_codepoint=255)),
    st.text(st.characters(max_codepoint=255)),
    st.text(st.characters(max_codepoint=255)),
)
def test_no_request_makes_two_lines_of_one(
    log: Log, path: str, method: str, user_agent: str
) -> None:
    log.clear()  # of the example before
    call_freely(observe(answering()), path, method, HTTP_USER_AGENT=user_agent)
    if path not in ("/health", "/ready") or method not in ("GET", "HEAD"):
        assert log.access["status_code"] == 200
        assert len(log.texts[0].splitlines()) == 1
        assert log.access["message"].isprintable()


@given(st.dictionaries(st.text(string.printable), st.text() | st.integers() | st.none()))
def test_whatever_is_bound_the_line_keeps_its_facts(log: Log, fields) -> None:
    app = doing(lambda: bind(**fields))
    log.clear()  # of the example before
    answer = call(observe(app), "/orders")
    line = log.access
    assert (line["status_code"], line["path"]) == (200, "/orders")
    assert line["request_id"] == answer.request_id


class TestTheLevel:
    @staticmethod
    def of(environ, status, seconds):
        assert seconds >= 0
        return {"/slow": logging.WARNING, "/quiet": None}.get(
            environ["PATH_INFO"], logging.ERROR if status >= 500 else logging.INFO
        )

    @pytest.mark.parametrize(
        ("path", "status", "level"),
        [
            ("/", "200 OK", "INFO"),
            ("/slow", "200 OK", "WARNING"),
            ("/", "503 Service Unavailable", "ERROR"),
        ],
    )
    def test_is_the_one_that_access_level_says(self, path, status, level, log: Log) -> None:
        call(observe(answering(status), access_level=self.of), path)
        assert log.access["level"] == level

    def test_none_is_silence(self, log: Log) -> None:
        call(observe(answering(), access_level=self.of), "/quiet")
        assert log.lines == []

    @pytest.mark.parametrize("hook", [lambda *a: 1 // 0, lambda *a: "INFO"], ids=["raises", "text"])
    def test_of_a_hook_that_fails_is_info_and_that_is_said_once(self, hook, log: Log) -> None:
        app = observe(answering(), access_level=hook)
        assert [call(app).body for _ in range(2)] == [b"hello", b"hello"]
        assert [line["level"] for line in log.of("wsgi_observe.access")] == ["INFO", "INFO"]
        assert len(log.warnings) == 1


class TestTheLevelOfA5xx:
    """A 5xx has exactly one ERROR line."""

    @pytest.mark.parametrize("status", ["500 Oops", "503 Service Unavailable", "599 X"])
    def test_that_the_app_answers_itself_is_error(self, status: str, log: Log) -> None:
        call(observe(answering(status)))
        assert log.lines == [log.access]
        assert log.access["level"] == "ERROR"

    @pytest.mark.parametrize("status", ["200 OK", "302 Found", "404 Gone", "499 X"])
    def test_is_not_that_of_another_status(self, status: str, log: Log) -> None:
        call(observe(answering(status)))
        assert log.access["level"] == "INFO"

    def test_is_info_where_the_failure_is_told(self, log: Log) -> None:
        call(observe(raising(ValueError("private"))))
        assert log.error["logger"] == "wsgi_observe.errors"
        assert (log.access["level"], log.access["status_code"]) == ("INFO", 500)

    @pytest.mark.parametrize(
        ("level", "errors"),
        [("warning", ["wsgi_observe.access"]), ("error", ["shop"]), ("critical", [])],
    )
    def test_is_info_where_the_app_has_logged_an_error(
        self, level: str, errors: list[str], log: Log
    ) -> None:
        app = doing(
            lambda: getattr(logging.getLogger("shop"), level)("the queue is full"), "503 Busy"
        )
        call(observe(app))
        assert [line["logger"] for line in log.errors] == errors

    def test_is_info_where_the_app_logs_it_while_its_body_is_closed(self, log: Log) -> None:
        class Body(Closing):
            def close(self) -> None:
                logging.getLogger("shop").error("too late to say so")

        call(observe(answering("503 Busy", body=Body)))
        assert log.error["logger"] == "shop"

    def test_is_error_where_what_it_repeats_is_no_error_of_this_request(self, log: Log) -> None:
        kept = ValueError("private")
        call(observe(raising(kept)))
        log.clear()
        call(observe(answering("503 Busy")))
        assert log.error == log.access

    @pytest.mark.parametrize(("same", "level"), [(True, "INFO"), (False, "ERROR")])
    def test_counts_the_errors_of_a_job_in_it_that_has_its_id(
        self, same: bool, level: str, log: Log
    ) -> None:
        def app(environ, start_response):
            with log_context(current_request_id() if same else "another"):
                logging.getLogger("shop").error("no stock")
            return answering("503 Busy")(environ, start_response)

        call(observe(app))
        assert log.access["level"] == level

    def test_of_a_probe_is_none_at_all(self, log: Log) -> None:
        state = HealthState()
        state.drain()
        assert call(observe(answering(), state=state), "/ready").code == 503
        assert log.of("wsgi_observe.access") == []

    @pytest.mark.parametrize("answer", [logging.INFO, logging.WARNING, None])
    def test_is_that_of_access_level_where_there_is_one(self, answer: int | None, log: Log) -> None:
        call(observe(answering("503 Busy"), access_level=lambda *_: answer))
        assert log.errors == []

    def test_is_the_rules_where_access_level_fails(self, log: Log) -> None:
        call(observe(answering("503 Busy"), access_level=lambda *_: 1 // 0))
        assert log.error == log.access

    def test_is_that_of_a_stream_that_fails_after_it_began(self, log: Log) -> None:
        def chunks():
            yield b"half"
            raise ValueError("private")

        with pytest.raises(ValueError, match="private"):
            call(observe(answering("503 Busy", body=chunks)))
        assert log.error["logger"] == "wsgi_observe.errors"
        assert (log.access["level"], log.access["outcome"]) == ("INFO", "broken")

    def test_is_known_where_another_middleware_stands_between_two_of_ours(self, log: Log) -> None:
        def between(environ, start_response):
            start = lambda *args: start_response(*args)  # noqa: E731
            return ErrorEnvelope(raising(ValueError("private")))(environ, start)

        call(RequestID(AccessLog(between)))
        assert log.error["logger"] == "wsgi_observe.errors"

    def test_is_the_same_with_a_formatter_of_anothers(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        call(observe(raising(ValueError("private"))))
        call(observe(answering("503 Busy")))
        errors = [record.name for record in caplog.records if record.levelno >= logging.ERROR]
        assert errors == ["wsgi_observe.errors", "wsgi_observe.access"]


def test_the_query_string_is_told_when_asked_for_without_its_secrets(log: Log) -> None:
    call(observe(answering(), access_query=True), QUERY_STRING="page=2&token=secret")
    assert log.access["query_string"] == "page=2&token=[REDACTED]"


@pytest.mark.parametrize(
    "agent", ["curl token=hunter22", "a https://u:hunter22@db/", 'x {"password": "hunter22"}']
)
def test_a_secret_in_the_user_agent_is_left_out(agent: str, log: Log) -> None:
    call(observe(answering()), HTTP_USER_AGENT=agent)
    assert "hunter22" not in log.texts[0]
    assert log.access["user_agent"] == agent.replace("hunter22", "[REDACTED]")


class TestFieldsOnRequest:
    ALL = ("host", "referer", "request_bytes")

    def line(self, log: Log, *names: str, **more: Any) -> dict[str, Any]:
        log.clear()
        environ = {"HTTP_HOST": "shop.example", "HTTP_REFERER": "https://a/b", **more}
        call_freely(observe(answering(), access_fields=names), method="POST", **environ)
        return log.access

    @pytest.mark.parametrize("names", [(), ("host",), ("referer", "request_bytes"), ALL])
    def test_are_those_that_are_asked_for(self, names: tuple[str, ...], log: Log) -> None:
        line = self.line(log, *names, CONTENT_LENGTH="12")
        expected = {"host": "shop.example", "referer": "https://a/b", "request_bytes": 12}
        assert {name: line[name] for name in self.ALL if name in line} == {
            name: expected[name] for name in names
        }

    @pytest.mark.parametrize(
        ("length", "coding", "expected"),
        [
            ("0", None, 0),
            ("", None, 0),
            (None, None, 0),
            ("", "chunked", None),
            ("12", "chunked", 12),
            ("many", None, None),
            ("-1", None, None),
            ("1" * 5000, None, None),
        ],
    )
    def test_the_size_is_the_one_that_the_client_declares(
        self, length: str | None, coding: str | None, expected: int | None, log: Log
    ) -> None:
        given = {"CONTENT_LENGTH": length, "HTTP_TRANSFER_ENCODING": coding}
        more = {name: value for name, value in given.items() if value is not None}
        assert self.line(log, "request_bytes", **more).get("request_bytes") == expected

    @pytest.mark.parametrize(
        ("referer", "shown"),
        [
            ("https://a/b?page=2&code=hunter22", "https://a/b?page=2&code=[REDACTED]"),
            ("https://u:hunter22@a/b", "https://u:[REDACTED]@a/b"),
            ("https://a/reset/hunter22?x=1", "https://a/reset/[REDACTED]?x=1"),
            ("https://a/unlock/hunter22-4f5d6e7a8b9c", "https://a/unlock/[REDACTED]"),
            ("http://[?token=hunter22", "http://[?token=[REDACTED]"),
            ("a\x1b[31m\u2028b", "a%1B[31m%E2%80%A8b"),
            ("", ""),
        ],
    )
    def test_a_referer_is_told_without_secrets(self, referer: str, shown: str, log: Log) -> None:
        app = Flask("shop")
        Observe(app, access_fields=("referer",))
        app.add_url_rule("/reset/<token>", "reset", lambda token: "ok")
        call_freely(app, HTTP_REFERER=referer)
        assert "hunter22" not in log.texts[0]
        assert log.access["referer"] == shown

    @pytest.mark.parametrize(
        ("host", "shown"),
        [
            ("a\nb?token=hunter22", "a%0Ab?token=[REDACTED]"),
            ("jane:hunter22@shop.example:8000", "jane:[REDACTED]@shop.example:8000"),
            ("[::1]:8000", "[::1]:8000"),
        ],
    )
    def test_a_host_is_as_it_may_be_printed(self, host: str, shown: str, log: Log) -> None:
        assert self.line(log, "host", HTTP_HOST=host)["host"] == shown

    def test_what_is_not_there_is_no_field(self, log: Log) -> None:
        app = observe(answering(), access_fields=("host", "referer"))
        Server().serve(app, {"REQUEST_METHOD": "GET", "PATH_INFO": "/"})
        assert not {"host", "referer"} & log.access.keys()

    def test_are_redacted_only_if_the_setting_says_so(self, log: Log) -> None:
        app = observe(answering(), access_fields=("referer",), redact=False)
        call(app, HTTP_REFERER="https://a/?token=x1")
        assert "token=x1" in log.texts[0]


@pytest.mark.parametrize(
    ("mode", "shown"),
    [("full", "203.0.113.7"), ("truncated", "203.0.113.0"), ("off", None)],
)
def test_each_line_of_a_request_tells_as_much_of_the_peer_as_it_may(
    mode: str, shown: str | None, log: Log
) -> None:
    app = doing(lambda: logging.getLogger("shop").info("hello"))
    call(observe(app, remote_addr=mode), REMOTE_ADDR="203.0.113.7")
    assert [line.get("remote_addr") for line in log.lines] == [shown, shown]
    assert all("203.0.113.7" not in text for text in log.texts) or mode == "full"


@pytest.mark.parametrize(
    "around",
    [
        observe,
        partial(observe, middlewares=["request_id", "access_log"]),
        partial(observe, middlewares=["access_log"]),
        AccessLog,
        lambda app, **settings: RequestID(AccessLog(app), **settings),
        lambda app, **settings: RequestID(AccessLog(app, **settings)),
    ],
    ids=["observe", "logs only", "access line only", "alone", "by RequestID", "by AccessLog"],
)
@pytest.mark.parametrize(
    ("mode", "shown"),
    [("full", "203.0.113.7"), ("truncated", "203.0.113.0"), ("off", None)],
)
def test_each_line_of_a_request_has_the_address_that_trusted_proxies_forward(
    around: Any, mode: str, shown: str | None, log: Log
) -> None:
    seen = []

    def app(environ, start_response):
        seen.append(environ["REMOTE_ADDR"])
        environ["REMOTE_ADDR"] = "198.51.100.1"  # as an app's own ProxyFix may do
        logging.getLogger("shop").error("hello")
        return answering()(environ, start_response)

    forwarded = "192.0.2.99, 203.0.113.7"
    call_freely(
        around(app, trusted_proxies=1, remote_addr=mode),
        REMOTE_ADDR="10.0.0.1",
        HTTP_X_FORWARDED_FOR=forwarded,
    )
    assert [line.get("remote_addr") for line in log.lines] == [shown, shown]
    assert seen == ["10.0.0.1"]


def test_without_an_access_line_the_others_have_that_address_too(log: Log) -> None:
    app = observe(raising(ValueError()), access_log=False, trusted_proxies=["10.0.0.0/8"])
    call(app, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.7")
    assert log.error["remote_addr"] == "203.0.113.7"
