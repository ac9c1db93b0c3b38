"""What ends a process or greenlet is let through: by real signals, and kills of greenlets."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from greenlet import GreenletExit, getcurrent, greenlet

from tests.calls import Closing, Server, answering, environ
from tests.conftest import Log
from wsgi_observe import observe
from wsgi_observe.core.failures import RequestFailedError

TEXT = [("Content-Type", "text/plain")]
STOP = signal.SIGUSR2


@pytest.fixture(autouse=True)
def _handlers_are_put_back() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGALRM, STOP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def stop(number: int, frame: Any) -> None:
    sys.exit(0)


def stop_for_good(number: int, frame: Any) -> None:
    signal.signal(number, signal.SIG_DFL)  # so that nobody finds it installed any more
    raise SystemExit(0)


def stop_with(code: int, number: int, frame: Any) -> None:
    sys.exit(code)


def interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


class Stopper:
    def stop(self, number: int, frame: Any) -> None:
        self._exit()

    __call__ = stop

    def _exit(self) -> None:
        sys.exit(0)


def by_handler(handler: Any) -> Callable[[], None]:
    def act() -> None:
        signal.signal(STOP, handler)
        signal.raise_signal(STOP)

    return act


def by_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(20)


def by_ctrl_c_in_a_loop() -> None:
    """Be interrupted between two instructions, as no call is."""
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        pass


def by_ctrl_c_in_a_cleanup() -> None:
    try:
        by_ctrl_c()
    finally:
        str(1)


def by_ctrl_c_that_is_handled() -> None:
    try:
        by_ctrl_c()
    except KeyboardInterrupt:
        sys.exit(1)


def by_ctrl_c_in_asyncio() -> None:
    async def work() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(20)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    asyncio.run(work())


SHUTDOWNS = [
    pytest.param(by_ctrl_c, id="Ctrl-C"),
    pytest.param(by_ctrl_c_in_a_loop, id="Ctrl-C in a loop"),
    pytest.param(by_ctrl_c_in_a_cleanup, id="Ctrl-C and a cleanup"),
    pytest.param(by_ctrl_c_that_is_handled, id="Ctrl-C that the app makes an exit of"),
    pytest.param(by_ctrl_c_in_asyncio, id="Ctrl-C in asyncio"),
    pytest.param(by_handler(stop), id="a handler that exits"),
    pytest.param(by_handler(stop_for_good), id="a handler that removes itself"),
    pytest.param(by_handler(lambda *args: sys.exit(0)), id="Werkzeug's lambda"),
    pytest.param(by_handler(partial(stop_with, 3)), id="a partial"),
    pytest.param(by_handler(Stopper().stop), id="a method"),
    pytest.param(by_handler(Stopper()), id="an object that is called"),
    pytest.param(by_handler(interrupt), id="a handler that raises KeyboardInterrupt"),
]


def in_the_call(act: Callable[[], None]) -> Any:
    def app(environ, start_response):
        act()
        raise AssertionError("it was not stopped")

    return app


def in_the_first_next(act: Callable[[], None]) -> Any:
    def app(environ, start_response):
        start_response("200 OK", TEXT)
        yield act()

    return app


def in_mid_stream(act: Callable[[], None]) -> Any:
    def app(environ, start_response):
        start_response("200 OK", TEXT)
        yield b"half"
        act()

    return app


def in_close(act: Callable[[], None]) -> Any:
    class Stopping(Closing):
        def close(self) -> None:
            act()

    return answering(body=Stopping)


PLACES = [in_the_call, in_the_first_next, in_mid_stream, in_close]


@pytest.mark.parametrize("act", SHUTDOWNS)
@pytest.mark.parametrize("place", PLACES)
def test_what_a_signal_raises_is_let_through_and_is_no_failure(place, act, log: Log) -> None:
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        Server().serve(observe(place(act)), environ())
    assert log.errors == []
    assert log.access["outcome"] in ("aborted", "complete")


@pytest.mark.parametrize("place", PLACES)
def test_a_greenlet_that_is_killed_ends(place, log: Log) -> None:
    def act() -> None:
        getcurrent().parent.switch()

    ended = []

    def serve() -> None:
        try:
            Server().serve(observe(place(act)), environ())
        except GreenletExit as error:
            ended.append(error)

    serving = greenlet(serve)
    serving.switch()
    serving.throw()
    assert len(ended) == 1
    assert log.errors == []


def in_a_handler_of_flask(act: Callable[[], None]) -> Any:
    from flask import Flask

    app = Flask("stopped")
    app.add_url_rule("/", "fail", lambda: 1 / 0)

    @app.errorhandler(ZeroDivisionError)
    def handle(error: ZeroDivisionError) -> None:
        act()

    return app.wsgi_app


def in_a_teardown_of_flask(act: Callable[[], None]) -> Any:
    from flask import Flask

    app = Flask("stopped")
    app.add_url_rule("/", "ok", lambda: "ok")
    app.teardown_request(lambda error: act())
    return app.wsgi_app


def throw(kind: type[BaseException]) -> Callable[[], None]:
    def act() -> None:
        raise kind

    return act


@pytest.mark.parametrize("kind", [KeyboardInterrupt, GeneratorExit, GreenletExit, SystemExit])
@pytest.mark.parametrize("place", [in_a_handler_of_flask, in_a_teardown_of_flask])
def test_what_flask_lets_through_is_a_failure_of_the_request(place, kind, log: Log) -> None:
    server = Server().serve(observe(place(throw(kind))), environ())
    assert (server.code, server.json["request_id"]) == (500, server.request_id)
    (error,) = [line for line in log.errors if line["exc_type"] == kind.__name__]
    assert error["request_id"] == server.request_id
    assert kind.__name__ in error["exc_info"]


@pytest.mark.parametrize("act", [by_ctrl_c, by_handler(stop)], ids=["Ctrl-C", "a handler"])
@pytest.mark.parametrize("hook", ["access_level", "propagate", "render_error"])
def test_a_hook_that_is_stopped_stops_the_server(hook: str, act: Any, log: Log) -> None:
    def stopped(*_: object) -> None:
        act()

    app = observe(in_the_call(throw(ValueError)), **{hook: stopped})
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        Server().serve(app, environ())


@pytest.mark.parametrize("kind", [KeyboardInterrupt, GeneratorExit, GreenletExit, SystemExit])
@pytest.mark.parametrize("hook", ["access_level", "propagate", "render_error"])
def test_a_hook_that_raises_costs_only_its_answer(hook: str, kind: Any, log: Log) -> None:
    def failing(*_: object) -> None:
        raise kind

    server = Server().serve(observe(in_the_call(throw(ValueError)), **{hook: failing}), environ())
    assert (server.code, log.error["exc_type"]) == (500, "ValueError")
    assert log.access["status_code"] == 500


def test_a_body_that_the_server_closes_early_is_no_failure(log: Log) -> None:
    body = observe(in_mid_stream(throw(ValueError)))(environ(), Server().start_response)
    chunks = iter(body)
    assert next(chunks) == b"half"
    chunks.close()
    body.close()
    assert (log.errors, log.access["outcome"]) == ([], "aborted")


def test_a_middleware_that_is_closed_around_ours_is_no_failure(log: Log) -> None:
    def around():
        body = observe(in_mid_stream(throw(ValueError)))(environ(), Server().start_response)
        try:
            yield from body
        finally:
            body.close()

    chunks = around()
    assert next(chunks) == b"half"
    chunks.close()
    assert (log.errors, log.access["outcome"]) == ([], "aborted")


def test_an_exit_of_the_app_is_a_failure_also_while_it_holds_its_callers_frame(log: Log) -> None:
    def exits(number: int) -> None:
        frame = sys._getframe(1)
        sys.exit(str(frame.f_lineno + number))

    with suppress(RequestFailedError):
        Server().serve(observe(in_the_call(partial(exits, 1))), environ())
    assert log.error["exc_type"] == "SystemExit"
