"""ConsoleFormatter: a record as a person reads it, which nobody can forge."""

import logging
import re
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import call
from wsgi_observe import bind, log_context, observe
from wsgi_observe.logs import ConsoleFormatter
from wsgi_observe.logs.log_record import make_own_extra

ANY_TEXT = st.text(st.characters(exclude_categories=[]))
LINE = re.compile(r"\d\d:\d\d:\d\d\.\d{3} [A-Z]+ ")


def text_of(msg="hello", *args, exc_info=None, name="shop", formatter=None, **extra) -> str:
    record = logging.LogRecord(name, logging.INFO, "shop.py", 1, msg, args, exc_info)
    record.__dict__.update(extra)
    text = (formatter or ConsoleFormatter()).format(record)
    text.encode("utf-8")
    return text


class Hostile:
    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__


def test_a_line_has_the_time_the_level_the_logger_and_the_message() -> None:
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} INFO +shop: +hello", text_of())


def test_the_fields_stand_behind_the_message() -> None:
    assert text_of(order=7, customer="x").endswith("hello  order=7  customer=x")


def test_the_request_is_named_by_the_last_digits_of_its_id() -> None:
    with log_context("0190c2f5-and-12345678"):
        assert " 12345678 shop: " in text_of()


def test_static_fields_are_left_out() -> None:
    assert "service" not in text_of(formatter=ConsoleFormatter(static_fields={"service": "x"}))


def test_a_traceback_stands_below_its_line() -> None:
    try:
        raise KeyError("x")
    except KeyError:
        first, *rest = text_of(exc_info=sys.exc_info()).splitlines()
    assert "hello" in first
    assert rest[0].strip() == "Traceback (most recent call last):"
    assert rest[-1].strip() == "KeyError: 'x'"


def test_the_stack_that_a_record_was_logged_with_stands_below_its_line() -> None:
    assert text_of(stack_info="Stack\n  File x").splitlines()[1:] == ["    Stack", "      File x"]


FORGERIES = [
    pytest.param("a\n12:00:00.000 ERROR   shop: forged", id="a newline"),
    pytest.param("a\r12:00:00.000 ERROR   shop: forged", id="a carriage return"),
    pytest.param("a\x1b[2K\x1b[1A", id="ANSI"),
    pytest.param("a\x9b31m", id="a C1 control character"),
    pytest.param("a\x08\x08b", id="backspaces"),
    pytest.param("a\u2028b\u2029c\x85d\x0be\x0cf", id="other line ends"),
    pytest.param("a\u202eb", id="a right-to-left override"),
    pytest.param("a\x00b", id="NUL"),
    pytest.param("a\ud800b", id="a lone surrogate"),
]


@pytest.mark.parametrize("text", FORGERIES)
class TestNobodyForgesALine:
    def test_by_a_message(self, text: str) -> None:
        assert text_of(text).isprintable()

    def test_by_an_argument(self, text: str) -> None:
        assert text_of("said %s", text).isprintable()

    def test_by_a_field(self, text: str) -> None:
        assert text_of(order=text).isprintable()

    def test_by_a_fields_name(self, text: str) -> None:
        assert text_of(**{text: 1}).isprintable()

    def test_by_what_is_bound(self, text: str) -> None:
        with log_context("mine", order=text):
            assert text_of().isprintable()

    def test_by_the_name_of_a_logger(self, text: str) -> None:
        assert text_of(name=text).isprintable()

    def test_by_the_text_of_an_exception(self, text: str) -> None:
        error = ValueError(text)
        first, *rest = text_of(exc_info=(ValueError, error, None)).split("\n")
        assert first.isprintable()
        assert rest
        assert not [line for line in rest if LINE.match(line) or not line.isprintable()]


@given(ANY_TEXT, ANY_TEXT, st.dictionaries(ANY_TEXT.map("x".__add__), ANY_TEXT))
def test_any_record_is_one_printable_line(msg: str, name: str, extra: dict[str, str]) -> None:
    assert text_of(msg, name=name, **extra).isprintable()


@given(ANY_TEXT)
def test_no_exception_forges_a_line(text: str) -> None:
    _, *rest = text_of(exc_info=(ValueError, ValueError(text), None)).split("\n")
    assert all(line.isprintable() and not LINE.match(line) for line in rest)


@pytest.mark.parametrize(
    ("msg", "args"),
    [("%s %s", ("one",)), ("%d", ("x",)), (Hostile(), ()), ("%s", (Hostile(),))],
    ids=["too few", "another kind", "a message without a text", "an argument without a text"],
)
def test_what_has_no_text_leaves_a_line(msg, args) -> None:
    assert text_of(msg, *args).isprintable()


def test_a_field_without_a_text_leaves_a_line() -> None:
    assert "order=" in text_of(order=Hostile())


def access_text(status: int = 500, color: bool = False, outcome: str = "complete") -> str:
    return text_of(
        f"GET /orders {status}",
        name="wsgi_observe.access",
        formatter=ConsoleFormatter(color=color),
        **make_own_extra(
            {
                "status_code": status,
                "duration_ms": 3.141,
                "response_bytes": 145,
                "outcome": outcome,
                "user_agent": "Mozilla/5.0 " * 8,
            }
        ),
    )


def test_an_access_line_reads_as_a_sentence_within_eighty_columns() -> None:
    shown = access_text()
    assert "GET /orders 500 in 3.1 ms, 145 B  user_agent=" in shown
    assert shown.index("145 B") < 80
    assert not re.search("(status_code|duration_ms|response_bytes|outcome)=", shown)


def test_an_outcome_other_than_complete_is_part_of_it() -> None:
    assert "GET /orders 200 in 3.1 ms, 145 B, aborted  " in access_text(200, outcome="aborted")


def test_what_is_on_each_line_of_a_request_is_shown_once(clean_logging: None) -> None:
    formatter, texts = ConsoleFormatter(), []

    def app(environ: Any, start_response: Any) -> Any:
        for name in ("route", "order"):
            bind(**{name: "x"})
            texts.extend(text_of(formatter=formatter) for _ in range(2))
        start_response("200 OK", [])
        return [b"ok"]

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            texts.append(formatter.format(record))

    access, handler = logging.getLogger("wsgi_observe.access"), Handler()
    access.setLevel(logging.INFO)
    access.addHandler(handler)
    try:
        call(observe(app), REMOTE_ADDR="10.0.0.7")
    finally:
        access.removeHandler(handler)
        access.setLevel(logging.NOTSET)
    shown = [re.findall(r"(route|order|remote_addr)=", text) for text in texts]
    assert shown == [["route"], [], ["route", "order"], [], ["remote_addr"]]


def test_a_status_that_the_message_does_not_tell_is_a_field() -> None:
    assert "  status_code=404" in text_of("hello", **make_own_extra({"status_code": 404}))
    assert "  extra_status_code=404" in text_of("hello", status_code=404)


def test_colours_change_nothing_but_the_colour() -> None:
    colored = access_text(color=True)
    assert "\x1b[31m500\x1b[0m" in colored
    assert re.sub(r"\x1b\[\d+m", "", colored)[13:] == access_text()[13:]


def test_without_colours_there_is_no_escape() -> None:
    assert "\x1b" not in access_text()
