"""The request's part of a line, which is encoded once: never another than a new one would be."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Log
from tests.logs.access_line import line_of, only_ours
from tests.logs.test_redacted_lines import record_of
from tests.support import strict_json
from wsgi_observe import AccessLog, RequestID, bind, log_context, observe
from wsgi_observe.logs import JsonFormatter

TEXTS = st.text(max_size=20)
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

CHANGES = st.sampled_from(
    [
        {"SCRIPT_NAME": "/behind/a/proxy"},
        {"PATH_INFO": "/orders/8"},
        {"REMOTE_ADDR": "203.0.113.7"},
        {"REQUEST_METHOD": "DELETE"},
        {"SERVER_NAME": "of no line"},
    ]
)


@given(
    environ=SERVED,
    bound=st.lists(BOUND, max_size=3),
    changed=CHANGES,
    around=st.sampled_from([observe, AccessLog]),
    options=st.fixed_dictionaries(
        {},
        optional={
            "encoder": st.sampled_from(["json", "orjson"]),
            "remote_addr": st.sampled_from(["full", "truncated", "off"]),
            "redact": st.booleans(),
            "static_fields": st.just({"service": "shop", "order": 1}),
            "rename_fields": st.just({"request_id": "order", "path": "url"}),
        },
    ),
)
def test_a_line_is_what_a_formatter_that_remembers_nothing_makes_of_it(
    clean_logging: None,
    environ: dict[str, Any],
    bound: list[dict[str, object]],
    changed: dict[str, str],
    around: Any,
    options: dict[str, Any],
) -> None:
    used = JsonFormatter(**options)
    pairs = []

    def log() -> None:
        record = record_of("order %d", 7, kind="x")
        pairs.append((used.lines(record), JsonFormatter(**options).lines(record)))

    def app(environ: Any, start_response: Any) -> Any:
        log()
        for fields in bound:
            bind(**fields)
            log()
        environ.update(changed)
        log()
        start_response("200 OK", [])
        return [b"ok"]

    body = around(app)(dict(environ), lambda *_: None)
    list(body)
    body.close()
    assert len(pairs) == len(bound) + 2
    for first, second in pairs:
        assert first == second
        assert strict_json(first[0])["kind"] == "x"


@given(environ=SERVED, bound=BOUND, settings=SETTINGS, encoder=st.sampled_from(["json", "orjson"]))
def test_the_access_line_is_the_same_where_no_record_has_to_be_made_for_it(
    clean_logging: None,
    environ: dict[str, Any],
    bound: dict[str, object],
    settings: dict[str, Any],
    encoder: str,
) -> None:
    access = logging.getLogger("wsgi_observe.access")
    records: list[logging.LogRecord] = []

    def receive(record: logging.LogRecord) -> bool:
        records.append(record)
        return True

    with only_ours(encoder) as stream:
        without_record = line_of(stream, dict(environ), bound, **settings)
        access.addFilter(receive)
        try:
            with_record = line_of(stream, dict(environ), bound, **settings)
        finally:
            access.removeFilter(receive)
    assert without_record == with_record
    assert len(records) == 1


def lines_around(change: Callable[[Any], object], **environ: str) -> list[dict[str, Any]]:
    """Return the fields of a line before and one after what an app does to its request."""
    formatter = JsonFormatter()
    lines = []

    def app(environ: Any, start_response: Any) -> Any:
        for act in (lambda _: None, change):
            act(environ)
            lines.append(strict_json(formatter.format(record_of("hello"))))
        start_response("200 OK", [])
        return []

    served = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "REMOTE_ADDR": "10.0.0.7", **environ}
    observe(app)(served, lambda *_: None).close()  # type: ignore[attr-defined]
    return lines


@pytest.mark.parametrize(
    ("change", "field", "expected"),
    [
        (lambda _: bind(order=7), "order", 7),
        (lambda environ: environ.update(SCRIPT_NAME="/api"), "path", "/api/"),
        (lambda environ: environ.update(REMOTE_ADDR="10.0.0.8"), "remote_addr", "10.0.0.8"),
    ],
    ids=["bind", "a mount point", "ProxyFix"],
)
def test_what_changes_while_the_request_runs_is_on_the_next_line(change, field, expected) -> None:
    before, after = lines_around(change)
    assert before.get(field) != expected
    assert after[field] == expected


def test_an_address_is_truncated_also_after_a_middleware_has_logged_before_the_access_log() -> None:
    formatter, lines = JsonFormatter(), []

    def logging_middleware(environ: Any, start_response: Any) -> Any:
        lines.append(strict_json(formatter.format(record_of("before"))))
        return AccessLog(app, remote_addr="truncated")(environ, start_response)

    def app(environ: Any, start_response: Any) -> Any:
        lines.append(strict_json(formatter.format(record_of("within"))))
        start_response("200 OK", [])
        return []

    served = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "REMOTE_ADDR": "203.0.113.7"}
    RequestID(logging_middleware)(served, lambda *_: None).close()  # type: ignore[attr-defined]
    assert [line["remote_addr"] for line in lines] == ["203.0.113.7", "203.0.113.0"]


class Binding:
    """A value that binds another field when it is made a text, as another thread may do then."""

    def __str__(self) -> str:
        bind(late=1)
        return "bound"


def test_a_field_that_is_bound_while_a_line_is_made_is_on_the_next_one() -> None:
    formatter = JsonFormatter()
    with log_context(first=Binding(), second="x"):
        one, two = (strict_json(formatter.format(record_of(text))) for text in ("one", "two"))
    assert (one["message"], one["second"]) == ("one", "x")
    assert two["late"] == 1


def test_each_line_is_marked_when_bound_fields_are_left_out() -> None:
    formatter = JsonFormatter()
    with log_context(**{f"field{number}": f"password=a {'p=q ' * 900}" for number in range(99)}):
        line = strict_json(formatter.format(record_of("hello")))
    assert "field98" not in line
    assert line["truncated"] is True


def test_a_log_context_has_a_part_of_its_own(log: Log) -> None:
    with log_context("outer", job="a"):
        logging.getLogger("shop").info("one")
        with log_context("inner"):
            logging.getLogger("shop").info("two")
        logging.getLogger("shop").info("three")
    shown = [(line["request_id"], line.get("job")) for line in log.lines]
    assert shown == [("outer", "a"), ("inner", None), ("outer", "a")]
