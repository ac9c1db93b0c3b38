"""JsonFormatter: a record as one line of strict JSON, in the contract's schema."""

import copy
import datetime
import enum
import logging
import logging.handlers
import math
import queue
import re
import sys
import uuid
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import answering, call
from tests.conftest import Log
from tests.support import strict_json
from wsgi_observe import bind, log_context, observe
from wsgi_observe.field_names import ACCESS_NAMES, CALL_NAMES, LINE_NAMES, PART_NAMES, RECORD_NAMES
from wsgi_observe.logs import ConsoleFormatter, ContextFilter, JsonFormatter

OURS = sorted(
    (LINE_NAMES | ACCESS_NAMES | CALL_NAMES | PART_NAMES | {"client_request_id"}) - RECORD_NAMES
)
ALWAYS = ["timestamp", "level", "logger", "module", "message", "pid"]
_log = logging.getLogger("shop.orders")


def line_of(msg="hello", *args, formatter=None, exc_info=None, **extra):
    """Format one record, and read its line as strictly as JSON asks."""
    record = logging.LogRecord("shop", logging.INFO, "shop.py", 1, msg, args, exc_info)
    record.__dict__.update(extra)
    text = (formatter or JsonFormatter()).format(record)
    assert "\n" not in text
    return strict_json(text.encode("utf-8"))


class Hostile:
    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__


class Mute:
    """Without a text, but not without a name: Hypothesis shows what it has tried."""

    def __str__(self) -> str:
        raise ValueError("no text")


class Colour(enum.Enum):
    RED = 1


def cycle():
    made: list[object] = []
    made.append(made)
    return made


def deep():
    made: list[object] = []
    for _ in range(20_000):
        made = [made]
    return made


def test_a_line_has_its_fields_and_no_others() -> None:
    assert list(line_of()) == ALWAYS


def test_the_timestamp_is_rfc_3339_in_utc_with_milliseconds() -> None:
    stamp = line_of(created=1700000000.1239)["timestamp"]
    assert stamp == "2023-11-14T22:13:20.123Z"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line_of()["timestamp"])


def test_a_time_of_whole_milliseconds_is_told_to_the_millisecond() -> None:
    times = [1_719_823_425 + number / 1000 for number in range(2000)]
    stamps = [line_of(created=created)["timestamp"] for created in times]
    assert [int(stamp[-4:-1]) for stamp in stamps] == [*range(1000)] * 2


def test_a_line_says_what_its_record_says(log: Log) -> None:
    _log.warning("order %s of %d", "A", 7)
    line = log.lines[0]
    assert (line["level"], line["logger"], line["message"]) == (
        "WARNING",
        "shop.orders",
        "order A of 7",
    )
    assert line["module"] == Path(__file__).stem
    assert line["pid"] > 0


def test_outside_a_request_there_are_no_request_fields(log: Log) -> None:
    _log.info("hello")
    assert set(log.lines[0]) == set(ALWAYS)


def test_within_a_request_its_fields_are_there(log: Log) -> None:
    def app(environ, start_response):
        bind(order=7)
        _log.info("hello")
        return answering()(environ, start_response)

    answer = call(observe(app), "/orders", "POST")
    line = log.of("shop.orders")[0]
    assert line["request_id"] == answer.request_id
    assert (line["method"], line["path"], line["remote_addr"]) == ("POST", "/orders", "127.0.0.1")
    assert line["order"] == 7


class TestStaticFields:
    FORMATTER = JsonFormatter(static_fields={"service": "shop", "version": 1})

    def test_are_on_every_line(self) -> None:
        line = line_of(formatter=self.FORMATTER)
        assert (line["service"], line["version"]) == ("shop", 1)

    def test_are_not_overwritten_by_an_extra(self) -> None:
        line = line_of(formatter=self.FORMATTER, service="mine")
        assert (line["service"], line["extra_service"]) == ("shop", "mine")

    @pytest.mark.parametrize("name", OURS)
    def test_have_no_name_that_is_ours(self, name: str) -> None:
        line = line_of(formatter=JsonFormatter(static_fields={name: "theirs"}))
        assert line[f"extra_{name}"] == "theirs"
        assert line.get(name) != "theirs"

    def test_are_not_overwritten_by_what_is_bound(self) -> None:
        with log_context(service="mine"):
            line = line_of(formatter=self.FORMATTER)
        assert (line["service"], line["extra_service"]) == ("shop", "mine")


class TestExtras:
    def test_stand_at_the_top_level(self) -> None:
        assert line_of(order=7, lines=[1, {"a": None}])["lines"] == [1, {"a": None}]

    @pytest.mark.parametrize("name", OURS)
    def test_that_collide_are_prefixed_and_never_dropped(self, name: str) -> None:
        with log_context("mine"):
            try:
                raise ValueError
            except ValueError:
                line = line_of(exc_info=sys.exc_info(), **{name: "theirs"})
        assert line[f"extra_{name}"] == "theirs"
        assert line.get(name) != "theirs"

    @pytest.mark.parametrize("name", OURS)
    def test_have_the_same_names_on_a_line_that_lacks_what_they_collide_with(
        self, name: str
    ) -> None:
        line = line_of(**{name: "theirs"})
        assert line[f"extra_{name}"] == "theirs"
        assert set(line) == {*ALWAYS, f"extra_{name}"}

    def test_that_collide_twice_are_both_kept(self) -> None:
        line = line_of(level="a", extra_level="b")
        assert {line["level"], line["extra_level"], line["extra_extra_level"]} == {"INFO", "a", "b"}

    def test_of_one_line_are_not_on_the_next(self, log: Log) -> None:
        _log.info("one", extra={"order": 1})
        _log.info("two")
        assert "order" not in log.lines[1]

    @pytest.mark.parametrize("key", [1, None, (1, 2), 1.5])
    def test_may_have_a_name_that_is_no_text(self, key) -> None:
        record = logging.makeLogRecord({"name": "shop", "msg": "hello"})
        record.__dict__[key] = "odd"
        assert "odd" in strict_json(JsonFormatter().format(record)).values()


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(math.nan, id="NaN"),
        pytest.param(-math.inf, id="an infinity"),
        pytest.param({"a": [math.nan]}, id="a nested NaN"),
        pytest.param({math.nan: 1}, id="a key that is NaN"),
        pytest.param({(1, 2): 3}, id="a key that is a tuple"),
        pytest.param({b"a": 1}, id="a key of bytes"),
        pytest.param("\ud800", id="a lone surrogate"),
        pytest.param({"\udfff": "\ud800"}, id="a nested lone surrogate"),
        pytest.param(b"\xff", id="bytes"),
        pytest.param(object(), id="an object"),
        pytest.param(Hostile(), id="an object without a text"),
        pytest.param([Hostile()], id="a nested object without a text"),
        pytest.param({1, 2}, id="a set"),
        pytest.param(cycle(), id="a cycle"),
        pytest.param(deep(), id="a deep list"),
        pytest.param(10**5000, id="a number too long to print"),
        pytest.param(Decimal("1.5"), id="a decimal"),
        pytest.param(datetime.datetime(2024, 1, 1), id="a datetime"),
        pytest.param(uuid.UUID(int=1), id="a UUID"),
        pytest.param(Colour.RED, id="an enum"),
        pytest.param("a\nb\r\u2028\x85\x00\x1b[31m", id="control characters"),
        pytest.param("x" * 1_000_000, id="a megabyte"),
        pytest.param(lambda: None, id="a function"),
        pytest.param(iter([]), id="an iterator"),
    ],
)
class TestAnyValue:
    def test_of_an_extra_leaves_a_line_with_the_rest(self, value) -> None:
        line = line_of(odd=value, order=7)
        assert (line["message"], line["order"]) == ("hello", 7)
        assert "odd" in line

    def test_that_is_bound_leaves_a_line_with_the_rest(self, value) -> None:
        with log_context("mine", odd=value, order=7):
            line = line_of()
        assert (line["request_id"], line["order"]) == ("mine", 7)

    def test_for_a_message_leaves_a_line(self, value) -> None:
        assert isinstance(line_of(value, order=7)["message"], str)

    def test_for_an_argument_leaves_a_line(self, value) -> None:
        assert isinstance(line_of("said %s", value)["message"], str)


@pytest.mark.parametrize(
    ("msg", "args"),
    [
        pytest.param("%s and %s", ("one",), id="too few"),
        pytest.param("nothing", ("one",), id="too many"),
        pytest.param("%d", ("text",), id="of another kind"),
        pytest.param("%(name)s", ("no mapping",), id="no mapping"),
        pytest.param("100%", ("x",), id="half a format"),
        pytest.param("%s", (Hostile(),), id="without a text"),
        pytest.param(Hostile(), (), id="a message without a text"),
    ],
)
def test_arguments_that_do_not_fit_leave_a_line(msg, args) -> None:
    line = line_of(msg, *args)
    assert isinstance(line["message"], str)
    assert line["message"]


def test_a_message_is_cut_by_no_percent_sign() -> None:
    assert line_of("100% of %s")["message"] == "100% of %s"


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=[]))
    | st.binary()
    | st.just(Mute()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers() | st.none(), inner),
    max_leaves=8,
)
ANY_TEXT = st.text(st.characters(exclude_categories=[]))


@given(JUNK, st.lists(JUNK, max_size=2), st.dictionaries(ANY_TEXT, JUNK), ANY_TEXT)
def test_any_record_is_one_line_of_strict_json(msg, args, extra, name) -> None:
    record = logging.LogRecord(name, logging.INFO, "x.py", 1, msg, tuple(args), None)
    record.__dict__.update({k: v for k, v in extra.items() if k not in RECORD_NAMES})
    text = JsonFormatter().format(record)
    line = strict_json(text.encode("utf-8"))
    assert set(ALWAYS) <= set(line)
    assert line["level"] == "INFO"
    assert "\n" not in text


@given(st.dictionaries(ANY_TEXT, JUNK))
def test_whatever_is_bound_leaves_one_line_of_strict_json(fields) -> None:
    with log_context("mine"):
        bind(**fields)
        line = line_of()
    assert (line["request_id"], line["message"], line["level"]) == ("mine", "hello", "INFO")


class TestAnException:
    def test_has_its_type_and_traceback(self) -> None:
        try:
            raise KeyError("x")
        except KeyError:
            line = line_of(exc_info=sys.exc_info())
        assert line["exc_type"] == "KeyError"
        assert line["exc_info"].startswith("Traceback (most recent call last):\n")
        assert line["exc_info"].endswith("KeyError: 'x'")

    def test_has_its_causes(self) -> None:
        try:
            try:
                raise KeyError("first")
            except KeyError as error:
                raise ValueError("second") from error
        except ValueError:
            text = line_of(exc_info=sys.exc_info())["exc_info"]
        assert "KeyError: 'first'" in text
        assert "direct cause" in text

    @pytest.mark.parametrize(
        "error",
        [
            pytest.param(ExceptionGroup("group", [ValueError(), KeyError()]), id="a group"),
            pytest.param(UnicodeEncodeError("utf-8", "\ud800", 0, 1, "x"), id="a surrogate"),
            pytest.param(ValueError(Hostile()), id="a text that fails"),
            pytest.param(ValueError("a\nb\x1b[31m\u2028"), id="control characters"),
            pytest.param(SystemExit(1), id="SystemExit"),
        ],
    )
    def test_of_any_kind_leaves_a_line(self, error) -> None:
        line = line_of(exc_info=(type(error), error, None))
        assert line["exc_type"] == type(error).__name__
        assert line["exc_info"]

    def test_that_is_its_own_cause_leaves_a_line(self) -> None:
        error = ValueError("x")
        error.__cause__ = error
        assert "ValueError" in line_of(exc_info=(ValueError, error, None))["exc_info"]

    @pytest.mark.parametrize("nothing", [None, (None, None, None)])
    def test_that_is_none_has_no_fields(self, nothing) -> None:
        assert list(line_of(exc_info=nothing)) == ALWAYS


def test_a_stack_is_kept(log: Log) -> None:
    _log.info("here", stack_info=True)
    assert "test_a_stack_is_kept" in log.lines[0]["stack_info"]


def test_fields_can_be_renamed() -> None:
    line = line_of(formatter=JsonFormatter(rename_fields={"message": "msg", "level": "severity"}))
    assert (line["msg"], line["severity"]) == ("hello", "INFO")
    assert not {"message", "level"} & set(line)


NEW_NAMES = {"request_id": "id", "level": "severity", "service": "app"}


class TestANewName:
    @pytest.mark.parametrize("name", ["id", "severity", "app"])
    def test_is_taken_for_what_an_extra_is_called(self, name: str) -> None:
        formatter = JsonFormatter(rename_fields=NEW_NAMES, static_fields={"service": "shop"})
        with log_context("mine"):
            line = line_of(formatter=formatter, **{name: "theirs"})
        assert (line["id"], line["severity"], line["app"]) == ("mine", "INFO", "shop")
        assert line[f"extra_{name}"] == "theirs"

    def test_is_taken_where_its_field_is_not_on_the_line(self) -> None:
        line = line_of(formatter=JsonFormatter(rename_fields=NEW_NAMES), id="theirs")
        assert (line["extra_id"], "id" in line) == ("theirs", False)

    def test_is_taken_for_what_is_bound_and_for_static_fields(self) -> None:
        formatter = JsonFormatter(rename_fields=NEW_NAMES, static_fields={"id": "build 7"})
        with log_context("mine", severity="high", extra_id="also"):
            line = line_of(formatter=formatter)
        assert (line["id"], line["extra_severity"]) == ("mine", "high")
        assert sorted((line["extra_id"], line["extra_extra_id"])) == ["also", "build 7"]

    def test_of_another_field_of_ours_leaves_both(self) -> None:
        with log_context("mine"):
            line = line_of(formatter=JsonFormatter(rename_fields={"request_id": "logger"}))
        assert (line["logger"], line["extra_logger"]) == ("mine", "shop")

    def test_may_be_changed_for_another_one(self) -> None:
        line = line_of(formatter=JsonFormatter(rename_fields={"logger": "module", "module": "x"}))
        assert (line["module"], line["x"]) == ("shop", "shop")
        names = {"logger": "module", "module": "logger"}
        assert line_of(formatter=JsonFormatter(rename_fields=names))["logger"] == "shop"

    def test_of_two_fields_is_refused(self) -> None:
        with pytest.raises(ValueError, match="rename_fields"):
            JsonFormatter(rename_fields={"request_id": "id", "trace_id": "id"})


def test_two_handlers_write_the_same_line(log: Log) -> None:
    other = Log()
    _log.addHandler(other)
    try:
        with log_context("mine", order=7):
            _log.info("hello", extra={"path": "/tmp", "level": 3})
    finally:
        _log.removeHandler(other)
    assert other.lines == log.lines


def test_a_record_that_goes_through_a_queue_keeps_its_request(log: Log) -> None:
    waiting: queue.Queue[logging.LogRecord] = queue.Queue()
    handler = logging.handlers.QueueHandler(waiting)
    handler.addFilter(ContextFilter())
    _log.addHandler(handler)
    try:
        with log_context("mine", order=7):
            try:
                raise KeyError("x")
            except KeyError:
                _log.exception("hello", extra={"item": 1})
    finally:
        _log.removeHandler(handler)
    record = waiting.get_nowait()
    line = strict_json(JsonFormatter().format(record))
    assert (line["request_id"], line["order"], line["item"]) == ("mine", 7, 1)
    assert (line["message"], line["exc_type"]) == ("hello", "KeyError")
    assert line["exc_info"].startswith("Traceback")
    assert line["exc_info"].endswith("KeyError: 'x'")
    assert ConsoleFormatter().format(record).endswith("    KeyError: 'x'")
    assert not [name for name in line if name.startswith("extra_")]


def test_a_copied_record_is_the_same_line() -> None:
    record = logging.LogRecord("shop", logging.INFO, "x.py", 1, "hello", (), None)
    record.level = 3
    first = JsonFormatter().format(record)
    assert JsonFormatter().format(copy.copy(record)) == first
