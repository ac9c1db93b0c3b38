"""The watchdog: a request that takes too long is named once, with its own stack."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.calls import answering, call_freely
from tests.conftest import Log
from tests.support import eventually
from wsgi_observe import AccessLog, RequestID, bind
from wsgi_observe.logs import LineHandler
from wsgi_observe.scoreboard.recorder import Recorder
from wsgi_observe.scoreboard.stacks import format_stack, get_frame
from wsgi_observe.scoreboard.watchdog import Watchdog

Noted = Callable[[Any], Any]
PLAIN = [("Content-Type", "text/plain")]


class Stuck:
    """An app in which a request waits for an event."""

    def __init__(self) -> None:
        self.waiting = threading.Event()
        self.go_on = threading.Event()
        self.headers = PLAIN

    def __call__(self, environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", self.headers)
        yield b"some"
        bind(order_id=7)
        logging.getLogger("shop").info("order read")
        self.wait_for_a_lock()

    def wait_for_a_lock(self) -> None:
        self.waiting.set()
        assert self.go_on.wait(20)


@pytest.fixture
def stuck(noted: Noted) -> Iterator[Stuck]:
    """A request that is in the middle of its stream, on a thread of its own."""
    app = Stuck()
    observed = noted(app)
    sent = {"QUERY_STRING": "a=b", "HTTP_X_REQUEST_ID": "abc"}
    thread = threading.Thread(target=lambda: call_freely(observed, "/orders", **sent))
    app.start = thread.start  # type: ignore[attr-defined]
    yield app
    app.go_on.set()
    thread.join(20)


def begin(stuck: Any) -> None:
    stuck.start()
    assert stuck.waiting.wait(20)


def test_a_slow_request_is_named_once_with_its_stack(
    stuck: Stuck, recorder: Recorder, log: Log
) -> None:
    begin(stuck)
    watchdog = Watchdog(recorder, 0.001)
    eventually(lambda: watchdog.poll() or log.warnings)
    for _ in range(3):
        watchdog.poll()
    (warning,) = log.warnings
    assert warning["logger"] == "wsgi_observe.inflight"
    assert warning["message"].startswith("GET /orders has run for ")
    expected = ("request_id", "method", "path", "remote_addr", "order_id", "slow")
    assert [warning[name] for name in expected] == ["abc", "GET", "/orders", "127.0.0.1", 7, True]
    assert warning["age"] > 0
    frames = warning["stack"].splitlines()
    assert any(frame.endswith("in wait_for_a_lock") for frame in frames)
    assert frames[-2].endswith("in wait"), "the innermost frame is the last"
    assert __file__ in frames[0], "the server's frames are left out"


def test_a_slow_request_has_the_address_that_trusted_proxies_forward(
    recorder: Recorder, log: Log
) -> None:
    app = Stuck()
    observed = RequestID(AccessLog(app), trusted_proxies=1)
    observed.insert(recorder, before=AccessLog)
    sent = {"HTTP_X_FORWARDED_FOR": "203.0.113.7"}
    thread = threading.Thread(target=lambda: call_freely(observed, "/orders", **sent))
    thread.start()
    try:
        assert app.waiting.wait(20)
        watchdog = Watchdog(recorder, 0.001)
        eventually(lambda: watchdog.poll() or log.warnings)
    finally:
        app.go_on.set()
        thread.join(20)
    assert {line["remote_addr"] for line in log.lines} == {"203.0.113.7"}


def test_its_access_line_says_so_again(stuck: Stuck, recorder: Recorder, log: Log) -> None:
    begin(stuck)
    watchdog = Watchdog(recorder, 0.001)
    eventually(lambda: watchdog.poll() or log.warnings)
    stuck.go_on.set()
    eventually(lambda: log.of("wsgi_observe.access"))
    assert log.access["slow"] is True


def test_a_quick_request_is_not_named(stuck: Stuck, recorder: Recorder, log: Log) -> None:
    begin(stuck)
    Watchdog(recorder, 3600).poll()
    Watchdog(recorder, 0).poll()
    stuck.go_on.set()
    eventually(lambda: log.of("wsgi_observe.access"))
    assert log.warnings == []
    assert "slow" not in log.access


def test_what_is_meant_to_last_is_not_named(stuck: Stuck, recorder: Recorder, log: Log) -> None:
    stuck.headers = [("Content-Type", "text/event-stream; charset=utf-8")]
    begin(stuck)
    eventually(lambda: recorder.running_entries[0].started)
    watchdog = Watchdog(recorder, 1e-9)
    watchdog.poll()
    assert log.warnings == []


def test_its_thread_looks_by_itself(stuck: Stuck, recorder: Recorder, log: Log) -> None:
    rests = threading.Semaphore(0)
    stop = threading.Event()

    def pause(seconds: float) -> None:
        assert 0 < seconds <= 0.5
        rests.acquire()
        if stop.is_set():
            raise SystemExit

    begin(stuck)
    Watchdog(recorder, 0.001).start(pause=pause)
    try:
        eventually(lambda: rests.release() or log.warnings)  # type: ignore[func-returns-value]
    finally:
        stop.set()
        rests.release()


def test_it_survives_what_fails_and_says_so_once(recorder: Recorder, log: Log) -> None:
    watchdog = Watchdog(recorder, 1.0)
    recorder.worker_entry = None  # type: ignore[assignment]
    for _ in range(3):
        watchdog.poll()
    (warning,) = log.warnings
    assert "watching" in warning["message"]


def test_a_later_slow_request_in_the_same_entry_is_logged_too(
    recorder: Recorder, noted: Noted, log: Log
) -> None:
    watchdog = Watchdog(recorder, 1e-9)
    observed = noted(lambda *given: watchdog.poll() or answering()(*given))
    for number in range(3):
        call_freely(observed, f"/{number}")
    assert [line["path"] for line in log.warnings] == ["/0", "/1", "/2"]


def test_of_a_long_stack_the_innermost_frames_are_shown() -> None:
    def dig(depth: int) -> str:
        return dig(depth - 1) if depth else format_stack(get_frame(threading.get_ident()))

    text = dig(400)
    assert 30 <= text.count("\n  File") + 1 <= 40 or "Previous line repeated" in text
    assert "stacks.py" in text.splitlines()[-2]


@pytest.mark.parametrize("ident", [0, -1, None, "a thread"], ids=repr)
def test_what_is_no_thread_has_no_stack(ident: object) -> None:
    if ident == "a thread":
        gone = threading.Thread()
        gone.start()
        gone.join()
        ident = gone.ident
    assert format_stack(get_frame(ident)) == ""


def test_the_watchdog_writes_lines_that_waited_for_room_in_the_log_stream(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    end, start = os.pipe()
    with open(end, "rb") as reading, open(start, "w") as stream:  # noqa: PTH123
        handler = LineHandler(stream, wait=0)
        monkeypatch.setattr(logging.root, "handlers", [handler])
        while not handler._writer.has_backlog:
            handler.write([b"x" * 4000 + b"\n"], logging.INFO)
        handler.write([b"failed\n"], logging.ERROR)
        watchdog = Watchdog(recorder, 0)
        watchdog.poll()
        assert b"failed\n" not in os.read(reading.fileno(), 1 << 20)
        watchdog.poll()
        assert b"failed\n" in os.read(reading.fileno(), 1 << 20)
        handler.close()
