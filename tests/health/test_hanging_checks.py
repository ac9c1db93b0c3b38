"""What a check may do to its caller: nothing."""

import contextvars
import gc
import logging
import signal
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from wsgi_observe.health import Readiness

REQUEST: contextvars.ContextVar[str] = contextvars.ContextVar("request")


class Stop(BaseException):
    pass


def raising(error: BaseException) -> Callable[[], NoReturn]:
    def check() -> NoReturn:
        raise error

    return check


def recurse() -> None:
    recurse()


class AsyncPing:
    async def __call__(self) -> None: ...


class LazyPing:
    def __call__(self) -> Any:
        yield fail()


def fail() -> NoReturn:
    raise OSError


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(raising(OSError("no route")), id="an error"),
        pytest.param(raising(SystemExit(3)), id="sys.exit"),
        pytest.param(raising(KeyboardInterrupt()), id="KeyboardInterrupt"),
        pytest.param(raising(GeneratorExit()), id="GeneratorExit"),
        pytest.param(raising(Stop()), id="a BaseException of its own"),
        pytest.param(raising(BaseExceptionGroup("two", [Stop(), Stop()])), id="a group"),
        pytest.param(recurse, id="no stack left"),
        pytest.param(lambda: False, id="False"),
        pytest.param(AsyncPing(), id="a coroutine that nobody awaits"),
        pytest.param(LazyPing(), id="a generator that nobody runs"),
        pytest.param(lambda: signal.signal(signal.SIGALRM, signal.SIG_IGN), id="a signal handler"),
    ],
)
def test_a_check_that_goes_wrong_fails_and_its_caller_is_answered(
    check: Callable[[], object],
) -> None:
    report = Readiness({"odd": check, "db": dict}).report()
    assert report.checks == {"odd": "fail", "db": "ok"}


def test_a_check_that_prints_and_logs_passes(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def talkative() -> None:
        sys.stdout.write("hello")
        logging.getLogger("shop").error("slow today")

    assert Readiness({"db": talkative}).report().status == "ok"
    assert capsys.readouterr().out == "hello"
    assert [record.message for record in caplog.records] == ["slow today"]


def test_signals_that_a_check_blocks_stay_unblocked_elsewhere() -> None:
    seen: list[object] = []

    def block() -> None:
        seen.append(signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT}))

    readiness = Readiness({"db": block}, ttl=0)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    readiness.report()
    readiness.report()
    assert seen == [before, before]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_a_check_sees_nothing_of_the_request_that_asked() -> None:
    seen: list[str] = []
    REQUEST.set("mine")
    Readiness({"db": lambda: seen.append(REQUEST.get("none"))}).report()
    assert seen == ["none"]


def test_what_a_check_leaves_on_its_thread_ends_with_the_run() -> None:
    local = threading.local()
    fresh: list[bool] = []

    def check() -> None:
        fresh.append(not hasattr(local, "session"))
        local.session = "in a failed transaction"

    readiness = Readiness({"db": check}, ttl=0)
    for _ in range(3):
        readiness.report()
    assert fresh == [True, True, True]


class Connection:
    """Something that must not be held on to."""


@pytest.mark.parametrize("fails", [False, True], ids=["returned", "raised"])
def test_nothing_that_a_check_returned_or_raised_is_kept(
    fails: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "wsgi_observe.health")  # pytest keeps what is logged
    kept: list[weakref.ref[Connection]] = []

    def check() -> Connection:
        connection = Connection()
        kept.append(weakref.ref(connection))
        if fails:
            raise OSError("with the connection in its frame")
        return connection

    readiness = Readiness({"db": check}, ttl=600)
    readiness.report()
    gc.collect()
    assert [ref() for ref in kept] == [None]
