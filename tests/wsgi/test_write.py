"""The imperative way out, `write`: it commits, and goes straight through."""

import signal

import pytest

from tests.calls import Server, call, environ
from tests.conftest import Log
from wsgi_observe import observe

TEXT = [("Content-Type", "text/plain")]


def writing(*written, body=(), error=None):
    def app(environ, start_response):
        write = start_response("200 OK", TEXT)
        for data in written:
            write(data)
        if error is not None:
            raise error
        return list(body)

    return app


def test_a_first_write_commits_and_goes_straight_through(log: Log) -> None:
    server = Server().serve(observe(writing(b"a", b"b", body=[b"c"])), environ())
    assert server.order == ["start", "write", "write", "chunk"]
    assert server.body == b"abc"
    assert (log.access["response_bytes"], log.access["outcome"]) == (3, "complete")


def test_an_empty_write_commits_nothing() -> None:
    answer = call(observe(writing(b"", error=ValueError())))
    assert answer.code == 500


def test_a_write_of_what_is_no_bytes_is_a_failure_that_can_still_be_answered(log: Log) -> None:
    assert call(observe(writing("text"))).code == 500
    assert log.error["exc_type"] == "TypeError"


def test_a_failure_after_a_write_breaks_the_response_off(log: Log) -> None:
    server = Server()
    with pytest.raises(ValueError):  # noqa: PT011
        server.serve(observe(writing(b"a", error=ValueError())), environ())
    assert (server.body, server.code) == (b"a", 200)
    assert (log.access["outcome"], len(log.errors)) == ("broken", 1)


def test_where_the_server_has_no_write_it_is_kept_for_the_body(log: Log) -> None:
    server = Server(has_write=False).serve(observe(writing(b"a", b"b", body=[b"c"])), environ())
    assert server.order == ["start", "chunk"]
    assert (server.body, log.access["response_bytes"]) == (b"abc", 3)


@pytest.mark.parametrize("first", [b"", b"0"], ids=["at the chunk", "before"])
def test_what_is_written_between_chunks_is_kept_for_the_next(first: bytes, log: Log) -> None:
    def app(environ, start_response):
        write = start_response("200 OK", [])
        write(first)
        yield b"a"
        write(b"b")
        write(b"c")
        yield b"d"
        yield b"e"
        write(b"f")

    server = Server(has_write=False).serve(observe(app), environ())
    assert server.body == first + b"abcdef"
    assert log.access["response_bytes"] == len(server.body)


def test_a_failure_after_what_was_kept_breaks_the_response_off_behind_it(log: Log) -> None:
    server = Server(has_write=False)
    with pytest.raises(ValueError):  # noqa: PT011
        server.serve(observe(writing(b"a", b"b", error=ValueError())), environ())
    assert server.order == ["start", "chunk"]
    assert (log.access["status_code"], log.access["response_bytes"]) == (200, 2)
    assert (log.access["outcome"], len(log.errors)) == ("broken", 1)


def test_who_is_stopped_after_what_was_kept_is_stopped_at_once(log: Log) -> None:
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])(b"a")
        signal.default_int_handler(signal.SIGINT, None)

    server = Server(has_write=False)
    with pytest.raises(KeyboardInterrupt):
        server.serve(observe(app), environ())
    assert server.order == ["start"]
    assert (log.access["outcome"], log.errors) == ("aborted", [])


def test_an_error_that_was_written_is_left_alone() -> None:
    def app(environ, start_response):
        start_response("404 Gone", [("Content-Type", "text/html")])(b"<p>my own</p>")
        return []

    assert call(observe(app, html_errors="replace")).body == b"<p>my own</p>"


def test_a_client_that_is_lost_during_a_write_is_an_aborted_transfer(log: Log) -> None:
    class Lost(Server):
        def write(self, data: bytes) -> None:
            raise BrokenPipeError("the client went")

    with pytest.raises(BrokenPipeError):
        Lost().serve(observe(writing(b"a")), environ())
    assert log.errors == []
    assert (log.access["outcome"], log.access["response_bytes"]) == ("aborted", 0)


def test_an_app_that_fails_over_a_lost_client_is_reported(log: Log) -> None:
    class Lost(Server):
        def write(self, data: bytes) -> None:
            raise BrokenPipeError("the client went")

    def app(environ, start_response):
        write = start_response("200 OK", TEXT)
        try:
            write(b"a")
        except OSError:
            raise KeyError("in the app's own handler") from None
        return []

    with pytest.raises(KeyError):
        Lost().serve(observe(app), environ())
    assert log.error["exc_type"] == "KeyError"


def test_what_a_generator_writes_between_its_chunks_is_counted(log: Log) -> None:
    def app(environ, start_response):
        write = start_response("200 OK", TEXT)
        yield b"a"
        write(b"bcd")
        yield b"e"

    assert call(observe(app)).body == b"abcde"
    assert log.access["response_bytes"] == 5
