"""Text for wsgi.errors in process: when a line is finished, and whose it is."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bottle
import falcon
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import call
from tests.conftest import Log
from tests.support import strict_json
from wsgi_observe import configure_logging, log_context, observe
from wsgi_observe.gunicorn.worker.wsgi_errors import WsgiErrors

Write = Callable[[Any], None]


def served(write: Write, **headers: str) -> Any:
    """Serve one request whose app writes to wsgi.errors."""

    def app(environ: Any, start_response: Any) -> Any:
        write(environ["wsgi.errors"])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    return call(WsgiErrors(observe(app)), HTTP_X_REQUEST_ID="text", **headers)


def texts(log: Log) -> list[str]:
    lines = log.of("wsgi.errors")
    assert {line.get("request_id") for line in lines} <= {"text"}
    return [line["message"] for line in lines]


PIECES = {
    "a line": (["one\n"], ["one"]),
    "a line in pieces": (["o", "n", "e", "\n"], ["one"]),
    "two lines at once": (["one\ntwo\n"], ["one\ntwo"]),
    "no end": (["one"], ["one"]),
    "nothing": (["", "\n", "  \n"], []),
    "a traceback": (
        ["Traceback (most recent call last):\n", '  File "a.py"\n', "    1 / 0\n", "Error: no\n"],
        ['Traceback (most recent call last):\n  File "a.py"\n    1 / 0\nError: no'],
    ),
    "a traceback without an end": (
        ["Traceback (most recent call last):\n", '  File "a.py"\n'],
        ['Traceback (most recent call last):\n  File "a.py"'],
    ),
}


@pytest.mark.parametrize("kind", PIECES)
def test_a_finished_piece_is_a_line(kind: str, log: Log) -> None:
    written, expected = PIECES[kind]
    served(lambda stream: [stream.write(piece) for piece in written] and None)
    assert texts(log) == expected


def test_what_is_unfinished_comes_with_a_flush_or_before_the_access_line(log: Log) -> None:
    def write(stream: Any) -> None:
        stream.write("first")
        stream.flush()
        stream.write("last")

    served(write)
    assert texts(log) == ["first", "last"]
    assert log.lines[-1]["logger"] == "wsgi_observe.access"


@pytest.mark.parametrize("framework", ["Bottle", "Falcon"])
def test_a_failure_that_a_framework_prints_is_one_error_with_its_exception(
    framework: str, log: Log
) -> None:
    """Bottle passes the exception to ``start_response`` too."""

    def fail(*_arguments: object) -> None:
        raise KeyError("caught")

    if framework == "Bottle":
        app: Any = bottle.Bottle()
        app.route("/", callback=fail)
    else:
        app = falcon.App()
        app.add_route("/", type("Resource", (), {"on_get": fail})())
    assert call(WsgiErrors(observe(app))).code == 500
    (error,) = log.errors
    assert (error["logger"], error["exc_type"]) == ("wsgi.errors", "KeyError")
    assert "Traceback" not in error["message"]
    assert error["exc_info"].count("Traceback") == 1


def test_a_traceback_of_another_exception_than_the_handled_one_stays_text(log: Log) -> None:
    def write(stream: Any) -> None:
        try:
            fail = {}["first"]
        except KeyError:
            stream.write("Traceback (most recent call last):\n  File\nValueError: second\n")
        else:
            raise AssertionError(fail)

    served(write)
    (error,) = log.errors
    assert error["message"].endswith("ValueError: second")
    assert "exc_type" not in error


def test_threads_and_jobs_have_their_text_told_at_once(log: Log) -> None:
    def write(stream: Any) -> None:
        thread = threading.Thread(target=stream.write, args=("of a thread",))
        thread.start()
        thread.join()
        with log_context("job"):
            stream.write("of a job")

    served(write)
    lines = {line["message"]: line.get("request_id") for line in log.of("wsgi.errors")}
    assert lines == {"of a thread": None, "of a job": "job"}


def test_a_handler_that_writes_to_it_does_not_go_round_for_ever(
    log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(stream: Any) -> None:
        handler = logging.StreamHandler(stream)
        logging.getLogger().addHandler(handler)
        try:
            stream.write("round\n")
        finally:
            logging.getLogger().removeHandler(handler)

    served(write)
    assert texts(log) == ["round"]
    assert capsys.readouterr().err == "round\n"


@pytest.mark.usefixtures("clean_logging")
def test_a_record_that_the_apps_handler_writes_to_it_is_one_line(tmp_path: Path) -> None:
    """As where its stream is a proxy of ``flask.request.environ["wsgi.errors"]``."""
    shop, handler = logging.getLogger("shop"), logging.StreamHandler()

    def write(stream: Any) -> None:
        handler.setStream(stream)
        shop.error("failed", exc_info=ValueError())
        stream.write("written\n")

    configure_logging(log_stream=str(tmp_path / "log"))
    shop.addHandler(handler)
    try:
        served(write)
    finally:
        shop.removeHandler(handler)
    lines = [strict_json(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["message"] for line in lines] == ["failed", "written", "GET / 200"]


def test_bytes_are_refused_as_every_text_stream_does(log: Log) -> None:
    def write(stream: Any) -> None:
        with pytest.raises(TypeError, match="str"):
            stream.write(b"bytes")

    assert served(write).code == 200


@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=20))
def test_no_text_is_lost_or_told_twice(log: Log, pieces: list[str]) -> None:
    log.clear()
    served(lambda stream: stream.writelines(pieces))
    logged = "".join("".join(texts(log)).split())
    assert logged == "".join("".join(pieces).split())
