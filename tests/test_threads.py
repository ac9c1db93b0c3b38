"""Work that goes on elsewhere, in threads, greenlets, tasks and processes, has the request's ID."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.calls import call
from tests.logs.writers import run, whole
from wsgi_observe import bind, current_request_id, current_traceparent, log_context, observe
from wsgi_observe.context import current_context
from wsgi_observe.threads import RequestContextExecutor, copy_request_context

log_of_shop = logging.getLogger("shop")
TRACE = "0af7651916cd43dd8448eb211c80319c"


def request(work: Callable[[], Any], request_id: str = "mine", **settings: Any) -> list[Any]:
    """Do `work` in an observed request, and return its result once the request has ended."""
    results = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        results.append(work())
        start_response("204 No Content", [])
        return []

    traceparent = f"00-{TRACE}-b7ad6b7169203331-01"
    app_ = observe(app, **settings)
    call(app_, HTTP_X_REQUEST_ID=request_id, HTTP_TRACEPARENT=traceparent)
    return results[0]


def say(text: str = "within") -> None:
    log_of_shop.info(text)


def fail() -> None:
    raise KeyError("x")


def in_thread(fn: Callable[[], object]) -> Thread:
    thread = Thread(target=fn)
    thread.start()
    thread.join()
    return thread


def test_a_thread_has_the_id_the_trace_and_what_was_bound_then(log: Any) -> None:
    def work() -> None:
        bind(order=7)
        job = copy_request_context(say)
        bind(order=8, later=True)
        in_thread(job)

    request(work)
    (line,) = log.of("shop")
    assert (line["request_id"], line["trace_id"], line["order"]) == ("mine", TRACE, 7)
    assert {"method", "path", "remote_addr", "later"}.isdisjoint(line)
    assert line["span_id"] == log.access["span_id"]


def test_what_a_thread_calls_belongs_to_the_requests_trace() -> None:
    with ThreadPoolExecutor(1) as pool:
        within, without = request(
            lambda: [
                pool.submit(job).result()
                for job in (copy_request_context(current_traceparent), current_traceparent)
            ]
        )
    assert within.startswith(f"00-{TRACE}-")
    assert without is None


def test_a_thread_that_outlives_its_request_keeps_the_id(log: Any) -> None:
    in_thread(request(lambda: copy_request_context(say)))
    assert [line["request_id"] for line in log.of("shop")] == ["mine"]


def test_a_thread_binds_fields_of_its_own_alone(log: Any) -> None:
    def job() -> None:
        bind(rows=3)
        say()

    request(lambda: in_thread(copy_request_context(job)))
    assert log.of("shop")[0]["rows"] == 3
    assert "rows" not in log.access


def test_a_pools_thread_is_under_no_id_after_the_job() -> None:
    with ThreadPoolExecutor(1) as pool:
        within = request(lambda: pool.submit(copy_request_context(current_request_id)).result())
        assert (within, pool.submit(current_context).result()) == ("mine", None)


def test_the_caller_goes_on_in_its_own_context() -> None:
    def work() -> list[object]:
        with log_context("inner"):
            job = copy_request_context(current_request_id)
        return [job(), current_request_id()]

    assert request(work, "outer") == ["inner", "outer"]


def test_outside_a_request_nothing_is_wrapped() -> None:
    assert copy_request_context(say) is say


def test_an_executor_has_the_id_of_whoever_submits(log: Any) -> None:
    with RequestContextExecutor(2) as executor:
        for name in ("a", "b"):
            request(lambda: wait([executor.submit(say)]), name)
            request(lambda: list(executor.map(say, ["one", "two"])), name)
        executor.submit(say, "none").result()
    ids = [line.get("request_id") for line in log.of("shop")]
    assert ids == ["a"] * 3 + ["b"] * 3 + [None]


def test_a_hundred_requests_share_a_pool_and_no_line_has_anothers_id(log: Any) -> None:
    def work(name: str) -> None:
        list(executor.map(say, [name] * 5))

    with RequestContextExecutor(4) as executor, ThreadPoolExecutor(8) as clients:
        names = [f"r{number}" for number in range(100)]
        list(clients.map(lambda name: request(lambda: work(name), name), names))
    lines = log.of("shop")
    assert len(lines) == 500
    assert all(line["request_id"] == line["message"] for line in lines)


def test_an_exception_that_ends_a_thread_is_one_error_under_the_id() -> None:
    program = """
from wsgi_observe.threads import copy_request_context
configure_logging(log_format="json")
def fail():
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("here")
        raise
with log_context("mine"):
    thread = threading.Thread(target=copy_request_context(fail))
thread.start()
thread.join()
"""
    lines = whole(run(program).stdout.splitlines(keepends=True))
    assert {line["request_id"] for line in lines} == {"mine"}
    assert [line["logger"] for line in lines if line["level"] == "ERROR"] == ["shop"]


def test_a_result_that_nobody_asks_for_is_one_error_under_the_id(log: Any) -> None:
    with RequestContextExecutor(1) as executor:
        request(lambda: wait([executor.submit(fail)]) and None)
    gc.collect()
    assert (log.error["request_id"], log.error["exc_type"]) == ("mine", "KeyError")
    assert len(log.error["error_id"]) == 12


def ask_for_result(future: Any) -> None:
    with pytest.raises(KeyError):
        future.result()


async def _awaited(future: Any) -> None:
    with pytest.raises(KeyError):
        await asyncio.wrap_future(future)


RETRIEVED: dict[str, Callable[[Any], object]] = {
    "result": ask_for_result,
    "exception": lambda future: future.exception(),
    "asyncio": lambda future: asyncio.run(_awaited(future)),
    "callback": lambda future: future.add_done_callback(lambda done: done.exception()),
}


@pytest.mark.parametrize("ask", RETRIEVED.values(), ids=RETRIEVED)
def test_the_exception_of_a_job_is_whose_who_asks_for_its_result(log: Any, ask: Any) -> None:
    with RequestContextExecutor(1) as executor:
        request(lambda: ask(executor.submit(fail)) and None)
    gc.collect()
    assert log.errors == []


def test_a_job_that_was_cancelled_is_no_error(log: Any) -> None:
    gate = threading.Event()
    with RequestContextExecutor(1) as executor:
        executor.submit(gate.wait)
        assert executor.submit(fail).cancel()
        gate.set()
    gc.collect()
    assert log.errors == []


def test_what_a_job_raises_and_its_request_with_it_is_one_error(log: Any) -> None:
    def job() -> None:
        try:
            fail()
        except KeyError:
            log_of_shop.exception("here")
            raise

    with RequestContextExecutor(1) as executor, suppress(IndexError):
        request(lambda: executor.submit(job).result())  # fails, and has no result
    assert [line["logger"] for line in log.errors] == ["shop"]


def test_a_coroutine_function_stays_one(log: Any) -> None:
    async def job(text: str) -> str:
        say(text)
        await asyncio.sleep(0)
        return current_request_id() or ""

    async def outlive(task: Any) -> str:
        return await asyncio.create_task(task("after"))

    task = request(lambda: copy_request_context(job))
    assert inspect.iscoroutinefunction(task)
    assert asyncio.run(outlive(task)) == "mine"
    assert [line["request_id"] for line in log.of("shop")] == ["mine"]


def test_tasks_of_one_loop_have_the_ids_of_their_requests() -> None:
    async def job() -> str | None:
        await asyncio.sleep(0)
        return current_request_id()

    async def gather() -> list[str | None]:
        return await asyncio.gather(*(task() for task in tasks), job())

    tasks = [request(lambda: copy_request_context(job), name) for name in ("a", "b")]
    assert asyncio.run(gather()) == ["a", "b", None]


def test_an_async_view_of_flask_and_its_tasks_are_under_the_id(log: Any) -> None:
    flask = pytest.importorskip("flask")
    pytest.importorskip("asgiref")
    app = flask.Flask("shop")

    @app.get("/")
    async def view() -> str:
        async def job() -> None:
            say("task")

        say("view")
        await asyncio.gather(job(), asyncio.create_task(copy_request_context(job)()))
        return ""

    call(observe(app.wsgi_app), HTTP_X_REQUEST_ID="mine")
    assert [(line["message"], line["request_id"]) for line in log.of("shop")] == [
        *(("view", "mine"), ("task", "mine"), ("task", "mine")),
    ]


# ---- greenlets and processes


def test_greenlets_have_the_id_in_a_pool_and_on_their_own() -> None:
    pytest.importorskip("gevent")
    program = """
from gevent import monkey
monkey.patch_all()
import gevent, gevent.pool
from concurrent.futures import ThreadPoolExecutor
from wsgi_observe.threads import RequestContextExecutor, copy_request_context
configure_logging(log_format="json")
def work(number):
    gevent.sleep(0.01)
    log.info("%s", number)
def start(name):
    with log_context(name):
        pool = gevent.pool.Pool(3)
        yield gevent.spawn(copy_request_context(work), name)
        yield pool.spawn(copy_request_context(lambda: pool.map(copy_request_context(work), [name])))
        with RequestContextExecutor(2) as executor:
            list(executor.map(work, [name]))
gevent.joinall([one for name in ("a", "b") for one in start(name)])
"""
    lines = whole(run(program).stdout.splitlines(keepends=True))
    assert sorted(line["message"] for line in lines) == ["a"] * 3 + ["b"] * 3
    assert all(line["request_id"] == line["message"] for line in lines)


PROCESSES = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from wsgi_observe.threads import copy_request_context
from tests import processes
set_up = partial(configure_logging, log_format="json")
set_up()
context = multiprocessing.get_context("METHOD")
if __name__ == "__main__":
    with log_context("mine"), ProcessPoolExecutor(1, context, set_up) as pool:
        bind(order=7, connection=threading.Lock())
        list(pool.map(copy_request_context(processes.say), [1]))
        try:
            pool.submit(copy_request_context(processes.log_and_fail)).result()
        except processes.PaymentError as error:
            log.info("got %s", error)
    with log_context("alone"):
        process = context.Process(target=copy_request_context(processes.fail))
    with log_context("other"):
        process.start()
    process.join()
    assert process.exitcode == 1
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_have_the_id_and_their_failures_are_lines(method: str) -> None:
    done = run(PROCESSES.replace("METHOD", method), cwd=Path(__file__).parents[1])
    lines = whole(done.stdout.splitlines(keepends=True))
    logged = {line["message"]: line for line in lines}
    assert (logged["1"]["request_id"], logged["1"]["order"]) == ("mine", 7)
    assert logged["cannot pay"]["level"] == "ERROR"
    assert logged["got declined"]["pid"] != logged["1"]["pid"]
    if method == "fork":  # with `spawn`, logging is not configured there
        uncaught = logged["uncaught PaymentError in a process"]
        assert (uncaught["request_id"], uncaught["exc_type"]) == ("alone", "PaymentError")


def test_what_is_pickled_has_no_key() -> None:
    job = request(lambda: copy_request_context(say), user_key="k" * 32)
    assert b"kkkk" not in pickle.dumps(job)


def test_a_logged_exception_can_be_pickled(log: Any) -> None:
    def work() -> KeyError:
        error = KeyError("x")
        log_of_shop.error("here", exc_info=error)
        return error

    error = pickle.loads(pickle.dumps(request(work)))
    assert repr(error) == "KeyError('x')"
