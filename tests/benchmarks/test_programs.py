"""What runs in processes and environments of its own, and what is said where it cannot."""

import sys
from pathlib import Path

import pytest

from benchmarks.environments import python_of
from benchmarks.programs import Child, Missing
from benchmarks.rounds import SLICES, WARMING, after, measure, repeated
from benchmarks.threads import LEAST, RUNS, in_threads


def test_a_child_answers_each_round_under_its_own_name() -> None:
    child = Child("noop", ("benchmarks.peers:subjects", "noop.app"))
    try:
        assert "Flask" in child.wait()
        first, second = measure([child], rounds=2, calls=3)
    finally:
        child.stop()
    assert first.keys() == second.keys() == {"noop: bare", "noop: with it"}
    assert min(first.values()) > 0


def test_a_library_that_is_not_installed_is_said_to_be_missing() -> None:
    child = Child("none", ("benchmarks.no_such_module:subjects",))
    try:
        with pytest.raises(Missing, match="ModuleNotFoundError: No module named"):
            child.wait()
    finally:
        child.stop()


def test_what_clashes_with_nothing_runs_where_we_do() -> None:
    assert python_of((), make=True) == sys.executable


def test_an_environment_that_cannot_be_made_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    wanted = ("./no-such-folder",)
    with pytest.raises(Missing, match="not been made"):
        python_of(wanted, make=False)
    with pytest.raises(Missing, match="no-such-folder"):
        python_of(wanted, make=True)
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
    assert len(seen) == WARMING + made


def test_another_call_is_made_before_each_that_is_timed() -> None:
    calls: list[str] = []
    after(lambda: calls.append("first"), lambda: calls.append("second"))(3)
    assert calls == ["first", "second"] * 3


def test_threads_share_the_calls() -> None:
    calls: list[int] = []
    assert in_threads(lambda: calls.append(1), 4)(LEAST) > 0
    once_each_before_the_clock_starts = 4
    assert len(calls) == RUNS * (once_each_before_the_clock_starts + 4 * LEAST)
