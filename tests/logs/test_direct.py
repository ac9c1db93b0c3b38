"""The access line that is made without a record: the same line, wherever it may be."""

import io
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import strict_json
from wsgi_observe import AccessLog, RequestID, bind, configure_logging, observe
from wsgi_observe.logs.formatters import direct
from wsgi_observe.redaction import Redactor
from wsgi_observe.wsgi.exchange import Exchange

TEXTS = st.text(max_size=20)
_moments = re.compile(r'("(?:timestamp|duration_ms|ttfb_ms)":)(?:"[^"]*"|\d+\.\d{1,3}(?=[,}]))')
_access = logging.getLogger("wsgi_observe.access")


@contextmanager
def only_ours(encoder: str = "json") -> Iterator[io.StringIO]:
    """Root has our handler alone, as after `configure_logging` in a process of its own."""
    configure_logging(log_format="json", log_fields={"service": "shop"}, log_encoder=encoder)
    root = logging.getLogger()
    # Those that pytest adds for each phase of a test listen too.
    (ours,) = root.handlers[:] = [one for one in root.handlers if one.name == "wsgi_observe"]
    stream = io.StringIO()
    ours.setStream(stream)  # type: ignore[attr-defined]
    try:
        yield stream
    finally:
        ours.close()


def line_of(
    stream: io.StringIO,
    environ: dict[str, Any],
    fields: dict[str, object],
    around: Any = observe,
    status: str = "200 OK",
    **settings: Any,
) -> str:
    """Return a request's access line, its moments blotted out."""

    def app(environ: Any, start_response: Any) -> Any:
        bind(**fields)
        start_response(status, [])
        return [b"ok"]

    stream.seek(0)
    stream.truncate()
    body = around(app, **settings)(environ, lambda *_: None)
    list(body)
    body.close()
    # A notice about the captured stream may stand before it.
    lines = [line for line in stream.getvalue().split("\n") if f'"{_access.name}"' in line]
    (line,) = lines
    assert strict_json(line)["logger"] == _access.name
    return _moments.sub(r"\g<1>0", line)


PLAIN = st.text(st.sampled_from('aZ09 /=.:;-_?\\"'), max_size=80)
SERVED = st.fixed_dictionaries(
    {
        "REQUEST_METHOD": st.sampled_from(["GET", "POST", "BREW"]),
        "PATH_INFO": (TEXTS | PLAIN).map(lambda text: "/" + text.encode().decode("latin-1")),
        "REMOTE_ADDR": st.sampled_from(["127.0.0.1", "2001:db8::7", "", "a socket"]),
        "HTTP_X_REQUEST_ID": st.just("a"),
    },
    optional={
        "SCRIPT_NAME": st.sampled_from(["", "/api"]),
        "HTTP_USER_AGENT": PLAIN
        | st.text(st.characters(max_codepoint=255), max_size=20)
        | st.sampled_from(["curl token=hush", "x https://u:hush@db/", "jane@example.org"]),
        "HTTP_X_FORWARDED_FOR": st.sampled_from(["203.0.113.7", "[2001:db8::1]:80", '"', "x, y"]),
        "HTTP_REFERER": st.sampled_from(["https://a/b?token=hush", "\u2028"]),
        "HTTP_TRACEPARENT": st.just(f"00-{'4b' * 16}-{'f0' * 8}-01"),
        "QUERY_STRING": st.sampled_from(["", "page=2&token=hush"]),
    },
)
BOUND = st.dictionaries(
    st.sampled_from(["order", "path", "status_code", "level", "service", "password"]),
    TEXTS | st.integers() | st.none() | st.lists(st.floats(), max_size=2),
)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "remote_addr": st.sampled_from(["full", "truncated", "off"]),
        "access_query": st.booleans(),
        "access_fields": st.sampled_from([(), ("referer",), ("request_bytes", "host")]),
        "trusted_proxies": st.sampled_from([0, 1, ("10.0.0.0/8",)]),
        "access_level": st.just(lambda environ, status, seconds: logging.WARNING),
    },
)


@given(
    environ=SERVED,
    fields=BOUND,
    around=st.sampled_from([observe, AccessLog]),
    settings=SETTINGS,
    status=st.sampled_from(["200 OK", "503 Service Unavailable"]),
    encoder=st.sampled_from(["json", "orjson"]),
)
def test_the_line_is_byte_for_byte_the_one_that_a_record_makes(
    clean_logging: None,
    environ: dict[str, Any],
    fields: dict[str, object],
    around: Any,
    settings: dict[str, Any],
    status: str,
    encoder: str,
) -> None:
    with only_ours(encoder) as stream, pytest.MonkeyPatch.context() as patching:
        # The same span for both.
        patching.setattr("wsgi_observe.middleware.request_id.new_span_id", lambda: "5" * 16)
        without = line_of(stream, dict(environ), fields, around, status, **settings)
        _access.addFilter(lets_all_through)
        try:
            assert line_of(stream, dict(environ), fields, around, status, **settings) == without
        finally:
            _access.removeFilter(lets_all_through)


@pytest.mark.parametrize("around", [observe, AccessLog])
def test_a_plain_request_takes_the_short_way(around: Any, clean_logging: None) -> None:
    with only_ours() as stream, pytest.MonkeyPatch.context() as patching:
        patching.setattr(_access, "handle", None)  # whoever makes a record calls it
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/orders/7", "REMOTE_ADDR": "10.0.0.1"}
        line = strict_json(line_of(stream, environ, {"order": 7, "password": "hush"}, around))
    assert (line["path"], line["order"], line["password"]) == ("/orders/7", 7, "[REDACTED]")
    assert ("request_id" in line) is (around is observe)


@pytest.mark.parametrize("seconds", [0.0, 1e-6, 0.00001, 0.01, 0.1234567, 1.0, 59.9999999, 86400.5])
def test_a_duration_is_written_as_a_number_is(seconds: float, clean_logging: None) -> None:
    with only_ours():
        formatter: Any = logging.root.handlers[0].formatter
        line = formatter.access_text.of(ended(), logging.INFO, 200, seconds).decode()
    assert f'"duration_ms":{int(seconds * 1_000_000) / 1000!r},' in line


def test_a_user_agent_is_looked_at_once(clean_logging: None) -> None:
    agent = "Mozilla/5.0 (X11; Linux x86_64)"
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_USER_AGENT": agent}
    with only_ours() as stream, pytest.MonkeyPatch.context() as patching:
        line_of(stream, dict(environ), {})
        patching.setattr(Redactor, "field", None)  # whoever looks at a field calls it
        assert strict_json(line_of(stream, dict(environ), {}))["user_agent"] == agent


def test_what_is_remembered_of_user_agents_is_bounded(
    clean_logging: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsgi_observe.logs.formatters.access_text._MOST_AGENTS", 3)
    with only_ours() as stream:
        for agent in [*(f"agent {number}" for number in range(10)), "x" * 3000]:
            environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_USER_AGENT": agent}
            assert strict_json(line_of(stream, environ, {}))["user_agent"] == agent
        formatter: Any = logging.root.handlers[0].formatter
        assert len(formatter.access_text._clean_agents) <= 3
        assert "x" * 3000 not in formatter.access_text._clean_agents


def test_a_clock_that_was_set_back_is_left_to_a_record(clean_logging: None) -> None:
    with only_ours():
        formatter: Any = logging.root.handlers[0].formatter
        early = ended()
        early.started_at = 1.0005
        assert formatter.access_text.of(early, logging.INFO, 200, 0.001) is None
        assert formatter.access_text.of(ended(), logging.INFO, 200, -0.0005) is None


@pytest.mark.parametrize("name", ["\x1b[32mINFO\x1b[0m", 'the "usual"', "back\\slash", "信息"])
def test_a_level_of_any_name_is_written_as_a_record_has_it(
    name: str, clean_logging: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(logging._levelToName, logging.INFO, name)
    with only_ours() as stream:
        line = line_of(stream, {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, {})
    assert strict_json(line)["level"] == name


def test_a_path_that_a_middleware_in_between_rewrites_in_a_copy_is_the_clients(
    clean_logging: None,
) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return [b"ok"]

    inner = AccessLog(app)

    def rewriting(environ: Any, start_response: Any) -> Any:
        rewritten = {**environ, "PATH_INFO": "/orders", "REMOTE_ADDR": "10.0.0.1"}
        return inner(rewritten, lambda *start: start_response(*start))

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/v1/orders", "REMOTE_ADDR": "192.0.2.7"}
    with only_ours() as stream:
        body: Any = RequestID(rewriting)(environ, lambda *_: None)
        list(body)
        body.close()
        line = strict_json(stream.getvalue().splitlines()[-1])
    assert (line["path"], line["remote_addr"]) == ("/v1/orders", "192.0.2.7")


def ended() -> Exchange:
    """Return a request that was answered."""
    exchange = Exchange({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lambda *_: None)
    exchange.request_id, exchange.status, exchange.outcome = "a", "200 OK", "complete"
    exchange.went_out_at = exchange.started_at = 1.0
    return exchange


def lets_all_through(record: logging.LogRecord) -> bool:
    return True


class Shouting(logging.LogRecord):
    """A record class of the user's."""


def a_second_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.root, "handlers", [*logging.root.handlers, logging.NullHandler()])


def a_handler_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("wsgi_observe"), "handlers", [logging.NullHandler()])


def a_filter_on_the_logger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_access, "filters", [lets_all_through])


def a_filter_on_the_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.root.handlers[0], "filters", [lets_all_through])


def a_record_factory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "_logRecordFactory", Shouting)


def a_patched_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.Logger, "callHandlers", lambda self, record: None)


def an_end_of_propagation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_access, "propagate", False)


def another_formatter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.root.handlers[0], "formatter", logging.Formatter())


def a_handler_that_hears_warnings_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.root.handlers[0], "level", logging.WARNING)


@pytest.mark.parametrize(
    "listener",
    [
        a_second_handler,
        a_handler_on_the_way,
        a_filter_on_the_logger,
        a_filter_on_the_handler,
        a_record_factory,
        a_patched_class,
        an_end_of_propagation,
        another_formatter,
        a_handler_that_hears_warnings_only,
    ],
)
def test_a_record_is_made_as_soon_as_anybody_else_may_hear_it(
    listener: Any, clean_logging: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = (ended(), logging.INFO, 200, 0.001)
    with only_ours():
        assert direct.write_directly(*arguments)
        with monkeypatch.context() as patching:
            listener(patching)
            assert not direct.write_directly(*arguments)
