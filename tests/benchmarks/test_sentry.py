"""The benchmark of bad Sentrys runs, and its intervals are those of the resampled medians."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.sentry import interval

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
def test_the_command_prints_a_row_for_each_bad_endpoint() -> None:
    command = [sys.executable, "-m", "benchmarks.sentry", "--rounds", "2", "--calls", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    head, *rows = done.stdout.splitlines()
    assert head.startswith("a failing request, Sentry answers")
    assert [row[:40].rstrip() for row in rows] == [
        "more when it is slow (1 s)",
        "more when it hangs",
        "more when it refuses (503)",
        "more when it is not there",
    ]


def test_an_interval_holds_the_median_and_is_no_wider_than_the_values() -> None:
    low, high = interval([1.0, 2.0, 3.0, 4.0, 100.0])
    assert 1.0 <= low <= 3.0 <= high <= 100.0
    assert interval([5.0] * 9) == (5.0, 5.0)
