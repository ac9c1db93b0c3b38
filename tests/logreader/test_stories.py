"""The story of a request, from the lines of its ID."""

from __future__ import annotations

import json
from typing import Any

from tests.logreader.log_lines import (
    FAILED_REQUEST,
    ID,
    START,
    access_line,
    continued_lines,
    error_line,
    line,
)
from wsgi_observe.logreader.record import Record
from wsgi_observe.logreader.story import Story, build_story


def story_of(*lines: str, related: tuple[str, ...] = ()) -> Story:
    return build_story(ID, map(record, lines), map(record, related))


def record(text: str) -> Record:
    return Record(json.loads(text), "shop.log")


def fields_of(story: Story) -> list[dict[str, Any]]:
    return [event.new_fields for event in story.events]


def test_a_request_is_summarized_from_its_access_line() -> None:
    (request,) = story_of(*FAILED_REQUEST).requests
    assert (request.text("path"), request.status, request.seconds) == ("/crash", 500, 0.5)
    assert (request.start, request.worker_pid) == (START, "7")


def test_events_are_in_the_order_of_their_times_with_offset_and_gap() -> None:
    story = story_of(*reversed(FAILED_REQUEST))
    assert [event.kind for event in story.events] == ["log", "error", "access"]
    assert [round(event.offset or 0, 3) for event in story.events] == [0.1, 0.4, 0.5]
    assert [round(event.gap, 3) for event in story.events] == [0.1, 0.3, 0.1]


def test_a_request_that_died_is_summarized_with_its_cause() -> None:
    died = line("GET /crash died: SIGKILL", 3, level="ERROR", outcome="died", cause="SIGKILL",
                age=3.0, worker_pid=9)  # fmt: skip
    story = story_of(line(at=0.1), died)
    (request,) = story.requests
    assert (request.text("cause"), request.seconds) == ("SIGKILL", 3.0)
    assert (request.worker_pid, request.start, request.status) == ("9", START, None)
    assert [event.kind for event in story.events] == ["log", "death"]


def test_a_request_that_died_and_was_answered_all_the_same_is_one() -> None:
    died = line("GET /crash died: worker timeout", 3, level="ERROR", outcome="died",
                cause="worker timeout", age=3.0, worker_pid=7)  # fmt: skip
    story = story_of(died, access_line(at=3.002))
    (request,) = story.requests
    assert (request.status, request.text("outcome")) == (500, "died")
    assert (request.text("cause"), request.seconds) == ("worker timeout", 3.002)
    assert [event.kind for event in story.events] == ["death", "access"]


def test_a_retry_of_a_request_that_died_is_another_one() -> None:
    died = line("GET /crash died: SIGKILL", 3, level="ERROR", outcome="died", cause="SIGKILL",
                age=3.0, worker_pid=7)  # fmt: skip
    again = access_line(at=0.5, timestamp="2026-11-29T02:06:48.500Z", status=200)
    story = story_of(died, again)
    assert [request.text("outcome") for request in story.requests] == ["died", "complete"]


def test_each_try_of_a_client_that_retries_is_a_request() -> None:
    again = (line(at=2.1), access_line(at=0.5, timestamp="2026-11-29T02:06:46.500Z", status=200))
    story = story_of(*FAILED_REQUEST, *again)
    assert [request.status for request in story.requests] == [500, 200]
    assert not any(event.is_after for event in story.events)


def test_what_is_logged_after_the_response_follows_it() -> None:
    job = line("mail sent", 9, job="mail")
    story = story_of(job, *FAILED_REQUEST)
    assert [event.is_after for event in story.events] == [False, False, False, True]
    assert story.events[-1].new_fields == {"job": "mail"}


def test_a_slow_line_has_its_stack() -> None:
    slow = line("GET /crash has run for 2.0 s", 2, level="WARNING", age=2.0, stack="File x")
    (event,) = story_of(slow).events
    assert (event.kind, event.stack) == ("slow", "File x")


def test_a_bound_field_is_shown_where_it_appears_or_changes() -> None:
    lines = (line(at=0.1, user="ann"), line(at=0.2, user="ann", order=1),
             line(at=0.3, user="bob", order=1))  # fmt: skip
    assert fields_of(story_of(*lines)) == [{"user": "ann"}, {"order": 1}, {"user": "bob"}]


def test_a_field_of_another_worker_does_not_hide_ones_own() -> None:
    lines = (line(at=0.1, user="ann"), line(at=0.2, user="ann", pid=8))
    assert fields_of(story_of(*lines)) == [{"user": "ann"}, {"user": "ann"}]


def test_a_record_in_parts_is_whole_again() -> None:
    message = "long " * 3000
    lines = continued_lines(message)
    assert len(lines) > 3
    (event,) = story_of(*lines).events
    assert event.text("message") == message
    assert "continued_in" not in event.new_fields


def test_a_record_whose_parts_are_not_all_there_is_as_short_as_its_line() -> None:
    lines = continued_lines("long " * 3000)
    (event,) = story_of(*lines[:-1]).events
    assert event.fields["truncated"] is True


def test_buffered_lines_are_marked() -> None:
    story = story_of(line(at=0.1, level="DEBUG", buffered=True), *FAILED_REQUEST)
    assert [event.is_buffered for event in story.events] == [True, False, False, False]


def test_lines_of_other_services_and_of_the_same_trace_are_in_the_timeline() -> None:
    trace = {"trace_id": "a" * 32}
    cart = line("cart read", 0.2, service="cart", **trace)
    mine = access_line(service="shop", **trace)
    related = (cart, mine, line("stock read", 0.3, request_id="other", service="stock", **trace))
    story = story_of(cart, mine, related=related)
    assert [event.text("message") for event in story.events] == [
        *("cart read", "stock read", "GET /crash 500"),
    ]
    assert [event.is_related for event in story.events] == [False, True, False]
    assert story.services == ("cart", "stock", "shop")
    assert story.trace_ids == {"a" * 32}


def test_an_exception_has_its_cause_and_the_frames_of_the_app() -> None:
    (event,) = story_of(error_line()).events
    raised, cause = event.exceptions
    assert (raised.type, raised.link, cause.type) == (
        *("shop.prices.PaymentError", "cause", "ZeroDivisionError"),
    )
    assert [frame.function for frame in raised.own_frames] == ["crash", "average"]
    assert [frame.package for frame in raised.frames] == ["flask", "", ""]
    assert cause.own_frames[0].code == "return sum(charges) / len(charges)"


def test_records_without_a_time_do_not_end_the_story() -> None:
    story = story_of(line(timestamp="soon"), line(timestamp=1e300), access_line(duration_ms="x"))
    assert [event.offset for event in story.events] == [None, None, 0.0]


def test_a_line_that_has_the_id_as_the_clients_is_there_once() -> None:
    cart = line("cart read", request_id="other", client_request_id=ID, trace_id="a" * 32)
    (event,) = story_of(cart, related=(cart,)).events
    assert event.is_related
