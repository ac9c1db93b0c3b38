"""The application's line that is written as text: the same line, whatever it tells."""

import copy
import itertools
import logging
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import strict_json
from wsgi_observe import bind, log_context, observe
from wsgi_observe.core.records import own_extra
from wsgi_observe.logs import ContextFilter, JsonFormatter
from wsgi_observe.logs.fields import message_of

TEXTS = st.text(max_size=30) | st.sampled_from(
    ["order 7", "password=hunter2", 'a "word"', "a\\b", "two\nlines", "x" * 5000, "100%", "\ud800"]
)
NAMES = st.sampled_from(["shop", "shop.orders", 'the "shop"', "läden"]) | st.text(max_size=5)
PATHS = st.sampled_from(["/orders", "/a=b", "/caf\xc3\xa9", "/" + "y" * 70, '/"', "/\x7f", ""])
ABSENT = object()
USUAL = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/", "REMOTE_ADDR": "10.0.0.1"}
SERVED = st.fixed_dictionaries(
    {},
    optional={
        "PATH_INFO": PATHS,
        "SCRIPT_NAME": st.sampled_from(["/api", ABSENT]),
        "REMOTE_ADDR": st.sampled_from(["2001:db8::7", "", "a\nb", "é", None, ABSENT]),
        "HTTP_TRACEPARENT": st.just(f"00-{'4b' * 16}-{'f0' * 8}-01"),
        "HTTP_X_FORWARDED_FOR": st.sampled_from(["203.0.113.7", "[2001:db8::1]:4711", '"'])
        | st.text(max_size=20),
    },
).map(lambda seldom: {k: v for k, v in (USUAL | seldom).items() if v is not ABSENT})
BOUND = st.dictionaries(
    st.sampled_from(["order", "route", "path", "service", "password", "trace_id"]),
    TEXTS | st.integers() | st.none(),
)
EXTRAS = st.dictionaries(
    st.sampled_from(["order", "took", "path", "status_code", "service", "token", "part"])
    | st.text(max_size=3),
    TEXTS | st.integers() | st.floats() | st.booleans() | st.none() | st.lists(TEXTS, max_size=2),
    max_size=3,
)
ARGUMENTS = st.tuples() | st.tuples(TEXTS) | st.tuples(st.integers(), TEXTS)
OPTIONS = st.fixed_dictionaries(
    {"encoder": st.sampled_from(["json", "orjson"])},
    optional={
        "redact": st.just(False),
        "static_fields": st.sampled_from(
            [{"service": "shop"}, {"status_code": "up"}, {"version": 2}]
        ),
        "remote_addr": st.sampled_from(["full", "truncated"]),
        "redact_personal": st.booleans(),
        "redact_patterns": st.sampled_from([["^[a-z]"], ["[0-9]+", "(?<=/)orders"], ["(?s).+"]]),
        "max_line_bytes": st.just(400),
    },
)


class WithoutText(JsonFormatter):
    """One of a class of its own makes each line of its record's fields."""


@given(SERVED, BOUND, EXTRAS, NAMES, TEXTS, ARGUMENTS, OPTIONS, st.sampled_from([0, 1]))
def test_the_line_is_byte_for_byte_the_one_that_fields_make(
    environ: dict[str, Any],
    fields: dict[str, Any],
    extras: dict[str, Any],
    name: str,
    message: str,
    arguments: tuple[object, ...],
    options: dict[str, Any],
    proxies: int,
) -> None:
    first = record_of(message, *arguments, name=name)
    first.__dict__.update(extras)
    second, before = copy.copy(first), dict(first.__dict__)

    def log() -> list[list[bytes]]:
        bind(**fields)
        makers = JsonFormatter(**options), WithoutText(**options)
        return [makers[0].lines(first), makers[1].lines(second)]

    with pytest.MonkeyPatch.context() as patching:
        # What numbers the parts of long records gives them all the same one.
        patching.setattr("wsgi_observe.logs.parts._numbers", itertools.repeat(7))
        text, made = within_a_request(log, environ, trusted_proxies=proxies)
    assert text == made
    for record in first, second:  # whoever reads it next sees what was logged
        assert list(record.__dict__) == list(before)
        assert all(record.__dict__[name] is value for name, value in before.items())


@pytest.mark.parametrize("encoder", ["json", "orjson"])
def test_a_plain_line_takes_the_short_way(encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    formatter = JsonFormatter(encoder=encoder, static_fields={"service": "shop"})
    monkeypatch.setattr(formatter, "_line", None)  # whoever makes fields calls it

    def log() -> list[bytes]:
        bind(order=7, password="hush")
        record = record_of('%d "orders"\nplaced: %s', 7, "größer")
        record.__dict__.update(took=0.25, token="hush", lines=[1, 2])
        return formatter.lines(record)

    (line,) = within_a_request(log, USUAL | {"SCRIPT_NAME": "/api", "PATH_INFO": "/orders"})
    told = strict_json(line)
    assert told["message"] == '7 "orders"\nplaced: größer'
    assert (told["path"], told["service"]) == ("/api/orders", "shop")
    assert (told["order"], told["password"]) == (7, "[REDACTED]")
    assert (told["took"], told["token"], told["lines"]) == (0.25, "[REDACTED]", [1, 2])


class Named(StrEnum):
    TOOK = "took"


def leave_a_traceback(record: logging.LogRecord) -> None:
    record.exc_info = (ValueError, ValueError("no"), None)


def leave_its_text(record: logging.LogRecord) -> None:
    record.exc_text = "Traceback"


def leave_a_stack(record: logging.LogRecord) -> None:
    record.stack_info = "Stack"


def have_a_field_of_the_lines(record: logging.LogRecord) -> None:
    record.path = "/mine"


def have_a_field_that_was_bound(record: logging.LogRecord) -> None:
    record.order = 8


def have_a_field_of_no_text(record: logging.LogRecord) -> None:
    record.__dict__[7] = "seven"  # type: ignore[index]


def have_a_field_named_by_an_enum(record: logging.LogRecord) -> None:
    record.__dict__.update({Named.TOOK: 7, "new": True})


def have_met_a_filter(record: logging.LogRecord) -> None:
    ContextFilter().filter(record)


def be_one_of_our_own(record: logging.LogRecord) -> None:
    record.__dict__.update(own_extra({"outcome": "died"}))


def be_no_text(record: logging.LogRecord) -> None:
    record.msg = type("Said", (str,), {"__str__": lambda self: self})("a text of its own class")


def have_a_level_without_a_name(record: logging.LogRecord) -> None:
    record.levelname = None  # type: ignore[assignment]


def be_of_no_process(record: logging.LogRecord) -> None:
    record.process = "mine"  # type: ignore[assignment]


def be_of_another_class(record: logging.LogRecord) -> None:
    record.__class__ = type("Shouting", (logging.LogRecord,), {"getMessage": lambda self: "HEY"})


@pytest.mark.parametrize(
    "change",
    [
        leave_a_traceback,
        leave_its_text,
        leave_a_stack,
        have_a_field_of_the_lines,
        have_a_field_that_was_bound,
        have_a_field_of_no_text,
        have_a_field_named_by_an_enum,
        have_met_a_filter,
        be_one_of_our_own,
        be_no_text,
        have_a_level_without_a_name,
        be_of_no_process,
        be_of_another_class,
    ],
)
def test_any_other_record_is_left_to_its_fields(change: Any) -> None:
    record = record_of("placed")
    change(record)
    other = copy.copy(record)

    def log() -> list[list[bytes]]:
        bind(order=7)
        formatter = JsonFormatter()
        assert formatter._record_text is not None
        assert formatter._record_text.of(record, message_of(record)) is None
        return [formatter.lines(record), WithoutText().lines(other)]

    short, made = within_a_request(log, USUAL)
    assert short == made


@pytest.mark.parametrize(
    ("message", "arguments", "shown"),
    [
        (["a", "list"], (), "['a', 'list']"),
        ("%d and %d", (1,), "%d and %d (its arguments do not fit: "),
        ("%s", ("a mapping", "and more"), "%s (its arguments do not fit: "),
        ("100%", (), "100%"),
    ],
)
def test_a_message_of_any_kind_is_told_the_same_way(
    message: Any, arguments: tuple[object, ...], shown: str
) -> None:
    record = record_of(message, *arguments)
    text, made = within_a_request(
        lambda: [JsonFormatter().lines(record), WithoutText().lines(record)], USUAL
    )
    assert text == made
    assert strict_json(text[0])["message"].startswith(shown)


def test_a_text_that_a_filter_of_ones_own_has_changed_is_the_one_that_is_told() -> None:
    def log() -> list[bytes]:
        record = record_of("order %s", "secret")
        first = JsonFormatter().lines(record)
        record.msg, record.args = "hidden", ()
        return first + JsonFormatter().lines(record)

    first, second = within_a_request(log, USUAL)
    assert (strict_json(first)["message"], strict_json(second)["message"]) == (
        "order secret",
        "hidden",
    )


@pytest.mark.parametrize("text", ["plain", "see --token", "password=hunter2", "x" * 5000])
def test_an_argument_is_asked_for_its_text_once(text: str) -> None:
    asked = []

    class Argument:
        def __str__(self) -> str:
            asked.append(self)
            return text

    within_a_request(lambda: JsonFormatter().lines(record_of("see %s", Argument())), USUAL)
    assert len(asked) == 1


def test_fields_of_every_line_are_given_once() -> None:
    formatter = JsonFormatter(static_fields={"build": "1"})
    formatter.static_fields["build"] = "2"
    lines = within_a_request(
        lambda: formatter.lines(record_of("plain")) + formatter.lines(record_of("--")), USUAL
    )
    assert [strict_json(line)["build"] for line in lines] == ["1", "1"]


def test_outside_a_request_there_is_nothing_of_one() -> None:
    formatter = JsonFormatter()
    assert "path" not in strict_json(formatter.lines(record_of("placed"))[0])
    with log_context("job-1"):
        line = strict_json(formatter.lines(record_of("placed"))[0])
    assert line["request_id"] == "job-1"
    assert "path" not in line


def test_what_is_remembered_of_loggers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsgi_observe.logs.record_text._MOST", 3)
    formatter = JsonFormatter()

    def log() -> list[str]:
        lines = [formatter.lines(record_of("x", name=f"shop.{n}"))[0] for n in range(10)]
        return [strict_json(line)["logger"] for line in lines]

    assert within_a_request(log, USUAL) == [f"shop.{n}" for n in range(10)]
    assert formatter._record_text is not None
    assert len(formatter._record_text._sources) <= 3


def record_of(message: Any, *arguments: object, name: str = "shop") -> logging.LogRecord:
    return logging.LogRecord(name, logging.INFO, "/shop/orders.py", 7, message, arguments, None)


def within_a_request(log: Any, environ: dict[str, Any], **settings: Any) -> Any:
    """Return what `log` returns, called in the middle of a request."""
    found = []

    def app(environ: Any, start_response: Any) -> Any:
        found.append(log())
        start_response("200 OK", [])
        return [b"ok"]

    body: Any = observe(app, access_log=False, **settings)(dict(environ), lambda *_: None)
    list(body)
    body.close()
    return found[0]
