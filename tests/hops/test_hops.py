"""Requests over three hops under load: no line under a wrong ID, and none without."""

from __future__ import annotations

import http.client
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any

import pytest

from tests.gunicorn.serving import BY_LOGGER, KINDS, ROOT, bare
from tests.jobs.working import working
from tests.support import PATIENCE, Server, eventually

CLIENTS = 32
FAILS_EACH = 5  # of the jobs, one, and is tried again
SECONDS = 400.0  # for 10,000 requests on two cores that have other work, too
SERVICES = "tests.hops.services"
CELERY = (sys.executable, "-m", "celery", "-q", "-A", f"{SERVICES}:celery", "worker")
RQ = (sys.executable, "-m", "rq.cli", "worker", "hops", "--path", ".")
WORKERS = {
    "celery": (*CELERY, "-P", "prefork", "-c", "2", "--max-tasks-per-child", "1000"),
    "rq": (*RQ, "-w", "wsgi_observe.rq.SimpleWorker"),
}


class Client(threading.Thread):
    """Asks with an ID of its own each time, on one connection."""

    def __init__(self, port: int, numbers: Iterator[int], wanted: int) -> None:
        super().__init__()
        self.port, self.numbers, self.wanted = port, numbers, wanted
        self.wrong: list[object] = []

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE * 3)
        for number in iter(self.numbers.__next__, None):
            if number >= self.wanted:
                break
            own = id_of(number)
            headers = {"X-Request-ID": own, "traceparent": f"00-{trace_of(number)}-{'1' * 16}-01"}
            connection.request("GET", f"/{number}", headers=headers)
            answer = connection.getresponse()
            answer.read()
            if (answer.status, answer.headers["X-Request-ID"]) != (200, own):
                self.wrong.append((own, answer.status, answer.headers["X-Request-ID"]))
        connection.close()


def id_of(number: int) -> str:
    return f"hop-{number}"


def trace_of(number: int) -> str:
    return f"{number + 1:032x}"


@contextmanager
def services(kind: str, third: str, broker: str) -> Iterator[dict[str, Server]]:
    """Start all three, the last one first."""
    env = {"REDIS_URL": broker, "FAILS_EACH": str(FAILS_EACH), "WSGI_OBSERVE_LOG_FORMAT": "json"}
    # This process reads six pipes while it is 32 clients: no line is to be dropped meanwhile.
    env["WSGI_OBSERVE_LOG_WAIT"] = "30"
    options = (*BY_LOGGER, *KINDS[kind], "-w", "2", "--keep-alive", "60")
    if kind == "gthread":
        options = (*options, "--threads", str(CLIENTS))
    with ExitStack() as stack:
        started: dict[str, Server] = {}
        if third == "http":
            app = f"{SERVICES}:third"
            started["third"] = stack.enter_context(bare(*options, app=app, env=env))
            third = str(started["third"].port)
        else:
            command = (*WORKERS[third], *(("-u", broker) if third == "rq" else ()))
            started["third"] = stack.enter_context(working(*command, env=env))
        env["THIRD"] = third
        for name in ("second", "first"):
            app = f"{SERVICES}:{name}"
            started[name] = stack.enter_context(bare(*options, app=app, env=env, cwd=ROOT))
            env["SECOND"] = str(started[name].port)
        yield started


@pytest.mark.parametrize(
    ("kind", "third", "requests"),
    [
        pytest.param("gthread", "http", 300, marks=pytest.mark.slow),
        pytest.param("gevent", "celery", 300, marks=pytest.mark.slow),
        pytest.param("gthread", "celery", 10_000, marks=pytest.mark.soak),
        pytest.param("gevent", "rq", 10_000, marks=pytest.mark.soak),
    ],
)
def test_each_line_of_three_services_has_the_id_of_its_request(
    kind: str, third: str, requests: int, broker: str
) -> None:
    jobs = 0 if third == "http" else requests + -(-requests // FAILS_EACH)
    with services(kind, third, broker) as started:
        numbers = count()
        clients = [Client(started["first"].port, numbers, requests) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(SECONDS)
            assert not client.is_alive()
        assert [wrong for client in clients for wrong in client.wrong] == []
        lines = started["third"].lines
        eventually(lambda: sum("in a job" in line for line in lines) >= jobs, SECONDS)
        for server in reversed(started.values()):
            server.stop()
        records = {name: server.records for name, server in started.items()}
    for name, found in records.items():
        is_job = bool(jobs) and name == "third"
        calls_on = name == "first" or (name == "second" and not jobs)
        check(found, requests, is_job=is_job, calls_on=calls_on)


def check(records: list[dict[str, Any]], requests: int, *, is_job: bool, calls_on: bool) -> None:
    """Check the lines of one service."""
    assert [line for line in records if "were dropped" in line["message"]] == []
    ids = {id_of(number) for number in range(requests)}
    marked = [line for line in records if "marker" in line]
    assert [line for line in marked if line.get("request_id") != id_of(line["marker"])] == []
    assert [line for line in marked if line.get("trace_id") != trace_of(line["marker"])] == []
    # Those without a number: the lines of a start and a stop, and those of Celery and RQ for a job.
    numbers_of_jobs = {line["job_id"]: line["marker"] for line in marked if "job_id" in line}
    for line in records:
        if "job_id" in line:
            assert line["request_id"] == id_of(numbers_of_jobs[line["job_id"]]), line
        elif "marker" not in line:
            assert "request_id" not in line, line
            assert line["logger"] not in ("hops", "wsgi_observe.access", "wsgi_observe.calls"), line
    messages = {"in a job"} if is_job else {"serving", "in a pool"}
    expected = Counter({(one, text): 1 for one in ids for text in messages})
    if is_job:
        expected.update((id_of(n), "in a job") for n in range(0, requests, FAILS_EACH))
    else:
        access = [line["request_id"] for line in records if line["logger"] == "wsgi_observe.access"]
        assert Counter(access) == Counter(ids)
    assert (
        Counter((x["request_id"], x["message"]) for x in marked if x["message"] in messages)
        == expected
    )
    calls = [line for line in records if line["logger"] == "wsgi_observe.calls"]
    assert all(line["call_path"] == f"/{line['marker']}" for line in calls)
    assert len(calls) == (requests if calls_on else 0)
