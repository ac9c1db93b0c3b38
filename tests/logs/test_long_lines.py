"""Long records: one line that keeps what is needed first, then the whole in parts."""

import logging
import sys
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import strict_json
from wsgi_observe import bind, log_context
from wsgi_observe.field_names import RECORD_NAMES
from wsgi_observe.logs import JsonFormatter, join
from wsgi_observe.logs.formatters.tracebacks import cut_traceback
from wsgi_observe.logs.formatters.truncation import cut_middle, json_size, take_head

ALWAYS = ["timestamp", "level", "logger", "module", "message", "pid"]
ANY_TEXT = st.text(st.characters(exclude_categories=[]))


def record_of(msg: object = "hello", *args: Any, level: int = logging.ERROR, **extra: Any) -> Any:
    exc_info = extra.pop("exc_info", None)
    record = logging.LogRecord("shop", level, "shop.py", 1, msg, args, exc_info)
    record.__dict__.update(extra)
    return record


def lines_of(record: logging.LogRecord, **options: Any) -> list[bytes]:
    """Return its lines: each strict JSON, within the cap, and the record when put together."""
    formatter = JsonFormatter(**options)
    lines = formatter.lines(record)
    longest = options.get("max_line_bytes", 4096)
    for line in lines:
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        assert len(line) <= longest
        assert set(ALWAYS) <= set(strict_json(line)) or options.get("rename_fields")
    whole = formatter.format(record)
    if len(whole.encode()) <= 64 * 1024:
        assert join(lines) == [strict_json(whole)]
    return lines


def first_of(record: logging.LogRecord, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = strict_json(lines_of(record, **options)[0])
    return found


def test_a_record_that_fits_is_one_line() -> None:
    assert len(lines_of(record_of("x" * 3900))) == 1


@pytest.mark.parametrize("longest", [1024, 4096, 65536])
def test_a_line_is_as_long_as_it_may_be_and_no_longer(longest: int) -> None:
    short = len(lines_of(record_of(""))[0])
    exact = record_of("x" * (longest - short))
    assert [len(line) for line in lines_of(exact, max_line_bytes=longest)] == [longest]
    over = lines_of(record_of("x" * (longest - short + 1)), max_line_bytes=longest)
    assert len(over) > 1
    assert len(over[0]) > longest - 16


def test_a_longer_one_is_one_line_of_its_level_and_the_parts_are_info() -> None:
    with log_context("mine"):
        lines = [strict_json(line) for line in lines_of(record_of("x" * 9000))]
    first, *parts = lines
    assert (first["level"], first["truncated"]) == ("ERROR", True)
    assert first["message"].startswith("xxx")
    assert first["message"].endswith("xxx")
    assert "characters cut" in first["message"]
    assert {part["level"] for part in parts} == {"INFO"}
    assert {line["request_id"] for line in lines} == {"mine"}
    assert [part["part"] for part in parts] == list(range(1, len(parts) + 1))
    assert {part["parts"] for part in parts} == {len(parts)}


def test_the_longest_text_is_the_one_that_is_cut() -> None:
    first = first_of(record_of("short", long="x" * 9000, middle="y" * 500))
    assert (first["message"], first["middle"]) == ("short", "y" * 500)
    assert len(first["long"]) > 2500


def test_a_value_that_is_no_text_is_cut_as_its_json() -> None:
    first = first_of(record_of(items=list(range(5000)), order=7))
    assert first["items"].startswith("[0,1,2")
    assert first["items"].endswith("4999]")
    assert first["order"] == 7


def test_a_long_stack_is_cut_between_frames_as_a_traceback_is() -> None:
    frame = '  File "/app/shop.py", line 7, in read\n    return read(order)\n'
    record = record_of(
        "hello", stack_info="Stack (most recent call last):\n" + (frame * 200).rstrip()
    )
    line = strict_json(JsonFormatter().lines(record)[0])
    first, *frames, last = line["stack_info"].split("\n")
    assert first == "Stack (most recent call last):"
    assert any("frames cut" in one for one in frames)
    assert last == "    return read(order)"


def test_two_hundred_bound_fields_leave_every_promised_one() -> None:
    with log_context("mine"):
        bind(**{f"field_{number}": "x" * 100 for number in range(200)})
        first = first_of(record_of("hello"))
    assert {*ALWAYS, "request_id"} <= set(first)
    assert (first["message"], first["request_id"]) == ("hello", "mine")


def test_a_megabyte_is_written_up_to_64_kilobytes() -> None:
    lines = lines_of(record_of("x" * 1_000_000))
    (whole,) = join(lines)
    assert 60_000 < len(whole["message"]) <= 64 * 1024
    assert whole["truncated"] is True
    assert sum(map(len, lines)) < 100_000


def test_a_limit_that_leaves_no_room_ends_all_the_same() -> None:
    lines = JsonFormatter(max_line_bytes=100).lines(record_of("x" * 1000))
    assert strict_json(lines[0])["truncated"] is True
    assert all(strict_json(line) for line in lines)


def test_own_fields_with_our_names_are_kept() -> None:
    extra = {"truncated": "a", "continued_in": "b", "part": 1, "parts": 2, "text": "c"}
    first = first_of(record_of("x" * 9000, **extra))
    assert (first["extra_truncated"], first["extra_continued_in"]) == ("a", "b")
    assert (first["extra_part"], first["extra_parts"], first["text"]) == (1, 2, "c")


def test_renamed_fields_are_cut_too() -> None:
    names = {"message": "a_much_longer_name_for_it", "level": "severity"}
    first = first_of(record_of("x" * 9000), rename_fields=names)
    assert first["severity"] == "ERROR"
    assert "characters cut" in first["a_much_longer_name_for_it"]


def test_records_that_are_mixed_up_are_put_together_each_by_itself() -> None:
    one, two = lines_of(record_of("a" * 9000)), lines_of(record_of("b" * 9000))
    mixed = [line for pair in zip(two, one, strict=True) for line in pair]
    found = join([b"no JSON", *mixed, '{"message": "short"}', "[]"])
    assert [r["message"] for r in found] == ["b" * 9000, "a" * 9000, "short"]


def test_a_record_whose_parts_are_not_all_there_stays_short() -> None:
    lines = lines_of(record_of("a" * 9000))
    assert join(lines[:-1]) == [strict_json(lines[0])]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT | st.integers(), inner),
    max_leaves=8,
)
TIMES = st.sampled_from([1, 1, 50, 700, 4000])


@given(
    *(ANY_TEXT, TIMES),
    st.dictionaries(ANY_TEXT, JUNK),
    st.dictionaries(ANY_TEXT, st.tuples(ANY_TEXT, TIMES), max_size=4),
    *(ANY_TEXT, TIMES),
)
def test_any_record_leaves_lines_that_fit_and_joined_are_the_whole(
    msg, msg_times, extra, bound, error, error_times
) -> None:
    failure = ValueError(error * error_times)
    record = record_of(msg * msg_times, exc_info=(ValueError, failure, None))
    record.__dict__.update({k: v for k, v in extra.items() if k not in RECORD_NAMES})
    with log_context("mine"):
        bind(**{name: text * times for name, (text, times) in bound.items()})
        lines = lines_of(record)
    first = strict_json(lines[0])
    assert {*ALWAYS, "request_id", "exc_type", "exc_info"} <= set(first)
    assert (first["level"], first["request_id"]) == ("ERROR", "mine")
    assert "ValueError" in first["exc_info"]


SURROGATES = st.text(st.characters(categories=["Cs"]), min_size=1)
NEW_NAMES = {"message": "a_much_longer_name_for_it", "level": "severity", "note": "n" * 200}


@given(
    st.lists(ANY_TEXT | SURROGATES, min_size=1, max_size=3),
    TIMES,
    st.sampled_from(["json", "orjson"]),
    st.sampled_from([{}, NEW_NAMES]),
)
def test_what_is_written_fits_whatever_it_is_and_whoever_encodes_it(
    texts, times, encoder, names
) -> None:
    msg, note, value = (text * times for text in (texts * 3)[:3])
    extra = {"note": note, value[:90]: value, "data": [value, {note[:9]: note}], "\ud800": msg}
    record = record_of(msg, exc_info=(ValueError, ValueError(msg), None))
    record.__dict__.update({k: v for k, v in extra.items() if k not in RECORD_NAMES})
    for line in JsonFormatter(encoder=encoder, rename_fields=names).lines(record):
        assert len(line) <= 4096
        strict_json(line)


class Growing:
    """Has a longer text each time that it is asked."""

    def __init__(self) -> None:
        self.length = 3000

    def __str__(self) -> str:
        self.length += 500
        return "x" * self.length


def test_an_object_that_grows_while_it_is_written_makes_no_line_longer() -> None:
    record = record_of("hello", one=Growing(), other="y" * 900)
    for line in JsonFormatter(redact=False).lines(record):
        assert len(line) <= 4096


@given(ANY_TEXT, TIMES, st.integers(30, 3000))
def test_a_cut_text_takes_no_more_than_it_may(text: str, times: int, limit: int) -> None:
    whole = text * times
    assert json_size(cut_middle(whole, limit)) <= limit
    assert whole.startswith(take_head(whole, 0, limit))


class TestATraceback:
    def text(self, error: BaseException) -> str:
        return "".join(traceback.format_exception(error)).rstrip("\n")

    def raised(self, function: Any) -> str:
        try:
            function()
        except BaseException as error:
            return self.text(error)
        raise AssertionError

    def test_of_two_hundred_frames_keeps_its_own_line_and_the_frame_that_raised(self) -> None:
        names: dict[str, Any] = {}
        for number in range(200):
            below = f"f{number - 1}()" if number else "raise KeyError('the reason')"
            code = f"def f{number}():\n    {below}\n"
            exec(compile(code, f"/srv/shop/module_{number}.py", "exec"), names)
        text = self.raised(names["f199"])
        shown = cut_traceback(text, 2000)
        assert json_size(shown) <= 2000
        assert shown.startswith("Traceback (most recent call last):\n")
        assert shown.endswith("KeyError: 'the reason'")
        assert "module_0.py" in shown
        assert "module_1.py" in shown
        assert "frames cut" in shown

    def test_of_deep_recursion_is_cut_too(self) -> None:
        def deeper(number: int) -> None:
            deeper(number + 1)

        line = first_of(record_of(exc_info=self.info(lambda: deeper(0))))
        assert line["exc_info"].endswith("maximum recursion depth exceeded")

    def info(self, function: Any) -> Any:
        try:
            function()
        except BaseException:
            return sys.exc_info()

    def test_keeps_the_apps_own_frames_before_other_peoples(self) -> None:
        frame = '  File "{}", line {}, in call\n    work({})\n'
        other = "/usr/lib/python3.11/site-packages/framework/deep/inside/app.py"
        frames = [frame.format(other, n, "x" * 60) for n in range(40)]
        frames[3] = frame.format("/srv/shop/views.py", 3, "own")
        frames[17] = frame.format("/srv/shop/models.py", 17, "own")
        text = "Traceback (most recent call last):\n" + "".join(frames) + "KeyError: 'x'"
        shown = cut_traceback(text, 900)
        assert "/srv/shop/views.py" in shown
        assert "/srv/shop/models.py" in shown
        assert "line 39, in call" in shown
        assert "line 20, in call" not in shown
        assert json_size(shown) <= 900

    def test_keeps_every_causes_headline(self) -> None:
        def chain(number: int) -> None:
            if not number:
                raise KeyError("the first")
            try:
                chain(number - 1)
            except Exception as error:
                raise ValueError(f"cause {number} " + "x" * 500) from error

        text = self.raised(lambda: chain(8))
        shown = cut_traceback(text, 2500)
        assert json_size(shown) <= 2500
        assert "KeyError: 'the first'" in shown
        assert all(f"ValueError: cause {number}" in shown for number in range(1, 9))
        assert shown.splitlines()[-1].startswith("ValueError: cause 8")

    def test_of_a_group_keeps_its_headline(self) -> None:
        errors = [ValueError(f"error {number} " + "x" * 200) for number in range(40)]
        shown = cut_traceback(self.raised(lambda: self.fail(errors)), 1500)
        assert "ExceptionGroup: several" in shown
        assert json_size(shown) <= 1500

    def test_of_a_group_in_a_group_counts_each_frame_that_is_cut(self) -> None:
        path = "/usr/lib/python3.11/site-packages/framework/app.py"
        frame = '    |   File "{}", line {}, in call\n    |     work()\n'
        frames = [frame.format(path, number) for number in range(40)]
        start = "    | Traceback (most recent call last):\n"
        shown = cut_traceback(f"{start}{''.join(frames)}    | ValueError: x", 800)
        kept = shown.count("File")
        assert 0 < kept < 40
        assert f"{40 - kept} frames cut" in shown

    def fail(self, errors: list[ValueError]) -> None:
        raise ExceptionGroup("several", errors)

    def test_keeps_a_note_where_there_is_room(self) -> None:
        error = ValueError("x")
        error.add_note("seen with order 7")
        assert (
            "seen with order 7"
            in first_of(record_of(exc_info=(ValueError, error, None)))["exc_info"]
        )

    def test_of_an_exception_with_a_megabyte_to_say_is_cut(self) -> None:
        text = self.raised(lambda: self.fail_with("x" * 1_000_000))
        shown = cut_traceback(text, 1000)
        assert "fail_with" in shown
        assert "ValueError: xxx" in shown

    def fail_with(self, text: str) -> None:
        raise ValueError(text)

    @given(ANY_TEXT, st.integers(200, 2000))
    def test_any_text_is_cut_to_its_size(self, text: str, limit: int) -> None:
        assert json_size(cut_traceback(text * 40, limit)) <= limit
