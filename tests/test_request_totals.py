"""count() and timed(): numbers that add up over a request, on its access line."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import call, doing
from tests.conftest import Log
from tests.support import strict_json
from wsgi_observe import bind, count, log_context, observe, timed
from wsgi_observe.logs import JsonFormatter
from wsgi_observe.totals import MAX_TOTALS


def app_that(act: Callable[[], object]) -> Any:
    return observe(doing(act))


def test_amounts_add_up_and_stay_numbers(log: Log) -> None:
    def act() -> None:
        count(cache_hits=1)
        count(cache_hits=2, bytes_read=0.5)

    call(app_that(act))
    assert (log.access["cache_hits"], log.access["bytes_read"]) == (3, 0.5)


def test_each_request_begins_at_zero(log: Log) -> None:
    app = app_that(lambda: count(cache_hits=1))
    call(app)
    call(app)
    assert [line["cache_hits"] for line in log.lines] == [1, 1]


def test_a_request_that_counts_nothing_has_no_such_field(log: Log) -> None:
    call(app_that(lambda: None))
    assert not [name for name in log.access if name.startswith("cache")]


def test_other_lines_of_the_request_have_none(log: Log) -> None:
    def act() -> None:
        count(cache_hits=1)
        logging.getLogger("shop").info("hello")

    call(app_that(act))
    assert "cache_hits" not in log.lines[0]
    assert log.access["cache_hits"] == 1


def test_a_stream_counts_until_its_end(log: Log) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        for _ in range(3):
            count(chunks=1)
            yield b"x"

    call(observe(app))
    assert log.access["chunks"] == 3


def test_threads_of_the_request_and_contexts_in_it_count_too(log: Log) -> None:
    def act() -> None:
        threads = [threading.Thread(target=copy_context().run, args=(add_many,)) for _ in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        with log_context(part="a"):
            count(steps=1)

    def add_many() -> None:
        for _ in range(500):
            count(steps=1)

    call(app_that(act))
    assert log.access["steps"] == 2001


def test_outside_a_request_nothing_is_counted(log: Log) -> None:
    count(cache_hits=1)
    with log_context("job"):
        count(cache_hits=1)
        with timed("render"):
            pass
    call(app_that(lambda: None))
    assert "cache_hits" not in log.access


def test_a_block_is_timed_also_when_it_raises(log: Log) -> None:
    def act() -> None:
        for _ in range(2):
            with timed("render"):
                time.sleep(0.002)
        with pytest.raises(KeyError), timed("lookup"):
            raise KeyError("x")

    call(app_that(act))
    assert log.access["render_ms"] >= 4
    assert log.access["lookup_ms"] >= 0
    assert log.access["render_ms"] == round(log.access["render_ms"], 3)


@pytest.mark.parametrize(
    ("name", "field"),
    [("status_code", "extra_status_code"), ("order", "extra_order"), ("pid", "extra_pid")],
    ids=["the access line's", "one that is bound", "every line's"],
)
def test_a_name_that_is_taken_gets_a_prefix(name: str, field: str, log: Log) -> None:
    def act() -> None:
        bind(order="x")
        count(**{name: 7})

    call(app_that(act))
    assert log.access[field] == 7
    assert log.access["status_code"] == 200


def test_a_static_field_keeps_its_name(log: Log) -> None:
    log.setFormatter(JsonFormatter(static_fields={"shard": 3}))
    call(app_that(lambda: count(shard=7)))
    assert (log.access["shard"], log.access["extra_shard"]) == (3, 7)


def test_a_number_under_a_sensitive_name_stays_a_number(log: Log) -> None:
    call(app_that(lambda: count(tokens=12, password_checks=1)))
    assert (log.access["tokens"], log.access["password_checks"]) == (12, 1)


@pytest.mark.parametrize(
    ("amount", "error"),
    [("1", TypeError), (None, TypeError), (float("nan"), ValueError), (float("inf"), ValueError)],
)
def test_what_is_no_number_is_refused_and_changes_nothing(amount, error, log: Log) -> None:
    def act() -> None:
        count(good=1)
        with pytest.raises(error, match="count"):
            count(good=1, bad=amount)

    call(app_that(act))
    assert log.access["good"] == 1
    assert "bad" not in log.access


def test_too_many_names_are_left_out_with_one_warning(log: Log) -> None:
    def act() -> None:
        for number in range(MAX_TOTALS + 50):
            count(**{f"name_{number}": 1})

    call(app_that(act))
    (warning,) = log.warnings
    assert str(MAX_TOTALS) in warning["message"]
    assert len([name for name in log.access if name.startswith("name_")]) == MAX_TOTALS


@given(
    st.dictionaries(
        st.text(st.sampled_from('abc_é\ud800"'), min_size=1),
        st.integers() | st.floats(allow_nan=False, allow_infinity=False),
        max_size=5,
    )
)
def test_any_name_and_number_makes_a_line_of_strict_json(
    log: Log, amounts: dict[str, float]
) -> None:
    log.clear()  # of the example before
    call(app_that(lambda: count(**amounts)))
    (text,) = log.texts
    assert strict_json(text)["status_code"] == 200
