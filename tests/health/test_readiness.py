"""Readiness as its callers meet it: what it answers, and what it never does."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.health.conftest import Gate, check_threads
from tests.support import eventually
from wsgi_observe.health import Check, Readiness, Report

SLACK = 0.3


def fail() -> NoReturn:
    raise ConnectionRefusedError("no")


def count(calls: list[str], seconds: float = 0.0) -> Callable[[], None]:
    def check() -> None:
        calls.append(threading.current_thread().name)
        time.sleep(seconds)

    return check


def test_without_checks_it_is_ready() -> None:
    assert Readiness({}).report() == Report("ok", {})


def test_results_stand_in_the_order_of_declaration() -> None:
    report = Readiness({"b": dict, "a": fail, "c": dict}).report()
    assert list(report.checks.items()) == [("b", "ok"), ("a", "fail"), ("c", "ok")]
    assert report.status == "unavailable"


def test_a_check_that_is_not_critical_only_degrades() -> None:
    readiness = Readiness({"db": dict, "cache": Check(fail, critical=False)})
    assert readiness.report() == Report("degraded", {"db": "ok", "cache": "fail"})


@pytest.mark.parametrize("returned", [None, True, 0, "", [], "3 ms"], ids=repr)
def test_a_check_passes_whatever_it_returns_but_false(returned: object) -> None:
    assert Readiness({"db": lambda: returned}).report().status == "ok"


def test_each_check_runs_on_a_named_daemon_thread_of_its_own() -> None:
    threads: list[threading.Thread] = []

    def note() -> None:
        threads.append(threading.current_thread())

    Readiness({"db": note, "cache": note}).report()
    names = {thread.name for thread in threads}
    assert names == {"wsgi_observe.health:db", "wsgi_observe.health:cache"}
    assert all(thread.daemon for thread in threads)


def test_no_thread_is_made_before_somebody_asks_and_none_stays() -> None:
    readiness = Readiness({"db": dict})
    assert not check_threads()
    readiness.report()
    eventually(lambda: not check_threads())


def test_checks_run_beside_each_other() -> None:
    meeting = threading.Barrier(10)
    checks = {f"c{n}": meeting.wait for n in range(10)}
    assert Readiness(checks, timeout=20).report().status == "ok"


def test_within_the_ttl_one_run_serves_all_and_the_same_report_comes_back() -> None:
    calls: list[str] = []
    readiness = Readiness({"db": count(calls)}, ttl=600)
    assert readiness.report() is readiness.report()
    assert len(calls) == 1


def test_after_the_ttl_the_checks_run_again() -> None:
    calls: list[str] = []
    readiness = Readiness({"db": count(calls)}, ttl=0.05)
    readiness.report()
    time.sleep(0.06)
    readiness.report()
    assert len(calls) == 2


def test_without_a_ttl_the_checks_run_for_everybody_who_comes_later() -> None:
    calls: list[str] = []
    readiness = Readiness({"db": count(calls)}, ttl=0)
    assert [readiness.report().status for _ in range(3)] == ["ok"] * 3
    assert len(calls) == 3


def test_two_hundred_who_ask_together_share_one_run() -> None:
    calls: list[str] = []
    readiness = Readiness({"db": count(calls, seconds=0.2)}, ttl=0, timeout=20)
    together = threading.Barrier(200)

    def ask() -> Report:
        together.wait()
        return readiness.report()

    with ThreadPoolExecutor(200) as pool:
        reports = [asked.result() for asked in [pool.submit(ask) for _ in range(200)]]
    assert {report.status for report in reports} == {"ok"}
    assert len({id(report) for report in reports}) <= len(calls) < 5  # late-comers may begin one


@pytest.mark.slow
def test_two_hundred_who_meet_a_check_that_hangs_are_answered_in_time(gate: Gate) -> None:
    readiness = Readiness({"db": gate, "cache": dict}, timeout=0.8, ttl=0.1)
    together = threading.Barrier(200)
    most_threads = 0

    def ask() -> tuple[Report, float]:
        nonlocal most_threads
        together.wait()
        began = time.monotonic()
        report = readiness.report()
        took = time.monotonic() - began
        most_threads = max(most_threads, check_threads().count("wsgi_observe.health:db"))
        return report, took

    with ThreadPoolExecutor(200) as pool:
        for _ in range(3):
            answers = [asked.result() for asked in [pool.submit(ask) for _ in range(200)]]
            assert all(report.checks == {"db": "fail", "cache": "ok"} for report, _ in answers)
            assert max(took for _, took in answers) < 0.8 + SLACK
            time.sleep(0.2)
    assert (gate.begun, most_threads) == (1, 1)


def test_a_check_that_hung_recovers_by_itself_when_it_returns(gate: Gate) -> None:
    readiness = Readiness({"db": gate}, timeout=0.05, ttl=0.05)
    assert readiness.report().status == "unavailable"
    assert list(readiness.hanging) == ["db"]
    gate.open()
    eventually(lambda: readiness.report().status == "ok")
    assert not readiness.hanging
    assert gate.begun >= 2


def test_while_a_check_hangs_nobody_waits_for_it_again(gate: Gate) -> None:
    readiness = Readiness({"db": gate}, timeout=1.0, ttl=0)
    readiness.report()
    began = time.monotonic()
    assert [readiness.report().status for _ in range(20)] == ["unavailable"] * 20
    assert time.monotonic() - began < 1.0
    assert gate.begun == 1


def test_a_check_never_runs_beside_itself() -> None:
    running = threading.Lock()
    met: list[str] = []

    def check() -> None:
        if not running.acquire(blocking=False):
            met.append("itself")
        time.sleep(random.uniform(0.0, 0.004))  # now below its timeout, now above
        running.release()

    readiness = Readiness({"db": check}, timeout=0.002, ttl=0.001)

    def flood() -> None:
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            readiness.report()

    with ThreadPoolExecutor(32) as pool:
        for flooding in [pool.submit(flood) for _ in range(32)]:
            flooding.result()
    assert not met


def test_each_check_has_its_own_timeout() -> None:
    checks = {
        "short": Check(lambda: time.sleep(0.3), timeout=0.05),
        "long": Check(lambda: time.sleep(0.3), timeout=20),
    }
    assert Readiness(checks).report().checks == {"short": "fail", "long": "ok"}


def test_an_outage_shows_within_ttl_and_timeout_beside_a_check_that_is_slow() -> None:
    down = threading.Event()

    def quick() -> bool:
        return not down.is_set()

    readiness = Readiness({"quick": quick, "slow": lambda: time.sleep(0.2)}, timeout=0.5, ttl=0.5)
    assert readiness.report().status == "ok"
    down.set()
    began = time.monotonic()
    eventually(lambda: readiness.report().status == "unavailable")
    assert time.monotonic() - began < 0.5 + 0.5 + SLACK


def test_a_clock_that_is_turned_back_does_not_keep_a_report_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []
    readiness = Readiness({"db": count(calls)}, ttl=600)
    now = time.monotonic()
    monkeypatch.setattr("wsgi_observe.health.runner.monotonic", lambda: now)
    readiness.report()
    now -= 10_000
    readiness.report()
    assert len(calls) == 2


@pytest.mark.slow
def test_a_thousand_probes_in_a_second_run_a_slow_check_once_per_ttl() -> None:
    calls: list[str] = []
    readiness = Readiness({"db": count(calls, seconds=0.01)}, ttl=0.25)
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        for _ in range(1000):
            pool.submit(readiness.report)
            time.sleep(0.001)
    assert len(calls) <= (time.monotonic() - began) / 0.25 + 1


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Readiness], None]:
    """Asks, and is killed at the first wait, as a greenlet is whose time is up."""

    def kill(*_: object) -> NoReturn:
        raise GeneratorExit

    def ask(readiness: Readiness) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Event, "wait", kill)
            with pytest.raises(GeneratorExit):
                readiness.report()

    return ask


def test_a_caller_that_is_killed_while_it_waits_harms_nobody_else(
    gate: Gate, killed: Callable[[Readiness], None]
) -> None:
    readiness = Readiness({"db": gate, "cache": dict}, timeout=0.2, ttl=600)
    killed(readiness)
    assert readiness.report() == Report("unavailable", {"db": "fail", "cache": "ok"})
    assert gate.begun == 1


def test_a_run_that_nobody_saw_through_is_not_served_later(
    killed: Callable[[Readiness], None],
) -> None:
    calls: list[str] = []
    readiness = Readiness({"db": count(calls)}, timeout=0.1, ttl=0.1)
    killed(readiness)
    time.sleep(0.2)
    assert readiness.report().ready
    assert len(calls) == 2


def test_a_machine_without_threads_left_makes_failing_checks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_more(*_: object, **__: object) -> NoReturn:
        raise RuntimeError("can't start new thread")

    readiness = Readiness({"db": dict}, ttl=0)
    with monkeypatch.context() as patched:
        for starter in ("_start_new_thread", "_start_joinable_thread"):
            patched.setattr(threading, starter, no_more, raising=False)
        assert readiness.report().checks == {"db": "fail"}
    assert readiness.report().checks == {"db": "ok"}


def test_names_and_exclude_choose_from_the_same_run() -> None:
    calls: list[str] = []
    cache = Check(fail, critical=False)
    readiness = Readiness({"db": count(calls), "cache": cache, "disk": fail}, ttl=600)
    assert readiness.names == ("db", "cache", "disk")
    assert readiness.report(["db"]) == Report("ok", {"db": "ok"})
    assert readiness.report(exclude={"disk"}) == Report("degraded", {"db": "ok", "cache": "fail"})
    assert readiness.report({"db", "disk"}, exclude=("disk",)) == Report("ok", {"db": "ok"})
    assert readiness.report().status == "unavailable"
    assert len(calls) == 1


def test_unknown_names_count_for_nothing() -> None:
    readiness = Readiness({"db": dict})
    assert readiness.report(["nope"]) == Report("ok", {})
    assert readiness.report(exclude=["nope"]) == Report("ok", {"db": "ok"})


@pytest.mark.parametrize("chosen", [{"names": "db"}, {"exclude": "db"}], ids=repr)
def test_one_name_is_not_taken_for_a_collection_of_letters(chosen: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="must be a collection of str, got 'db'"):
        Readiness({"d": dict}).report(**chosen)


@given(
    names=st.none() | st.lists(st.sampled_from("abcd")), exclude=st.sets(st.sampled_from("abcd"))
)
def test_a_choice_never_shows_more_than_was_asked_for(
    names: list[str] | None, exclude: set[str]
) -> None:
    report = _ABC.report(names, exclude)
    wanted = {"a", "b", "c"} if names is None else set(names)
    assert set(report.checks) == (wanted & {"a", "b", "c"}) - exclude
    assert report.ready == (report.checks.get("b") != "fail")


_ABC = Readiness({"a": dict, "b": fail, "c": Check(fail, critical=False)}, ttl=600)


@pytest.mark.parametrize(
    "name",
    ["", "a b", "a/b", "a\nb", "a\tb", "\x1b[31m", "a" * 65, "a\u2028b", "a\u00a0b"],
    ids=ascii,
)
def test_a_name_that_cannot_stand_in_a_path_or_a_line_is_refused_at_start(name: str) -> None:
    with pytest.raises(ValueError, match="name of a check must be 1 to 64 printable characters"):
        Readiness({name: dict})


@pytest.mark.parametrize("name", ["db", "db-1.replica", "données", "a" * 64])
def test_an_ordinary_name_fits(name: str) -> None:
    assert Readiness({name: dict}).names == (name,)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        pytest.param({"checks": [dict]}, TypeError, "must map names", id="a list of checks"),
        pytest.param({"checks": {1: dict}}, TypeError, "got 1", id="a number as a name"),
        pytest.param({"checks": {"db": 1}}, TypeError, "check 'db': .* got 1", id="no callable"),
        pytest.param({"state": "ok"}, TypeError, "state must be a HealthState", id="state as text"),
    ],
)
def test_an_argument_that_does_not_fit_is_refused_at_start(
    arguments: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        Readiness(**{"checks": {}, **arguments})
