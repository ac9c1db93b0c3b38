"""The benchmark runs, and its table has a row for each cost."""

import subprocess
import sys
from pathlib import Path

from benchmarks.report import COSTS, costs

ROOT = Path(__file__).parent.parent.parent


def test_the_command_prints_a_row_for_each_cost() -> None:
    command = [sys.executable, "-m", "benchmarks", "--rounds", "2", "--calls", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    head, *rows = done.stdout.splitlines()
    assert head.startswith("of a bare Flask JSON hello")
    assert [row[:54].rstrip() for row in rows] == list(COSTS)


def test_a_cost_is_the_difference_within_a_round_as_a_part_of_that_round() -> None:
    slow, fast = (
        {name: scale * (2.0 if name.endswith("access line") else 1.0) for name in NAMES}
        for scale in (1.0, 0.1)
    )
    found = {cost.what: cost.median for cost in costs([slow, fast, slow, fast])}
    assert round(found["stack with the access line, on Flask"], 9) == 1.0
    assert round(found["a health answer, whole"], 9) == 1.0


NAMES = {name for pair in COSTS.values() for name in pair if name}
