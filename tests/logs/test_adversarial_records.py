"""Records that are made to take long: linear in their size, whatever a client sends."""

import logging
from typing import Any

import pytest

from tests.calls import answering, call_freely
from tests.conftest import Log
from tests.linear import grows_in_proportion
from tests.support import strict_json
from wsgi_observe import bind, log_context, observe
from wsgi_observe.logs import ConsoleFormatter, JsonFormatter, join

SECRET = "hunter2hunter2"


def record_of(msg: object = "hello", **extra: Any) -> logging.LogRecord:
    record = logging.LogRecord("shop", logging.ERROR, "shop.py", 1, msg, (), None)
    record.__dict__.update(extra)
    return record


def failed_with(text: str) -> logging.LogRecord:
    record = record_of()
    record.exc_info = (ValueError, ValueError(text), None)
    return record


RECORDS = {
    "quote and backslashes": lambda count: record_of('password="' + "\\" * count * 10),
    "quoted header names": lambda count: record_of(
        ",".join(f'"Cookie: a{number}"' for number in range(count))
    ),
    "fields": lambda count: record_of(**{f"field_{number}": number for number in range(count)}),
    "fields of text": lambda count: record_of(**{f"f{number}": "a b=c" for number in range(count)}),
    "long names": lambda count: record_of(**{f"{'a1' * 50}{n}": n for n in range(count // 10)}),
    "data": lambda count: record_of(data={f"field_{number}": "a b" for number in range(count)}),
    "lines of an exception": lambda count: failed_with("\n" * count * 10),
    "frames in an exception": lambda count: failed_with('\n  File "a", line 1\n    b' * count),
    "lone surrogates": lambda count: record_of("\ud800" * count * 4),
    "control characters": lambda count: record_of("\x00" * count * 4),
}


@pytest.mark.parametrize("formatter", [JsonFormatter, ConsoleFormatter])
@pytest.mark.parametrize("make", RECORDS.values(), ids=RECORDS)
def test_four_times_as_much_takes_at_most_five_times_as_long(make: Any, formatter: Any) -> None:
    def write(count: int) -> None:
        made = formatter()
        getattr(made, "lines", made.format)(make(count))

    assert grows_in_proportion(write, 250, 1_000)


def test_so_do_bound_fields() -> None:
    def write(count: int) -> None:
        with log_context("mine"):
            bind(**{f"field_{number}": number for number in range(count)})
            JsonFormatter().lines(record_of())

    assert grows_in_proportion(write, 250, 1_000)


PATHS = ["a=", "\\", '"', "[", "a[", "://a:", "%3D", ": ", "', '", "\x00", "password=x;"]


@pytest.mark.parametrize("unit", PATHS)
def test_so_do_a_requests_own_lines(unit: str, log: Log) -> None:
    app = observe(answering(), access_query=True)

    def ask(length: int) -> None:
        hostile = (unit * length)[:length]
        call_freely(app, f"/{hostile}", QUERY_STRING=hostile, HTTP_USER_AGENT=hostile)

    assert grows_in_proportion(ask, 1_000, 4_000)


def test_fields_that_the_budget_has_no_room_for_are_left_out() -> None:
    extra = {f"field_{number}": f"password={SECRET}" for number in range(10_000)}
    with log_context("mine"):
        lines = JsonFormatter().lines(record_of("hello", **extra))
    first = strict_json(lines[0])
    assert (first["message"], first["request_id"], first["truncated"]) == ("hello", "mine", True)
    (whole,) = join(lines)
    assert whole["field_0"] == "password=[REDACTED]"
    assert "field_9999" not in whole
    assert whole["truncated"] is True
    assert SECRET not in str(lines)


def test_a_message_that_takes_all_the_work_leaves_some_for_the_exception() -> None:
    record = record_of("a=b: " * 30_000, order="a b=c")
    record.exc_info = (ValueError, ValueError(f"order 7, password={SECRET}"), None)
    first = strict_json(JsonFormatter().lines(record)[0])
    assert first["exc_info"] == "ValueError: order 7, password=[REDACTED]"
    assert first["order"] == "a b=c"
