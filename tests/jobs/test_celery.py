"""Celery: what a request asks for is found under its ID, in real workers at a real Redis."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import dropwhile
from typing import Any

import pytest

pytest.importorskip("celery")

from celery import chain, chord, group

from tests.jobs import tasks
from tests.jobs.celery_worker import worker
from tests.jobs.working import TRACE, errors_of, lines_of, request
from tests.marks import first_by_default
from tests.support import Server, strict_json

POOLS = first_by_default(["prefork", "threads", "gevent", "solo"])


@pytest.fixture(scope="module", params=POOLS)
def each(request: pytest.FixtureRequest, broker: str) -> Iterator[Server]:
    """A worker for all tests that do it no harm."""
    with worker(broker, pool=request.param) as running:
        yield running


def test_every_line_of_a_job_has_the_request_it_is_of(each: Server) -> None:
    request(lambda: tasks.ship.delay(3), "whole")
    lines = lines_of(each, "whole", "received", "shipping 3", "succeeded")
    for line in lines:
        assert (line["job"], line["retry"]) == ("tests.jobs.tasks.ship", 0)
        assert (line["trace_id"], len(line["span_id"])) == (TRACE, 16)
        assert len(line["user"]) == 64
        assert {"method", "path", "data"}.isdisjoint(line)
    assert len({line["job_id"] for line in lines}) == 1
    assert errors_of(lines) == []


def test_what_a_job_calls_belongs_to_the_requests_trace(each: Server) -> None:
    traceparent, tracestate = request(tasks.trace.delay, "traced").get(timeout=20)
    (line, *_) = lines_of(each, "traced", "received")
    assert traceparent == f"00-{TRACE}-{line['span_id']}-{line['trace_flags']}"
    assert tracestate == "congo=t61"


def test_a_failure_is_one_error_line_under_the_id_without_the_arguments(each: Server) -> None:
    request(lambda: tasks.fail.delay(password="hunter2-canary"), "failing")
    (error,) = errors_of(lines_of(each, "failing", "raised unexpected"))
    assert (error["logger"], error["exc_type"]) == ("celery.app.trace", "PaymentError")
    assert error["exc_info"].endswith("PaymentError: card declined")
    assert len(error["error_id"]) == 12
    assert "hunter2-canary" not in "\n".join(each.lines)


def test_what_a_job_has_logged_itself_is_no_second_error(each: Server) -> None:
    request(tasks.log_and_fail.delay, "logged")
    lines = lines_of(each, "logged", "cannot pay", "raised unexpected")
    assert [line["logger"] for line in errors_of(lines)] == ["shop"]


def test_an_exception_reaches_the_result_as_it_was_raised_though_it_was_logged(
    each: Server,
) -> None:
    result = request(tasks.log_and_fail.delay, "result")
    with pytest.raises(tasks.PaymentError, match="card declined"):
        result.get(timeout=20)


def test_each_retry_has_the_id_and_only_the_last_is_an_error(each: Server) -> None:
    request(tasks.try_thrice.delay, "retried")
    lines = lines_of(each, "retried", "raised unexpected")
    assert [line["retry"] for line in lines if line["message"] == "trying"] == [0, 1, 2]
    assert [line["retry"] for line in errors_of(lines)] == [2]
    assert len({line["job_id"] for line in lines}) == 1


def test_the_whole_of_a_canvas_has_the_id(each: Server) -> None:
    header = group(tasks.ship.s(1), chain(tasks.ship.si(5), tasks.ship.s()))
    request(lambda: chord(header, tasks.total.s()).delay(), "canvas")
    lines = lines_of(each, "canvas", "total 6")
    logged = sorted(line["message"] for line in lines if line["logger"] == "shop")
    assert logged == ["shipping 1", "shipping 5", "shipping 5", "total 6"]


def test_what_a_failed_job_calls_has_the_id(each: Server) -> None:
    request(lambda: tasks.fail.apply_async(link_error=tasks.report.s()), "errback")
    lines = lines_of(each, "errback", "reported", "raised unexpected")
    assert len(errors_of(lines)) == 1


def test_a_job_that_a_job_asks_for_has_the_id(each: Server) -> None:
    request(tasks.ask_for_more.delay, "more")
    assert lines_of(each, "more", "shipping 7")[-1]["user"]


def test_a_job_that_no_request_asks_for_has_the_id_of_its_root(each: Server) -> None:
    root = chain(tasks.ship.s(8), tasks.try_thrice.si()).delay().parent.id
    lines = lines_of(each, root, "shipping 8", "raised unexpected")
    assert {line["retry"] for line in lines} == {0, 1, 2}
    assert "user" not in lines[0]


def test_a_forged_context_is_not_taken_over(each: Server) -> None:
    forged = {"request_id": "a\nb", "trace_id": TRACE, "span_id": 5, "user": "jane"}
    job = tasks.ship.apply_async([4], headers={"wsgi_observe": forged})
    lines = lines_of(each, job.id, "shipping 4")
    assert {"trace_id", "span_id", "user"}.isdisjoint(lines[0])


@pytest.mark.slow
def test_two_hundred_jobs_at_once_have_no_line_under_anothers_id(each: Server) -> None:
    names = [f"row-{number}" for number in range(200)]
    for name in names:
        request(lambda name=name: tasks.say_twice.delay(name), name)
    for name in names:
        lines_of(each, name, "received", "succeeded")
    logged = [line for line in each.records if line["message"].startswith("row-")]
    assert len(logged) == 400
    assert all(line["message"] == line["request_id"] for line in logged)


def test_a_worker_writes_json_alone(each: Server) -> None:
    request(lambda: tasks.ship.delay(6), "last")
    lines_of(each, "last", "succeeded")
    # The warning about root comes before Celery has logging configured.
    lines = dropwhile(lambda line: not line.startswith("{"), each.lines)
    assert [line for line in lines if line and not strict_json(line)] == []


@pytest.mark.slow
def test_a_job_that_its_caller_runs_is_the_callers(log: Any) -> None:
    request(lambda: tasks.ship.apply([2]), "eager")
    (line,) = [line for line in log.of("shop") if line["request_id"] == "eager"]
    assert (line["job"], line["trace_id"]) == ("tests.jobs.tasks.ship", TRACE)
    assert line["user"] == log.access["user"]
    assert "job" not in log.access
