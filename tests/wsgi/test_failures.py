"""What becomes of a failure: before the commit, after it, and of the kinds that end workers."""

import logging
import sys
from asyncio import CancelledError

import pytest

from tests.calls import Closing, Server, Start, answering, call, call_freely, environ, raising
from tests.conftest import Log
from wsgi_observe import AccessLog, RequestID, observe
from wsgi_observe.wsgi.exceptions import RequestFailedError

TEXT = [("Content-Type", "text/plain")]
SECRET = "hunter2"


class GreenletExit(BaseException):
    """Named as greenlet's, which is known by its name."""


class LastGreenletExit(GreenletExit):
    pass


class Timeout(BaseException):
    """As gevent's: a BaseException that is a failure like any other."""


class Slotted(Exception):
    __slots__ = ()


class ReadOnly(Exception):
    """It lets nobody set an attribute, nor read one that is not there."""

    def __setattr__(self, name: str, value: object) -> None:
        raise TypeError("read-only")

    def __getattr__(self, name: str) -> object:
        if "observe" in name:
            raise RuntimeError("unreadable")
        raise AttributeError(name)


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__


def in_the_call(error):
    return raising(error)


def after_the_start(error):
    def app(environ, start_response):
        start_response("200 OK", TEXT)
        raise error

    return app


def in_the_first_next(error):
    def app(environ, start_response):
        start_response("200 OK", TEXT)
        if True:
            raise error
        yield b"never"

    return app


def in_iter(error):
    class Failing(Closing):
        def __iter__(self):
            raise error

    return answering(body=Failing)


PLACES = [in_the_call, after_the_start, in_the_first_next, in_iter]

FAILURES = [
    pytest.param(lambda: ValueError(SECRET), id="an exception"),
    pytest.param(lambda: SystemExit(1), id="SystemExit"),
    pytest.param(lambda: SystemExit(SECRET), id="SystemExit with a text"),
    pytest.param(lambda: Timeout(SECRET), id="a BaseException of its own"),
    pytest.param(lambda: StopIteration(SECRET), id="StopIteration"),
    pytest.param(lambda: Slotted(SECRET), id="one with slots"),
    pytest.param(lambda: ReadOnly(SECRET), id="one that is read-only"),
    pytest.param(lambda: Unprintable(SECRET), id="one that has no text"),
    pytest.param(lambda: ExceptionGroup(SECRET, [ValueError(SECRET)]), id="a group"),
    pytest.param(lambda: BaseExceptionGroup(SECRET, [SystemExit(1)]), id="a group of SystemExit"),
    pytest.param(lambda: ConnectionResetError(SECRET), id="a lost connection of the app's own"),
    pytest.param(KeyboardInterrupt, id="KeyboardInterrupt"),
    pytest.param(GeneratorExit, id="GeneratorExit"),
    pytest.param(GreenletExit, id="GreenletExit"),
    pytest.param(LastGreenletExit, id="a kind of GreenletExit"),
    pytest.param(CancelledError, id="asyncio.CancelledError"),
]


@pytest.mark.parametrize("make", FAILURES)
@pytest.mark.parametrize("place", PLACES)
def test_a_failure_before_the_commit_becomes_the_envelope_and_one_error_line(
    place, make, log: Log
) -> None:
    if place is in_the_first_next and isinstance(make(), StopIteration):
        pytest.skip("a generator cannot raise it")
    answer = call(observe(place(make())))
    assert (answer.status, answer.headers["content-type"]) == (
        "500 Internal Server Error",
        "application/json",
    )
    assert answer.json == {
        "code": 500,
        "name": "Internal Server Error",
        "description": "An unexpected error occurred.",
        "request_id": answer.request_id,
    }
    assert log.error["request_id"] == answer.request_id
    assert log.error["exc_type"] == type(make()).__name__ == log.access["exc_type"]
    assert log.error["exc_info"].startswith(("Traceback", "  + Exception Group Traceback"))
    assert (log.access["status_code"], log.access["outcome"]) == (500, "complete")


@pytest.mark.parametrize("place", PLACES)
def test_the_envelope_carries_no_word_of_the_exception(place) -> None:
    answer = call(observe(place(ValueError(SECRET))))
    said = answer.body.decode() + str(answer.starts)
    assert not [word for word in (SECRET, "ValueError", "Traceback", ".py") if word in said]


@pytest.mark.parametrize("place", PLACES)
def test_the_server_is_never_handed_the_exception(place) -> None:
    (start,) = call(observe(place(ValueError()))).starts
    assert start.exc_info is None


def failing_later(error: BaseException):
    def app(environ, start_response):
        start_response("200 OK", TEXT)
        yield b"half"
        raise error

    return app


# What would end a worker, thread or greenlet if it were to rise.
ENDING = [
    *(SystemExit(3), SystemExit("x"), Timeout(), KeyboardInterrupt(), CancelledError()),
    *(GeneratorExit(), GreenletExit()),
]


class TestAfterTheCommit:
    def test_an_exception_is_logged_once_with_its_id_and_breaks_the_response_off(
        self, log: Log
    ) -> None:
        server, error = Server(), ValueError(SECRET)
        with pytest.raises(ValueError) as raised:  # noqa: PT011
            server.serve(observe(failing_later(error)), environ())
        assert raised.value is error
        assert server.chunks == [b"half"]
        assert log.error["request_id"] == server.request_id
        assert SECRET in log.error["exc_info"]
        access = log.access
        assert (access["status_code"], access["outcome"]) == (200, "broken")
        assert (access["exc_type"], access["response_bytes"]) == ("ValueError", 4)

    @pytest.mark.parametrize("error", ENDING, ids=repr)
    def test_what_would_end_the_worker_is_raised_as_an_exception(self, error, log: Log) -> None:
        with pytest.raises(RequestFailedError) as raised:
            Server().serve(observe(failing_later(error)), environ())
        assert raised.value.__cause__ is error
        assert log.error["exc_type"] == type(error).__name__
        assert log.access["outcome"] == "broken"

    @pytest.mark.parametrize("error", ENDING, ids=repr)
    def test_what_close_raises_does_not_end_the_worker_either(self, error, log: Log) -> None:
        with pytest.raises(RequestFailedError):
            Server().serve(observe(answering(body=lambda: Closing(error=error))), environ())
        assert len(log.errors) == 1

    def test_an_exception_answered_before_and_raised_again_still_breaks_it_off(
        self, log: Log
    ) -> None:
        error = SystemExit(3)

        def app(environ, start_response):
            try:
                raise error
            except SystemExit:
                start_response("500 Oops", TEXT, sys.exc_info())
            yield b"half"
            raise error

        with pytest.raises(RequestFailedError):
            Server().serve(observe(app), environ())
        assert len(log.errors) == 1
        assert log.access["outcome"] == "broken"

    def test_a_failing_close_after_a_failing_body_does_not_hide_the_first(self, log: Log) -> None:
        class Failing(Closing):
            def __iter__(self):
                yield b"half"
                raise ValueError("first")

        server = Server()
        body = observe(answering(body=lambda: Failing(error=OSError("second"))))(
            environ(), server.start_response
        )
        with pytest.raises(ValueError, match="first"):
            list(body)
        with pytest.raises(OSError, match="second"):
            body.close()
        assert [line["exc_type"] for line in log.errors] == ["ValueError", "OSError"]


def test_the_same_exception_object_in_a_later_request_is_logged_anew(log: Log) -> None:
    app = observe(raising(ValueError("shared")))
    ids = [call(app).request_id, call(app).request_id]
    assert [line["request_id"] for line in log.errors] == ids


def test_a_traceback_of_one_request_is_not_that_of_another(log: Log) -> None:
    app = observe(raising(ValueError("shared")))
    call(app)
    first = len(log.error["exc_info"])
    log.clear()
    call(app)
    assert len(log.error["exc_info"]) < 2 * first


class TestAloneWithoutTheEnvelope:
    @pytest.mark.parametrize("layer", [AccessLog, RequestID])
    def test_an_exception_rises_untouched(self, layer, log: Log) -> None:
        error = SystemExit(1)
        with pytest.raises(SystemExit) as raised:
            call_freely(layer(raising(error)))
        assert raised.value is error
        assert log.errors == []

    def test_the_access_line_tells_of_it(self, log: Log) -> None:
        with pytest.raises(ValueError):  # noqa: PT011
            call_freely(AccessLog(raising(ValueError())))
        assert (log.access["status_code"], log.access["outcome"]) == (0, "broken")
        assert log.access["exc_type"] == "ValueError"


def refusing(start: Start) -> bool:
    """Refuse what servers refuse."""
    return not all(
        isinstance(text, str) and text.isprintable() for pair in start.headers for text in pair
    )


class TestAServerThatRefusesTheHeaders:
    @pytest.mark.parametrize(
        "headers",
        [
            pytest.param([("X-A", "a\r\nSet-Cookie: b")], id="CR LF"),
            pytest.param([("Vary", "a\nb")], id="a header that an error keeps"),
            pytest.param([("Access-Control-Allow-Origin", "a\nb")], id="a CORS header"),
        ],
    )
    def test_is_given_the_envelope_with_exc_info(self, headers, log: Log) -> None:
        server = Server(refuse=refusing)
        server.serve(observe(answering(headers=headers)), environ())
        assert server.code == 500
        assert set(server.json) == {"code", "name", "description", "request_id"}
        assert server.starts[0].exc_info[0] is AssertionError
        assert log.error["request_id"] == server.request_id

    def test_twice_is_the_end_of_it(self, log: Log) -> None:
        server = Server(refuse=lambda start: True)
        with pytest.raises(AssertionError, match="refused: 500"):
            server.serve(observe(answering()), environ())
        assert log.errors
        assert (log.access["status_code"], log.access["outcome"]) == (0, "broken")

    def test_by_its_write_is_answered_too(self, log: Log) -> None:
        def app(environ, start_response):
            start_response("200 OK", [("X-A", "a\nb")])(b"early")
            return []

        server = Server(refuse=refusing).serve(observe(app), environ())
        assert (server.code, len(log.errors)) == (500, 1)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([("X-A",)], id="half a pair"),
        pytest.param([None], id="None"),
        pytest.param(["X-A: 1"], id="a text"),
        pytest.param([(b"X-A", b"1")], id="bytes"),
        pytest.param([(1, 2)], id="numbers"),
        pytest.param(None, id="no list"),
    ],
)
class TestMalformedHeaders:
    def test_of_an_app_that_then_fails_do_not_keep_it_from_the_envelope(
        self, headers, log: Log
    ) -> None:
        def app(environ, start_response):
            start_response("200 OK", headers)
            raise ValueError

        answer = call_freely(observe(app))
        assert (answer.code, len(log.errors)) == (500, 1)
        assert log.access["status_code"] == 500

    @pytest.mark.parametrize("status", ["200 OK", "404 Gone"])
    def test_become_the_envelope_or_are_left_to_the_server(self, headers, status, log) -> None:
        def app(environ, start_response):
            start_response(status, headers)
            return []

        server = Server(refuse=refusing).serve(observe(app), environ())
        assert server.code in (500, 404)
        assert server.json["request_id"] == server.request_id


class ClientDisconnected(Exception):
    """Named as Waitress's."""


@pytest.mark.parametrize(
    ("error", "outcome", "errors"),
    [
        pytest.param(ConnectionResetError(), "aborted", 0, id="a lost client"),
        pytest.param(ClientDisconnected(), "aborted", 0, id="Waitress's lost client"),
        pytest.param(ValueError("no header for me"), "broken", 1, id="a header it cannot send"),
        pytest.param(SystemExit(1), "broken", 1, id="a worker's timeout"),
    ],
)
def test_a_server_that_fails_while_it_sends_leaves_a_failure_unless_its_client_left(
    error: BaseException, outcome: str, errors: int, log: Log
) -> None:
    body = observe(answering(body=lambda: iter([b"one", b"two"])))(
        environ(), Server().start_response
    )
    try:
        for _ in body:
            raise error
    except BaseException:
        body.close()
    assert log.access["outcome"] == outcome
    assert len(log.errors) == errors


@pytest.mark.parametrize(
    ("logger", "level"),
    [
        pytest.param("gunicorn.error", "INFO", id="a server repeats it"),
        pytest.param("shop.jobs", "ERROR", id="the app says it at another time"),
    ],
)
def test_a_logged_failure_is_told_again_unless_a_server_repeats_it(
    logger: str, level: str, log: Log
) -> None:
    error = ValueError("kept")
    call(observe(raising(error)))
    log.clear()
    logging.getLogger(logger).error("again", exc_info=error)
    (line,) = log.lines
    assert line["level"] == level
    assert ("exc_info" in line) == (level == "ERROR")
