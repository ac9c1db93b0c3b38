"""Which request is running: from the first middleware to the end of close(), and never after."""

import contextvars
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import gevent
import pytest

from tests.calls import Closing, Server, answering, call, close, doing, environ, raising
from tests.conftest import Log
from wsgi_observe import RequestID, bind, current_request_id, log_context, observe
from wsgi_observe.context import get_raw_context

TEXT = [("Content-Type", "text/plain")]
_log = logging.getLogger("shop")


def streaming(*, chunks: int = 3):
    """An app whose every chunk is the ID that it runs under, as is what it logs."""

    def app(environ, start_response):
        start_response("200 OK", TEXT)
        for number in range(chunks):
            _log.info("chunk %s", number)
            yield current_request_id().encode()

    return app


def start(app, request_id: str):
    return observe(app)(environ(HTTP_X_REQUEST_ID=request_id), Server().start_response)


def test_a_stream_runs_under_its_id_to_its_end(log: Log) -> None:
    answer = call(observe(streaming()), HTTP_X_REQUEST_ID="a")
    assert answer.chunks == [b"a"] * 3
    assert {line["request_id"] for line in log.lines} == {"a"}


def test_two_streams_interleaved_on_one_thread_keep_their_ids(log: Log) -> None:
    bodies = [start(streaming(), "a"), start(streaming(), "b")]
    streams = [iter(body) for body in bodies]
    chunks = [next(stream) for _ in range(3) for stream in streams]
    assert chunks == [b"a", b"b"] * 3
    for body in bodies:
        close(body)
    assert [line["request_id"] for line in log.of("shop")] == ["a", "b"] * 3
    assert current_request_id() is None


def test_a_log_context_round_the_chunks_of_a_stream_stays_open() -> None:
    def app(environ, start_response):
        start_response("200 OK", TEXT)
        with log_context("job"):
            yield current_request_id().encode()
            yield current_request_id().encode()
        yield current_request_id().encode()

    answer = call(observe(app), HTTP_X_REQUEST_ID="request")
    assert answer.chunks == [b"job", b"job", b"request"]


@pytest.mark.parametrize("order", ["first", "last"])
def test_interleaved_streams_may_end_in_any_order(order: str) -> None:
    first, second = start(streaming(), "a"), start(streaming(), "b")
    ends = [first, second] if order == "first" else [second, first]
    for body in ends:
        close(body)
    assert current_request_id() is None


@pytest.mark.parametrize("app", [answering(), raising(ValueError()), streaming()])
def test_where_a_request_was_served_nothing_is_left_bound(app) -> None:
    call(observe(app))
    assert get_raw_context() is None


def test_a_request_within_a_request_gives_the_outer_one_back() -> None:
    seen = []

    def app(environ, start_response):
        call(observe(answering()), HTTP_X_REQUEST_ID="inner")
        seen.append(current_request_id())
        return answering()(environ, start_response)

    call(observe(app), HTTP_X_REQUEST_ID="outer")
    assert seen == ["outer"]


def test_a_body_is_read_on_another_thread_under_its_id() -> None:
    body = start(streaming(), "a")
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(list, body).result() == [b"a"] * 3
        pool.submit(close, body).result()
        assert pool.submit(current_request_id).result() is None
    assert current_request_id() is None


def test_each_chunk_may_be_read_on_a_thread_of_its_own() -> None:
    body = start(streaming(), "a")
    chunks = iter(body)
    seen = []
    for _ in range(3):
        thread = threading.Thread(target=lambda: seen.append(next(chunks)))
        thread.start()
        thread.join()
    close(body)
    assert seen == [b"a"] * 3


def test_a_body_is_closed_from_another_context_without_a_word() -> None:
    body = start(streaming(), "a")
    contextvars.Context().run(list, body)
    contextvars.Context().run(close, body)
    assert current_request_id() is None


def test_a_close_on_another_thread_gives_that_thread_back_what_it_had() -> None:
    body = start(streaming(), "a")
    seen = []

    def closing() -> None:
        with log_context("job"):
            close(body)
            seen.append(current_request_id())

    thread = threading.Thread(target=closing)
    thread.start()
    thread.join()
    assert seen == ["job"]


def test_a_thread_that_copied_the_context_has_no_request_once_it_has_ended() -> None:
    copies = []

    app = doing(lambda: copies.append(contextvars.copy_context()))
    call(observe(app))
    assert copies[0].run(current_request_id) is None


def test_greenlets_that_stream_in_turn_keep_their_ids() -> None:
    def app(environ, start_response):
        start_response("200 OK", TEXT)
        for _ in range(5):
            gevent.sleep(0)
            yield current_request_id().encode()

    observed = observe(app)

    def serve(number: int) -> set[bytes]:
        server = Server().serve(observed, environ(HTTP_X_REQUEST_ID=f"id-{number}"))
        assert current_request_id() is None
        return set(server.chunks)

    jobs = [gevent.spawn(serve, number) for number in range(5)]
    gevent.joinall(jobs, raise_error=True)
    assert [job.value for job in jobs] == [{b"id-%d" % number} for number in range(5)]


def test_requests_on_a_pool_of_threads_keep_their_ids() -> None:
    observed = observe(streaming())

    def serve(number: int) -> set[bytes]:
        server = Server().serve(observed, environ(HTTP_X_REQUEST_ID=f"id-{number}"))
        assert current_request_id() is None
        return set(server.chunks)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(serve, range(100)))
    assert found == [{b"id-%d" % number} for number in range(100)]


def test_a_request_never_sees_what_the_one_before_has_bound(log: Log) -> None:
    def app(environ, start_response):
        if environ["PATH_INFO"] == "/first":
            bind(order=1)
        return answering()(environ, start_response)

    observed = observe(app)
    call(observed, "/first")
    call(observed, "/second")
    _log.info("between")
    first, second, between = log.lines
    assert first["order"] == 1
    assert "order" not in second
    assert "request_id" not in between


def test_a_generator_binds_for_the_lines_that_follow_and_its_access_line(log: Log) -> None:
    def app(environ, start_response):
        start_response("200 OK", TEXT)
        bind(page=1)
        yield b"a"
        _log.info("first")
        bind(page=2)
        _log.info("second")

    call(observe(app))
    assert [line["page"] for line in log.lines] == [1, 2, 2]


def test_what_close_binds_is_on_the_access_line(log: Log) -> None:
    class Binding(Closing):
        def close(self) -> None:
            bind(rows=3)

    call(observe(answering(body=Binding)))
    assert log.access["rows"] == 3


def test_a_log_context_within_a_stream_ends_with_its_block() -> None:
    def app(environ, start_response):
        start_response("200 OK", TEXT)
        with log_context("job"):
            seen.append(current_request_id())
            yield b"a"
        seen.append(current_request_id())
        yield b"b"

    seen: list[str | None] = []
    call(observe(app), HTTP_X_REQUEST_ID="request")
    assert seen == ["job", "request"]


def test_a_body_that_nobody_closed_leaves_the_next_request_its_own_id() -> None:
    forgotten = start(streaming(), "forgotten")
    assert next(iter(forgotten)) == b"forgotten"
    answer = call(RequestID(streaming()), HTTP_X_REQUEST_ID="next")
    assert set(answer.chunks) == {b"next"}
    close(forgotten)


@pytest.mark.parametrize("error", [ValueError(), KeyboardInterrupt(), SystemExit()], ids=repr)
def test_no_failure_leaves_a_context(error: BaseException) -> None:
    def app(environ, start_response):
        raise error

    for propagate in (False, True):
        with suppress(type(error)):
            Server().serve(observe(app, propagate=propagate), environ())
        assert current_request_id() is None
