"""RQ: what a request asks for is found under its ID, in real workers at a real Redis."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

rq = pytest.importorskip("rq")

from redis import Redis  # noqa: E402

from tests.jobs import rq_jobs as jobs  # noqa: E402
from tests.jobs.working import TRACE, errors_of, lines_of, request, working  # noqa: E402
from tests.marks import first_by_default  # noqa: E402
from tests.support import Server, strict_json  # noqa: E402
from wsgi_observe.rq import Queue  # noqa: E402

CLASSES = first_by_default(["wsgi_observe.rq.Worker", "wsgi_observe.rq.SimpleWorker"])
FORKING = CLASSES[0]


@pytest.fixture(scope="session")
def connection(broker: str) -> Iterator[Redis]:
    with Redis.from_url(broker) as connection:
        yield connection


def worker(url: str, queue: str, kind: str = FORKING, **env: str) -> AbstractContextManager[Server]:
    command = [str(Path(sys.executable).with_name("rq")), "worker", queue, "-w", kind, "-u", url]
    return working(*command, "--path", ".", env=env)


@pytest.fixture(scope="module", params=CLASSES)
def each(request: pytest.FixtureRequest, broker: str) -> Iterator[Server]:
    """A worker for all tests that do it no harm."""
    with worker(broker, "default", request.param) as running:
        yield running


@pytest.fixture(scope="module")
def queue(connection: Redis) -> Queue:
    return Queue(connection=connection)


def test_every_line_of_a_job_has_the_request_it_is_of(each: Server, queue: Queue) -> None:
    job = request(lambda: queue.enqueue(jobs.ship, 3), "whole")
    lines = lines_of(each, "whole", "started", "shipping 3", "Job OK")
    for line in lines:
        assert (line["job"], line["job_id"]) == ("tests.jobs.rq_jobs.ship", job.id)
        assert (line["retry"], line["trace_id"], len(line["span_id"])) == (0, TRACE, 16)
        assert len(line["user"]) == 64
        assert {"method", "path"}.isdisjoint(line)
    assert errors_of(lines) == []


def test_a_failure_is_one_error_line_under_the_id(each: Server, queue: Queue) -> None:
    request(lambda: queue.enqueue(jobs.fail), "failing")
    (error,) = errors_of(lines_of(each, "failing", "failed"))
    assert (error["logger"], error["exc_type"]) == ("wsgi_observe.rq", "ValueError")
    assert error["exc_info"].endswith("ValueError: card declined")
    assert len(error["error_id"]) == 12
    assert {"arguments", "kwargs", "func"}.isdisjoint(error)


def test_what_a_job_has_logged_itself_is_no_second_error(each: Server, queue: Queue) -> None:
    request(lambda: queue.enqueue(jobs.log_and_fail), "logged")
    lines = lines_of(each, "logged", "cannot pay", "failed")
    assert [line["logger"] for line in errors_of(lines)] == ["shop"]


def test_each_retry_has_the_id_and_only_the_last_is_an_error(each: Server, queue: Queue) -> None:
    request(lambda: queue.enqueue(jobs.fail, retry=rq.Retry(max=2)), "retried")
    each.wait_for(lambda: errors_of(each.lines_of("retried")))
    failures = [line for line in each.lines_of("retried") if "failed" in line["message"]]
    assert [(line["level"], line["retry"]) for line in failures] == [
        *(("WARNING", 0), ("WARNING", 1), ("ERROR", 2)),
    ]


def test_a_job_that_returns_a_retry_too_often_has_failed(each: Server, queue: Queue) -> None:
    request(lambda: queue.enqueue(jobs.return_retry), "returned")
    (error,) = errors_of(lines_of(each, "returned", "exceeded maximum retry attempts"))
    assert error["retry"] == 2


def test_a_job_that_depends_on_another_has_the_id_of_its_own_request(
    each: Server, queue: Queue
) -> None:
    first = request(lambda: queue.enqueue(jobs.ship, 1), "first")
    request(lambda: queue.enqueue(jobs.ship, 2, depends_on=first), "second")
    lines_of(each, "first", "shipping 1")
    lines_of(each, "second", "shipping 2")


def test_a_job_that_a_job_asks_for_has_the_id(each: Server, queue: Queue) -> None:
    request(lambda: queue.enqueue(jobs.ask_for_more), "more")
    assert lines_of(each, "more", "shipping 7")[-1]["user"]


@pytest.mark.parametrize("kind", [rq.Queue, Queue])
def test_a_job_that_no_request_asks_for_has_its_own_id(
    each: Server, connection: Redis, kind: Any
) -> None:
    job = kind(connection=connection).enqueue(jobs.fail)
    (error,) = errors_of(lines_of(each, job.id, "failed"))
    assert "user" not in error


def test_what_the_app_has_put_into_meta_stays(each: Server, queue: Queue) -> None:
    job = request(lambda: queue.enqueue(jobs.ship, 5, meta={"tenant": "a"}), "meta")
    lines_of(each, "meta", "shipping 5")
    assert job.get_meta()["tenant"] == "a"
    assert job.meta["wsgi_observe"]["request_id"] == "meta"


def test_a_worker_writes_json_alone(each: Server, queue: Queue) -> None:
    request(lambda: queue.enqueue(jobs.ship, 6), "last")
    lines_of(each, "last", "Job OK")
    assert [line for line in each.lines if not strict_json(line)] == []
    assert len(each.lines) == len(set(each.lines))


def test_a_job_that_its_caller_runs_is_the_requests(log: Any, connection: Redis) -> None:
    request(lambda: Queue(connection=connection, is_async=False).enqueue(jobs.ship, 2), "eager")
    (line,) = log.of("shop")
    assert (line["request_id"], line["trace_id"]) == ("eager", TRACE)


# ---- the ends of processes


def test_a_job_whose_process_is_killed_is_one_error_line_under_the_id(
    broker: str, connection: Redis
) -> None:
    queue = Queue("killed", connection=connection)
    with worker(broker, "killed") as running:
        request(lambda: queue.enqueue(jobs.die, retry=rq.Retry(max=1)), "killed")
        running.wait_for(lambda: errors_of(running.lines_of("killed")))
        deaths = [line for line in running.lines_of("killed") if "cause" in line]
        assert [(line["level"], line["retry"], line["cause"]) for line in deaths] == [
            *(("WARNING", 0, "SIGKILL"), ("ERROR", 1, "SIGKILL")),
        ]
        assert len(errors_of(running.records)) == 1


@pytest.mark.slow
def test_a_job_whose_worker_is_killed_is_reported_by_the_next_one(
    broker: str, connection: Redis
) -> None:
    queue = Queue("orphans", connection=connection)
    with worker(broker, "orphans") as first:
        job = request(lambda: queue.enqueue(jobs.sleep, 60), "orphan")
        left = lines_of(first, "orphan", "started", "sleeping")
        first.kill()
        assert errors_of(left) == []
    _let_time_pass(connection, job)
    with worker(broker, "orphans") as second:
        # Until it is busy, RQ's handler of SIGTERM raises in the midst of whatever runs.
        request(lambda: queue.enqueue(jobs.ship, 1), "next")
        lines_of(second, "next", "Job OK")
        (error,) = errors_of(lines_of(second, "orphan", "died with its worker"))
        assert (error["exc_type"], error["job_id"]) == ("AbandonedJobError", job.id)


def _let_time_pass(connection: Redis, job: Any) -> None:
    """Have the entry expire by which RQ knows that the job is run."""
    key = f"rq:wip:{job.origin}"
    for execution in connection.zrange(key, 0, -1):
        connection.zadd(key, {execution: 1})


# ---- logging


@pytest.mark.slow
def test_the_environment_says_how_a_worker_logs(broker: str, connection: Redis) -> None:
    queue = Queue("quiet", connection=connection)
    env = {"WSGI_OBSERVE_LOG_LEVEL": "WARNING,rq.worker=WARNING,wsgi_observe=WARNING"}
    with worker(broker, "quiet", **env, WSGI_OBSERVE_LOG_FIELDS="service=jobs") as running:
        request(lambda: queue.enqueue(jobs.fail), "quiet")
        (line,) = lines_of(running, "quiet", "failed")
        assert (line["level"], line["service"]) == ("ERROR", "jobs")
