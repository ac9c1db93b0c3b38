"""A figure is a ratio or a difference within a round, never of one round with another."""

import pytest

from benchmarks import growth, peers
from benchmarks.costs import Cost, compute_row, spread, to_microseconds
from benchmarks.goals import GOALS, Goal, Outcome
from benchmarks.growth import GROWING, find_growths
from benchmarks.report import all_costs, format_row
from benchmarks.sentry import interval

# A machine that is ten times as slow in every other round.
SLOW_AND_FAST = {
    "json: Flask": [1000.0, 100.0, 1000.0, 100.0],
    "json: trivial": [10.0, 1.0, 10.0, 1.0],
    "json: trivial, stack": [80.0, 8.0, 80.0, 8.0],
}
ADDED = Cost("topic", "added", "json: trivial, stack", "json: trivial", "json: Flask")


def test_a_part_is_the_same_in_a_slow_round_as_in_a_fast_one() -> None:
    found = compute_row(ADDED, SLOW_AND_FAST)
    assert found is not None
    assert [found.low, found.median, found.high] == [pytest.approx(0.07)] * 3
    assert found.amount == 38.5


def test_without_anything_to_divide_by_the_spread_is_the_amounts() -> None:
    found = compute_row(ADDED._replace(by=None, per=10), SLOW_AND_FAST)
    assert found is not None
    assert (found.low, found.amount, found.high) == (0.7, 3.85, 7.0)


def test_what_has_not_been_measured_has_no_row() -> None:
    assert compute_row(ADDED._replace(by="Talisker: bare"), SLOW_AND_FAST) is None


def test_one_round_has_a_spread_without_width() -> None:
    assert spread([3.0]) == (3.0, 3.0, 3.0)


def test_rounds_of_seconds_become_series_of_microseconds() -> None:
    assert to_microseconds([{"a": 1e-6, "b": 5e-6}, {"a": 2e-6, "b": 6e-6}]) == {
        "a": [1.0, 2.0],
        "b": [5.0, 6.0],
    }


def test_the_cheapest_of_four_is_found_by_its_part_of_its_own_hello() -> None:
    derived = peers.derive(
        {
            "dockerflow: bare": [100.0],
            "dockerflow: with it": [200.0],
            "Talisker: bare": [1000.0],
            "Talisker: with it": [1500.0],
        }
    )
    assert derived["part: the cheapest of four"] == [0.5]


def test_a_slope_is_what_one_more_adds() -> None:
    measured = {"scaling: trivial": [1.0]}
    measured |= {f"scaling: {count} bound fields": [1.0 + count] for count in (1, 10, 50)}
    derived = growth.derive(measured)
    assert derived["slope: bound fields"] == [1.0]
    assert derived["added: 10 bound fields"] == [10.0]


@pytest.mark.parametrize(
    ("amounts", "verdict"),
    [
        pytest.param((10.0, 10.2, 10.9), "flat", id="hardly more"),
        pytest.param((10.0, 11.0, 15.0), "linear", id="as much for each"),
        pytest.param((10.0, 30.0, 15.0), "neither", id="up and down"),
        pytest.param((10.0, 12.0, 100.0), "neither", id="faster and faster"),
    ],
)
def test_whether_a_cost_is_flat_or_linear_follows_from_its_ends_and_its_middle(
    amounts: tuple[float, ...], verdict: str
) -> None:
    series = {"scaling: Flask": [1.0], "scaling: trivial": [0.0]}
    counts = GROWING["bound fields"][0]
    for count, amount in zip(counts, amounts, strict=True):
        series[f"scaling: {count} bound fields"] = [amount]
    derived = {**series, **growth.derive(series)}
    rows = [found for cost in all_costs() if (found := compute_row(cost, derived))]
    assert [one.verdict for one in find_growths(rows)] == [verdict]


def test_every_goal_is_about_a_cost_that_is_reported() -> None:
    known = {(cost.topic, cost.what) for cost in all_costs()}
    for goal in GOALS:
        assert {(goal.topic, goal.plain), (goal.topic, goal.orjson)} <= known, goal.what


def test_no_two_costs_have_one_name() -> None:
    names = [(cost.topic, cost.what) for cost in all_costs()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("plain", "fast", "more_is_better", "verdict"),
    [
        pytest.param(0.1, 0.1, False, "goal", id="the goal itself"),
        pytest.param(0.2, 0.15, False, "must", id="the musts"),
        pytest.param(0.2, 0.16, False, "not met", id="one must only"),
        pytest.param(0.09, 0.3, True, "not met", id="too little where more is better"),
        pytest.param(0.2, 0.15, True, "goal", id="more than the goal"),
    ],
)
def test_a_verdict_holds_for_both_encoders(
    plain: float, fast: float, more_is_better: bool, verdict: str
) -> None:
    goal = Goal("what", "topic", "plain", "orjson", (0.2, 0.15), 0.1, more_is_better)
    rows = [compute_row(Cost("topic", "what", "x"), {"x": [value]}) for value in (plain, fast)]
    assert Outcome(goal, (rows[0], rows[1])).verdict() == verdict  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("amount", "part", "expected"),
    [
        pytest.param(12.345, 0.2345, ("12.3 µs", "0.23"), id="usual"),
        pytest.param(0.0456, 0.00123, ("0.0456 µs", "0.0012"), id="small"),
        pytest.param(4312.0, 12.3, ("4312 µs", "12.3"), id="large"),
        pytest.param(0.0, 0.0, ("0 µs", "0"), id="nothing"),
    ],
)
def test_a_figure_has_the_digits_that_it_deserves(
    amount: float, part: float, expected: tuple[str, str]
) -> None:
    found = compute_row(Cost("topic", "what", "a", by="b"), {"a": [1.0], "b": [1.0]})
    assert found is not None
    assert format_row(found._replace(amount=amount, median=part))[1:3] == expected


def test_an_interval_holds_the_median_and_is_no_wider_than_the_values() -> None:
    low, high = interval([1.0, 2.0, 3.0, 4.0, 100.0])
    assert 1.0 <= low <= 3.0 <= high <= 100.0
    assert interval([5.0] * 9) == (5.0, 5.0)
