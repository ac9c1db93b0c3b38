"""Errors in groups of the same cause, and counters of bounded size."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.logreader.log_lines import START, access_line, error_line, line
from wsgi_observe.logreader import error_search
from wsgi_observe.logreader.counting import DistinctCount, Histogram, count_bounded
from wsgi_observe.logreader.error_search import ErrorSearch
from wsgi_observe.logreader.groups import classify, select_new
from wsgi_observe.logreader.record import Record


def record(text: str) -> Record:
    return Record(json.loads(text))


def death(**fields: Any) -> str:
    return line("died", level="ERROR", outcome="died", **fields)


SAME_CAUSE: dict[str, tuple[str, str]] = {
    "an error_id, whatever else differs": (
        error_line(error_id="a1b2", exc_info="x"), error_line(error_id="a1b2", path="/other"),
    ),
    "an exception raised at the same place, on another machine": (
        error_line(), error_line(exc_info=json.loads(error_line())["exc_info"]
                                 .replace("/srv/", "/app/").replace("line 36", "line 40")),
    ),
    "a status of the same route": (
        access_line(level="ERROR", path="/orders/1", route="/orders/<id>"),
        access_line(level="ERROR", path="/orders/2", route="/orders/<id>"),
    ),
    "a status of paths with other numbers": (
        access_line(level="ERROR", route=None, path="/orders/1"),
        access_line(level="ERROR", route=None, path="/orders/2"),
    ),
    "a cause of death": (death(cause="SIGKILL"), death(cause="SIGKILL", age=9.0)),
    "a message with other values": (
        line("order 7 of 'ann' lost", level="ERROR"), line("order 8 of 'bob' lost", level="ERROR"),
    ),
}  # fmt: skip
OTHER_CAUSE = {
    "another error_id": (error_line(error_id="a1b2"), error_line(error_id="a1b3")),
    "another class": (error_line(), error_line(exc_type="KeyError")),
    "another place": (
        error_line(),
        error_line(exc_info=json.loads(error_line())["exc_info"].replace("in average", "in other")),
    ),
    "another status": (access_line(level="ERROR"), access_line(status=503, level="ERROR")),
    "another cause of death": (death(cause="SIGKILL"), death(cause="exit 1")),
    "another logger": (line(level="ERROR"), line(level="ERROR", logger="cart")),
}


@pytest.mark.parametrize("name", SAME_CAUSE)
def test_errors_of_the_same_cause_are_one_group(name: str) -> None:
    first, second = map(record, SAME_CAUSE[name])
    assert classify(first)[0] == classify(second)[0]


@pytest.mark.parametrize("name", OTHER_CAUSE)
def test_errors_of_different_causes_are_two_groups(name: str) -> None:
    first, second = map(record, OTHER_CAUSE[name])
    assert classify(first)[0] != classify(second)[0]


def group_of(*lines: str) -> Any:
    search = ErrorSearch()
    for one in lines:
        search.add(record(one))
    (group,) = search.groups
    return group


def test_a_group_has_what_its_errors_have_in_common() -> None:
    group = group_of(
        *(error_line(at, request_id=f"id-{at}", release="1.2") for at in range(9)),
        error_line(10, request_id="id-8", release="1.3"),
    )
    assert (group.count, group.requests.value) == (10, 9)
    assert (group.first, group.last) == (START, START + 10)
    assert group.newest_ids == ["id-8", "id-7", "id-6", "id-5", "id-4"]
    assert group.title == "shop.prices.PaymentError"
    assert (group.message, group.frame.function) == ("no charges", "average")
    assert group.releases == {"1.2": 9, "1.3": 1}
    assert group.routes == {"/crash": 10}


def test_a_group_has_the_jobs_that_failed() -> None:
    jobs = ("shop.charge", "shop.charge", "shop.mail", None)
    group = group_of(*(error_line(error_id="a1b2", job=job) for job in jobs))
    assert group.jobs == {"shop.charge": 2, "shop.mail": 1}


def test_a_group_is_new_if_it_never_occurred_before_the_release() -> None:
    old, new, without = (
        group_of(error_line(0, release="1"), error_line(9, release="2")),
        group_of(error_line(9, release="2"), error_line(12, release="3")),
        group_of(error_line(9)),
    )
    first_seen = {"1": START, "2": START + 5, "3": START + 11}
    assert select_new([old, new, without], "2", first_seen) == [new]


def test_more_groups_than_are_kept_apart_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(error_search, "MAX_GROUPS", 3)
    search = ErrorSearch()
    for number in range(5):
        search.add(record(error_line(error_id=str(number))))
    assert (len(search.groups), search.ungrouped) == (3, 2)


@given(st.lists(st.integers(0, 500)))
def test_few_distinct_texts_are_counted_exactly(numbers: list[int]) -> None:
    count = DistinctCount()
    for number in numbers:
        count.add(str(number))
    assert (count.value, count.is_exact) == (len(set(numbers)), True)


def test_many_distinct_texts_are_estimated_in_bounded_memory() -> None:
    count = DistinctCount(size=512)
    for number in range(40_000):
        count.add(str(number % 20_000))
    assert not count.is_exact
    assert count.value == pytest.approx(20_000, rel=0.15)


@given(st.lists(st.floats(0, 253e9), min_size=1))
def test_a_histogram_counts_each_event_once_in_bounded_memory(times: list[float]) -> None:
    histogram = Histogram(max_buckets=8)
    for time in times:
        histogram.add(time)
    assert sum(histogram.resample(min(times), max(times), 40)) == len(times)
    assert len(histogram._buckets) <= 8


def test_a_counter_keeps_as_many_texts_as_it_may() -> None:
    counts = Counter[str]()
    for text in "abcab":
        count_bounded(counts, text, size=2)
    assert counts == {"a": 2, "b": 2}
