"""What the log says of a check, and how seldom."""

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest

from tests.health.conftest import Gate
from tests.support import eventually
from wsgi_observe.health import Check, Readiness

DB_FAILS = "Readiness check db fails, so readiness answers 503: "


class Switch:
    """A check that does what it is set to."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.detail: object = None

    def __call__(self) -> object:
        if self.error is not None:
            raise self.error
        return self.detail


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[logging.LogRecord]]]:
    """What was logged since it was last asked."""

    def since_last() -> list[logging.LogRecord]:
        records = [record for record in caplog.records if record.name == "wsgi_observe.health"]
        caplog.clear()
        return records

    with caplog.at_level(logging.DEBUG):
        yield since_last


Lines = Callable[[], list[logging.LogRecord]]


def traceback_of(record: logging.LogRecord) -> str:
    return logging.Formatter().format(record)


def test_a_check_that_passes_from_the_first_says_nothing(lines: Lines) -> None:
    readiness = Readiness({"db": Switch()}, ttl=0)
    readiness.report()
    readiness.report()
    assert lines() == []


def test_a_check_that_fails_says_why_once_with_its_traceback(lines: Lines) -> None:
    switch = Switch()
    switch.error = ConnectionRefusedError("port 5432")
    readiness = Readiness({"db": switch}, ttl=0)
    for _ in range(5):
        readiness.report()
    [line] = lines()
    assert line.levelname == "WARNING"
    assert line.getMessage() == f"{DB_FAILS}ConnectionRefusedError: port 5432"
    assert "in __call__\n    raise self.error" in traceback_of(line)
    assert fields(line) == {"check": "db", "critical": True, "down_seconds": 0.0}


def test_a_check_that_recovers_says_how_long_it_was_down(lines: Lines) -> None:
    switch = Switch()
    readiness = Readiness({"db": switch}, ttl=0)
    switch.error = OSError("gone")
    readiness.report()
    lines()
    time.sleep(0.2)
    switch.error, switch.detail = None, "3 ms\nto the primary"
    readiness.report()
    readiness.report()
    [line] = lines()
    assert line.levelname == "INFO"
    assert line.getMessage().startswith("Readiness check db passes again after 0.")
    assert line.getMessage().endswith(" s: 3 ms to the primary")
    assert fields(line)["down_seconds"] >= 0.2
    assert line.exc_info is None


def test_every_new_outage_is_said(lines: Lines) -> None:
    switch = Switch()
    readiness = Readiness({"db": switch}, ttl=0)
    for switch.error in (OSError("one"), None, OSError("two"), None):
        readiness.report()
    assert [line.levelname for line in lines()] == ["WARNING", "INFO"] * 2


def test_a_check_that_goes_on_failing_is_called_to_mind_now_and_then(lines: Lines) -> None:
    switch = Switch()
    switch.error = OSError("gone")
    readiness = Readiness({"db": switch}, ttl=0, remind=0.2)
    readiness.report()
    [first] = lines()
    switch.error = OSError("still gone")
    reminders: list[logging.LogRecord] = []

    def is_reminded() -> bool:
        readiness.report()
        reminders.extend(lines())
        return bool(reminders)

    eventually(is_reminded)  # no fixed time, within which a slow machine may log two
    [reminder] = reminders
    assert first.getMessage() == f"{DB_FAILS}OSError: gone"
    assert reminder.levelname == "WARNING"
    assert reminder.getMessage().startswith("Readiness check db has been failing for 0.")
    assert reminder.getMessage().endswith(": OSError: still gone")
    assert fields(reminder)["down_seconds"] >= 0.2


def test_a_check_that_hangs_says_since_when_and_where_once(gate: Gate, lines: Lines) -> None:
    readiness = Readiness({"db": gate}, timeout=0.1, ttl=0)
    for _ in range(5):
        readiness.report()
    [line] = lines()
    assert line.levelname == "WARNING"
    assert line.getMessage().startswith(f"{DB_FAILS}hangs: no result after 0.1")
    assert "(timeout: 0.1 s)" in line.getMessage()
    assert "in __call__\n    self._open.wait()" in traceback_of(line)
    gate.open()
    eventually(lambda: readiness.report().ready)
    [line] = lines()
    assert line.getMessage().startswith("Readiness check db passes again after ")


def test_a_check_that_passes_too_late_says_how_long_it_took(lines: Lines) -> None:
    checks = {
        "slow": Check(lambda: time.sleep(0.2), timeout=0.05),
        "slower": Check(lambda: time.sleep(0.4), timeout=20),
    }
    Readiness(checks).report()
    [line] = lines()
    assert line.getMessage().startswith(DB_FAILS.replace("db", "slow") + "took 0.2")
    assert line.getMessage().endswith(" s (timeout: 0.05 s)")


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        pytest.param(False, "returned False", id="False"),
        pytest.param((x for x in "a"), "returned a generator, so that nothing was checked", id="g"),
    ],
)
def test_a_check_that_returns_a_failure_says_so(returned: Any, said: str, lines: Lines) -> None:
    switch = Switch()
    switch.detail = returned
    Readiness({"db": switch}).report()
    [line] = lines()
    assert line.getMessage() == f"{DB_FAILS}{said}"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param(SystemExit(), "SystemExit", id="without words"),
        pytest.param(Unspeakable(), "Unspeakable", id="whose words raise"),
        pytest.param(OSError("a\nb\x1b\tc"), "OSError: a b\x1b c", id="on several lines"),
        pytest.param(OSError("x" * 10**6), "OSError: " + "x" * 200, id="of a megabyte"),
    ],
)
def test_a_reason_is_one_short_line(error: BaseException, said: str, lines: Lines) -> None:
    switch = Switch()
    switch.error = error
    Readiness({"db": switch}).report()
    [line] = lines()
    assert line.getMessage() == f"{DB_FAILS}{said}"


def test_a_check_that_may_fail_is_called_so(lines: Lines) -> None:
    Readiness({"cache": Check(lambda: False, critical=False)}).report()
    [line] = lines()
    assert line.getMessage() == "Readiness check cache fails, but is not critical: returned False"
    assert fields(line)["critical"] is False


def test_a_log_handler_that_raises_costs_its_line_only() -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> NoReturn:
            raise OSError("disk full")

    logger, broken = logging.getLogger("wsgi_observe.health"), Broken()
    logger.addHandler(broken)
    try:
        report = Readiness({"a": lambda: False, "b": lambda: False}).report()
    finally:
        logger.removeHandler(broken)
    assert report.checks == {"a": "fail", "b": "fail"}


def test_a_log_handler_that_asks_for_readiness_is_answered() -> None:
    asked: list[str] = []

    class Asking(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            asked.append(readiness.report().status)

    readiness = Readiness({"db": lambda: False}, ttl=600)
    logger, asking = logging.getLogger("wsgi_observe.health"), Asking()
    logger.addHandler(asking)
    try:
        readiness.report()
    finally:
        logger.removeHandler(asking)
    assert asked == ["unavailable"]


def fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: vars(record)[name] for name in ("check", "critical", "down_seconds")}
