"""Whose doing an exception is: the app's, or that of a client whose body cannot be read."""

import io
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import InvalidResponseHeader
from gunicorn.http.parser import RequestParser
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import answering, call_freely, raising
from tests.conftest import Log
from wsgi_observe import observe

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def body_of(sent: bytes, error: BaseException | None = None) -> object:
    """Return Gunicorn's body of a request of which this came, before it ended or failed."""

    def arriving():
        yield HEAD + sent
        if error is not None:
            raise error

    return next(RequestParser(Config(), arriving(), ("127.0.0.1", 1))).body


def reading(environ, start_response):
    environ["wsgi.input"].read()
    raise AssertionError("it was readable")


class Refusing:
    """A server's stream from which nothing can be read."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def read(self, *_: object) -> bytes:
        raise self.error

    readline = readlines = read


BODIES = {
    "a malformed one": lambda: body_of(b"zz\r\nabc"),
    "one without its end": lambda: body_of(b"5\r\nab"),
    "one that uWSGI cannot read": lambda: Refusing(OSError("error during read(10) on wsgi.input")),
    "one of a lost client": lambda: body_of(b"5\r\nab", ConnectionResetError(104, "reset")),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_cannot_be_read_is_the_clients_error(
    body: Callable[[], object], log: Log
) -> None:
    answer = call_freely(observe(reading), method="POST", **{"wsgi.input": body()})
    assert (answer.code, answer.json["code"]) == (400, 400)
    assert answer.json["request_id"] == answer.request_id
    assert (log.access["status_code"], log.errors) == (400, [])
    assert log.access["exc_type"]


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ConnectionResetError(104, "reset"), id="a database's lost connection"),
        pytest.param(InvalidResponseHeader("X-A"), id="a header that Gunicorn refuses"),
        pytest.param(OSError(2, "no such file"), id="a missing file"),
    ],
)
def test_what_fails_elsewhere_is_a_failure_of_the_app(error: BaseException, log: Log) -> None:
    assert call_freely(observe(raising(error))).code == 500
    assert log.error["exc_type"] == type(error).__name__


def test_a_worker_that_is_stopped_while_it_reads_is_a_failure(log: Log) -> None:
    stopped = body_of(b"5\r\nab", SystemExit(1))
    assert call_freely(observe(reading), method="POST", **{"wsgi.input": stopped}).code == 500
    assert log.error["exc_type"] == "SystemExit"


WAYS = {
    "read": lambda stream: stream.read(10),
    "readline": lambda stream: stream.readline(),
    "readlines": lambda stream: stream.readlines(),
    "for line in it": lambda stream: list(stream),
}


@pytest.mark.parametrize("read", WAYS.values(), ids=WAYS)
def test_a_body_that_cannot_be_read_is_noticed_whichever_way_it_is_read(
    read: Callable[[Any], object], log: Log
) -> None:
    def app(environ, start_response):
        read(environ["wsgi.input"])

    refusing = Refusing(ConnectionResetError(104, "reset"))
    assert call_freely(observe(app), method="POST", **{"wsgi.input": refusing}).code == 400
    assert (log.errors, log.access["outcome"]) == ([], "aborted")


@pytest.mark.parametrize("read", WAYS.values(), ids=WAYS)
@given(body=st.binary())
def test_a_body_that_can_be_read_is_the_servers_own(
    read: Callable[[Any], object], body: bytes
) -> None:
    found = []

    def app(environ, start_response):
        found.append(read(environ["wsgi.input"]))
        return answering()(environ, start_response)

    call_freely(observe(app), method="POST", **{"wsgi.input": io.BytesIO(body)})
    assert found == [read(io.BytesIO(body))]


def test_what_else_the_servers_stream_has_is_there() -> None:
    def app(environ, start_response):
        environ["wsgi.input"].seek(1)
        return answering(body=[environ["wsgi.input"].read()])(environ, start_response)

    answer = call_freely(observe(app), method="PUT", **{"wsgi.input": io.BytesIO(b"abc")})
    assert answer.body == b"bc"


def test_a_mistake_in_how_the_app_reads_is_its_own_failure(log: Log) -> None:
    def app(environ, start_response):
        environ["wsgi.input"].read("all")

    answer = call_freely(observe(app), method="POST", **{"wsgi.input": io.BytesIO(b"abc")})
    assert (answer.code, log.error["exc_type"]) == (500, "TypeError")


@pytest.mark.parametrize("rule", ["stock", "replace", "keep"])
def test_a_500_that_the_app_makes_of_an_unreadable_body_is_the_clients_400(
    rule: str, log: Log
) -> None:
    def app(environ, start_response):
        with suppress(Exception):
            environ["wsgi.input"].read()
        return answering("500 Oops", [("Content-Type", "application/json")], [b'{"mine": 1}'])(
            environ, start_response
        )

    broken = body_of(b"zz\r\nabc")
    observed = observe(app, html_errors=rule)
    answer = call_freely(observed, method="POST", **{"wsgi.input": broken})
    assert (answer.code, answer.json["code"]) == (400, 400)
    assert log.lines == [log.access]
    assert (log.access["level"], log.access["outcome"]) == ("INFO", "aborted")


def test_a_500_of_another_failure_after_an_unreadable_body_stays(log: Log) -> None:
    def app(environ, start_response):
        with suppress(Exception):
            environ["wsgi.input"].read()
        logging.getLogger("shop").error("no room for what came")
        return answering("500 Oops", body=[b"no room"])(environ, start_response)

    broken = body_of(b"zz\r\nabc")
    answer = call_freely(observe(app), method="POST", **{"wsgi.input": broken})
    assert (answer.code, answer.body) == (500, b"no room")
    assert log.error["logger"] == "shop"


@pytest.mark.parametrize("status", ["200 OK", "409 Conflict"])
def test_what_the_app_answers_to_an_unreadable_body_itself_stays(status: str, log: Log) -> None:
    def app(environ, start_response):
        with suppress(Exception):
            environ["wsgi.input"].read()
        return answering(status, body=[b"what came is kept"])(environ, start_response)

    broken = body_of(b"zz\r\nabc")
    answer = call_freely(observe(app), method="POST", **{"wsgi.input": broken})
    assert (answer.status, answer.body) == (status, b"what came is kept")
    assert log.lines == [log.access]


def test_a_body_that_breaks_off_while_it_is_echoed_is_no_error(log: Log) -> None:
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"begun"
        yield environ["wsgi.input"].read()

    broken = body_of(b"5\r\nab", ConnectionResetError(104, "reset"))
    with pytest.raises(ConnectionResetError):
        call_freely(observe(app), method="POST", **{"wsgi.input": broken})
    assert log.lines == [log.access]
    assert log.access["outcome"] == "aborted"


def test_an_app_that_says_why_it_could_not_read_has_failed(log: Log) -> None:
    def app(environ, start_response):
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            raise RuntimeError("no order came") from error

    broken = body_of(b"5\r\nab")
    assert call_freely(observe(app), method="POST", **{"wsgi.input": broken}).code == 500
    assert log.error["exc_type"] == "RuntimeError"
