"""The benchmark of noting runs, and its table has a row for each app."""

import subprocess
import sys
from pathlib import Path

from benchmarks.noting import APPS

ROOT = Path(__file__).parent.parent.parent


def test_the_command_prints_a_row_for_each_app() -> None:
    command = [sys.executable, "-m", "benchmarks.noting", "--rounds", "2", "--calls", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    rows = [line.split(" | ")[0] for line in done.stdout.splitlines() if " | " in line]
    assert rows == [f"noting a running request, on {name}" for name in APPS]
