"""Set-ups in processes and environments of their own, and how their calls are timed."""

import sys
from pathlib import Path

import pytest

from benchmarks.processes import ChildProcess, NotInstalled, find_python
from benchmarks.timing import (
    MIN_THREAD_CALLS,
    SLICES,
    THREAD_RUNS,
    WARMUP_CALLS,
    in_threads,
    measure,
    preceded,
    repeated,
)


@pytest.mark.slow
def test_a_child_answers_each_round_under_its_own_name() -> None:
    child = ChildProcess("noop", ("benchmarks.peers:subjects", "minimal.no_op"))
    try:
        assert "Flask" in child.wait()
        first, second = measure([child], rounds=2, calls=3)
    finally:
        child.stop()
    assert first.keys() == second.keys() == {"noop: bare", "noop: with it"}
    assert min(first.values()) > 0


@pytest.mark.slow
def test_a_library_that_is_not_installed_is_reported() -> None:
    child = ChildProcess("none", ("benchmarks.no_such_module:subjects",))
    try:
        with pytest.raises(NotInstalled, match="ModuleNotFoundError: No module named"):
            child.wait()
    finally:
        child.stop()


def test_what_clashes_with_nothing_runs_where_we_do() -> None:
    assert find_python((), make=True) == sys.executable


@pytest.mark.slow
def test_an_environment_that_cannot_be_made_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    wanted = ("./no-such-folder",)
    with pytest.raises(NotInstalled, match="not been made"):
        find_python(wanted, make=False)
    with pytest.raises(NotInstalled, match="no-such-folder"):
        find_python(wanted, make=True)
    assert list(tmp_path.glob("*/*")) == []


@pytest.mark.parametrize(
    ("calls", "times", "made"),
    [
        pytest.param(50, 1, 50, id="as many as are asked for"),
        pytest.param(50, 10, 500, id="ten times as many"),
        pytest.param(2, 1, SLICES, id="one for each slice at least"),
    ],
)
def test_calls_are_made_after_some_to_warm_up(calls: int, times: int, made: int) -> None:
    seen: list[int] = []
    assert repeated(lambda: seen.append(1), times)(calls) > 0
    assert len(seen) == WARMUP_CALLS + made


def test_another_call_is_made_before_each_that_is_timed() -> None:
    calls: list[str] = []
    preceded(lambda: calls.append("first"), lambda: calls.append("second"))(3)
    assert calls == ["first", "second"] * 3


def test_threads_share_the_calls() -> None:
    calls: list[int] = []
    assert in_threads(lambda: calls.append(1), 4)(MIN_THREAD_CALLS) > 0
    once_each_before_the_clock_starts = 4
    assert len(calls) == THREAD_RUNS * (once_each_before_the_clock_starts + 4 * MIN_THREAD_CALLS)
