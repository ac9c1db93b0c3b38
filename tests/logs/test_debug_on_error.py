"""``debug_on_error``: records below the level are written where their request fails."""

import gc
import io
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import Server, call, close, environ
from tests.support import strict_json
from wsgi_observe import bind, configure_logging, current_request_id, log_context, observe
from wsgi_observe.logs import debug_buffer

pytestmark = pytest.mark.usefixtures("clean_logging")
_log = logging.getLogger("held")


@contextmanager
def capturing(**settings: Any) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Hold records below the level; the value returns the lines that were written."""
    configure_logging(**{"log_format": "json", "debug_on_error": True, **settings})
    (ours,) = [one for one in logging.root.handlers if one.name == "wsgi_observe"]
    stream = io.StringIO()
    ours.setStream(stream)  # type: ignore[attr-defined]
    yield lambda: [
        line
        for line in map(strict_json, stream.getvalue().splitlines())
        if "not a file, pipe or socket" not in line["message"]
    ]
    ours.close()


def texts(lines: list[dict[str, Any]]) -> list[str]:
    return [f"{line['level']} {line['message']}" for line in lines]


def app_that(act: Callable[[], object], status: str = "200 OK") -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        act()
        start_response(status, [("Content-Type", "text/plain")])
        return [b"ok"]

    return observe(app)


def fail() -> None:
    _log.debug("first %d", 1)
    _log.debug("second")
    raise ValueError("x")


def test_they_come_in_order_before_the_error_with_their_own_times() -> None:
    with capturing() as lines:
        call(app_that(fail), HTTP_X_REQUEST_ID="abc")
    assert texts(lines()) == [
        "DEBUG first 1",
        "DEBUG second",
        "ERROR GET / failed",
        "INFO GET / 500",
    ]
    held, error = lines()[:2], lines()[2]
    assert [line["buffered"] for line in held] == [True, True]
    assert {line["request_id"] for line in lines()} == {"abc"}
    assert held[0]["timestamp"] <= held[1]["timestamp"] <= error["timestamp"]
    assert "buffered" not in error
    assert [line["module"] for line in held] == ["test_debug_on_error"] * 2


@pytest.mark.parametrize(
    ("status", "count"), [("200 OK", 0), ("404 Not Found", 0), ("503 Service Unavailable", 1)]
)
def test_a_response_decides_where_nothing_was_raised(status: str, count: int) -> None:
    with capturing() as lines:
        call(app_that(lambda: _log.debug("held"), status))
    assert texts(lines())[:-1] == ["DEBUG held"] * count
    assert debug_buffer._process.reserved == 0


def test_what_comes_after_an_error_is_written_at_the_end_of_a_5xx() -> None:
    def act() -> None:
        _log.error("broken")
        _log.debug("later")

    with capturing() as lines:
        call(app_that(act, "500 Internal Server Error"))
    assert texts(lines()) == ["ERROR broken", "DEBUG later", "INFO GET / 500"]


def test_a_stream_that_fails_writes_what_it_has_logged() -> None:
    def stream(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"a"
        _log.debug("in the stream")
        raise ValueError("x")

    with capturing() as lines:
        body = observe(stream)(environ(), Server().start_response)
        with pytest.raises(ValueError, match="x"):
            list(body)
        close(body)
    assert texts(lines())[:2] == ["DEBUG in the stream", "ERROR GET / failed"]


def test_outside_a_request_nothing_is_held() -> None:
    with capturing() as lines:
        assert not _log.isEnabledFor(logging.DEBUG)
        _log.debug("nowhere")
        _log.error("an error")
    assert texts(lines()) == ["ERROR an error"]


def test_a_background_job_has_a_buffer_of_its_own() -> None:
    with capturing() as lines:
        with log_context("job"):
            _log.debug("held")
            _log.error("broken")
        with log_context("job"):
            _log.debug("dropped")
        _log.error("later")
    assert texts(lines()) == ["DEBUG held", "ERROR broken", "ERROR later"]
    assert debug_buffer._process.reserved == 0


def test_a_thread_that_has_the_context_of_its_request_fills_its_buffer() -> None:
    def act() -> None:
        thread = threading.Thread(target=copy_context().run, args=(_log.debug, "in a thread"))
        thread.start()
        thread.join()
        with log_context(part="a"):
            _log.debug("nested")

    with capturing() as lines:
        call(app_that(act, "500 Internal Server Error"))
    assert texts(lines())[:2] == ["DEBUG in a thread", "DEBUG nested"]


def work_under(request_id: str | None, act: Callable[[], object]) -> None:
    """Run `act` in a thread that is given the ID alone, inside a `log_context` of the thread."""

    def work() -> None:
        with log_context("worker"), log_context(request_id, job="mail"):
            act()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_a_thread_under_the_id_of_its_request_fills_its_buffer() -> None:
    def act() -> None:
        _log.debug("before")
        work_under(current_request_id(), lambda: _log.debug("in a thread"))
        fail()

    with capturing() as lines:
        call(app_that(act), HTTP_X_REQUEST_ID="abc")
    assert texts(lines()) == [
        "DEBUG before",
        "DEBUG in a thread",
        "DEBUG first 1",
        "DEBUG second",
        "ERROR GET / failed",
        "INFO GET / 500",
    ]
    assert {line["request_id"] for line in lines()} == {"abc"}
    assert debug_buffer._process.reserved == 0


def test_what_a_thread_under_its_id_logs_is_dropped_with_a_request_that_ends_well() -> None:
    def act() -> None:
        work_under(current_request_id(), lambda: _log.debug("in a thread"))

    with capturing() as lines:
        call(app_that(act))
    assert texts(lines()) == ["INFO GET / 200"]
    assert debug_buffer._process.reserved == 0


def test_of_two_requests_under_one_id_a_thread_fills_the_buffer_of_the_later() -> None:
    later = app_that(lambda: work_under("abc", lambda: _log.debug("in a thread")))

    def act() -> None:
        # In a context of its own, as another client's request is.
        thread = threading.Thread(target=call, args=(later,), kwargs={"HTTP_X_REQUEST_ID": "abc"})
        thread.start()
        thread.join()
        _log.info("the earlier one goes on")
        work_under("abc", lambda: _log.debug("of the later, which has ended"))
        fail()

    with capturing() as lines:
        call(app_that(act), HTTP_X_REQUEST_ID="abc")
    assert not any("in a thread" in text or "of the later" in text for text in texts(lines()))


def test_an_error_of_a_thread_under_its_id_comes_after_what_the_request_has_held() -> None:
    def act() -> None:
        _log.debug("before")
        work_under(current_request_id(), lambda: _log.error("broken"))

    with capturing() as lines:
        call(app_that(act))
    assert texts(lines()) == ["DEBUG before", "ERROR broken", "INFO GET / 200"]


def test_a_thread_that_outlives_its_request_has_a_buffer_of_its_own() -> None:
    def act() -> None:
        _log.debug("held")
        _log.error("broken")

    with capturing() as lines:
        call(app_that(lambda: _log.debug("dropped")), HTTP_X_REQUEST_ID="abc")
        work_under("abc", act)
    assert texts(lines()) == ["INFO GET / 200", "DEBUG held", "ERROR broken"]
    assert debug_buffer._process.reserved == 0


def test_a_thread_under_another_id_does_not_fill_the_buffer_of_the_request() -> None:
    def act() -> None:
        work_under("other", lambda: _log.debug("in a thread"))
        fail()

    with capturing() as lines:
        call(app_that(act))
    assert "DEBUG in a thread" not in texts(lines())


class Mutable:
    def __init__(self) -> None:
        self.text = "then"

    def __str__(self) -> str:
        return self.text


def test_a_line_shows_the_values_that_there_were_when_it_was_logged() -> None:
    things, thing, extra = [1], Mutable(), {"a": [1]}

    def act() -> None:
        _log.debug("%s %s", things, thing)
        _log.debug("%(a)s", {"a": 1})
        _log.debug(thing)
        _log.debug("extra", extra={"order": extra})
        _log.debug("%s %s %s", Decimal("1.5"), datetime(2026, 1, 2, tzinfo=UTC), b"x")
        _log.debug("%d", "no number")
        things.append(2)
        thing.text = "now"
        extra["a"].append(2)
        raise ValueError("x")

    with capturing() as lines:
        call(app_that(act))
    assert texts(lines())[:5] == [
        "DEBUG [1] then",
        "DEBUG 1",
        "DEBUG then",
        "DEBUG extra",
        "DEBUG 1.5 2026-01-02 00:00:00+00:00 b'x'",
    ]
    assert lines()[3]["order"] == {"a": [1]}
    assert "no number" not in lines()[5]["message"] or "do not fit" in lines()[5]["message"]


def test_an_exception_that_was_logged_below_the_level_keeps_its_traceback_and_no_frames() -> None:
    class Kept:
        alive = 0

        def __init__(self) -> None:
            Kept.alive += 1

        def __del__(self) -> None:
            Kept.alive -= 1

    seen = []

    def act() -> None:
        def work() -> None:
            kept = Kept()
            try:
                1 / 0  # noqa: B018
            except ZeroDivisionError:
                _log.debug("caught", exc_info=True, stack_info=True)
            del kept

        work()
        gc.collect()
        seen.append(Kept.alive)
        raise ValueError("x")

    with capturing() as lines:
        call(app_that(act))
    line = lines()[0]
    assert (line["exc_type"], line["level"], line["buffered"]) == (
        "ZeroDivisionError",
        "DEBUG",
        True,
    )
    assert line["exc_info"].endswith("ZeroDivisionError: division by zero")
    assert len(line["error_id"]) == 12
    assert "work" in line["stack_info"]
    assert seen == [0]


def test_secrets_are_left_out() -> None:
    def act() -> None:
        _log.debug("password=%s", "hunter2-canary", extra={"token": "hunter2-canary"})
        raise ValueError("x")

    with capturing() as lines:
        call(app_that(act))
    assert "hunter2" not in str(lines())


def test_of_too_many_records_the_last_ones_are_kept_and_the_others_counted() -> None:
    def act() -> None:
        for number in range(250):
            _log.debug("record %d", number)
        raise ValueError("x")

    with capturing() as lines:
        call(app_that(act))
    first, *rest = [line for line in lines() if line.get("buffered")]
    assert len(rest) <= debug_buffer.MAX_RECORDS
    assert rest[-1]["message"] == "record 249"
    assert first["dropped"] == 250 - len(rest)
    assert rest[0]["message"] == f"record {250 - len(rest)}"


@given(st.lists(st.integers(0, 200_000), max_size=8))
def test_the_bytes_of_a_request_and_of_the_process_are_bounded(lengths: list[int]) -> None:
    buffers = [debug_buffer.DebugBuffer() for _ in range(3)]
    for length in lengths:
        for buffer in buffers:
            buffer.add(record_of("%s", "x" * length))
            assert buffer._bytes <= debug_buffer.MAX_REQUEST_BYTES
            assert buffer._bytes <= buffer._reserved
    assert debug_buffer._process.reserved == sum(buffer._reserved for buffer in buffers)
    for buffer in buffers:
        buffer.clear()
    assert debug_buffer._process.reserved == 0
    assert debug_buffer._process.buffers == {}


def test_the_oldest_request_loses_its_records_where_the_process_holds_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(debug_buffer, "MAX_PROCESS_BYTES", 64 * 1024)
    buffers = [debug_buffer.DebugBuffer() for _ in range(20)]
    for buffer in buffers:
        for _ in range(60):
            buffer.add(record_of("hello"))
            assert debug_buffer._process.reserved <= 64 * 1024
    kept = [len(buffer.take()) for buffer in buffers]
    assert kept[0] == 1  # the line that counts them
    assert kept[-1] == 60
    assert debug_buffer._process.reserved == 0


def record_of(message: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("held", logging.DEBUG, "x.py", 1, message, args, None)


@pytest.mark.parametrize(
    ("setting", "logger", "is_held"),
    [
        ("INFO", "held", True),
        ("INFO", "held.quiet", False),
        ("INFO,held.quiet=WARNING", "held.quiet", True),
    ],
    ids=["the root's level", "a level of the app's", "a level of the setting"],
)
def test_a_level_that_the_app_has_set_is_kept(setting: str, logger: str, is_held: bool) -> None:
    quiet = logging.getLogger("held.quiet")

    def act() -> None:
        logging.getLogger(logger).debug("held")
        raise ValueError("x")

    try:
        with capturing(log_level=setting) as lines:
            if "=" not in setting:
                quiet.setLevel(logging.WARNING)
            call(app_that(act))
    finally:
        quiet.setLevel(logging.NOTSET)
    assert ("DEBUG held" in texts(lines())) is is_held


def test_no_other_handler_gets_a_record_more() -> None:
    records: list[logging.LogRecord] = []

    class Theirs(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    theirs = Theirs()
    with capturing():
        logging.root.addHandler(theirs)
        call(app_that(fail))
    assert "DEBUG" not in [record.levelname for record in records]


def test_a_disabled_level_is_kept() -> None:
    def act() -> None:
        assert not _log.isEnabledFor(logging.DEBUG)
        raise ValueError("x")

    logging.disable(logging.DEBUG)
    try:
        with capturing() as lines:
            call(app_that(act))
    finally:
        logging.disable(logging.NOTSET)
    assert "ERROR GET / failed" in texts(lines())


def test_what_repeats_a_reported_error_writes_nothing() -> None:
    def act() -> None:
        try:
            raise ValueError("x")
        except ValueError:
            _log.exception("first")
            _log.debug("between")
            _log.exception("again")

    with capturing() as lines:
        call(app_that(act))
    assert texts(lines()) == ["ERROR first", "INFO again", "INFO GET / 200"]


def test_off_it_changes_no_method_of_loggers() -> None:
    methods = logging.Logger.isEnabledFor, logging.Logger.callHandlers
    with capturing():
        assert methods != (logging.Logger.isEnabledFor, logging.Logger.callHandlers)
        configure_logging(log_format="json")
    assert methods == (logging.Logger.isEnabledFor, logging.Logger.callHandlers)


@pytest.mark.parametrize("alone", [True, False], ids=["our handler alone", "others too"])
def test_an_access_line_below_the_level_is_not_held(alone: bool) -> None:
    with capturing(log_level="WARNING,wsgi_observe=WARNING") as lines:
        if alone:  # pytest has handlers of its own
            ours = [one for one in logging.root.handlers if one.name == "wsgi_observe"]
            logging.root.handlers[:] = ours
        call(app_that(lambda: None))
    assert lines() == []


def test_what_was_bound_is_on_its_lines() -> None:
    def act() -> None:
        bind(order=7)
        _log.debug("held")
        raise ValueError("x")

    with capturing() as lines:
        call(app_that(act))
    assert lines()[0]["order"] == 7
