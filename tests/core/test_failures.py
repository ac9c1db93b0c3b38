"""Whose doing an exception is: the app's, or that of a client whose body cannot be read."""

from collections.abc import Callable

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import InvalidResponseHeader
from gunicorn.http.parser import RequestParser

from tests.calls import call_freely, raising
from tests.conftest import Log
from wsgi_observe import observe
from wsgi_observe.core.failures import is_unreadable_body

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


BODIES = {
    "a malformed one": lambda: body_of(b"zz\r\nabc"),
    "one without its end": lambda: body_of(b"5\r\nab"),
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


def test_uwsgi_says_itself_what_it_could_not_read() -> None:
    assert is_unreadable_body(OSError("error during read(10) on wsgi.input"))


def test_an_app_that_says_why_it_could_not_read_has_failed(log: Log) -> None:
    def app(environ, start_response):
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            raise RuntimeError("no order came") from error

    broken = body_of(b"5\r\nab")
    assert call_freely(observe(app), method="POST", **{"wsgi.input": broken}).code == 500
    assert log.error["exc_type"] == "RuntimeError"
