"""The benchmark through Gunicorn runs, and its table has a row for each way of serving."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.throughput import SUBJECTS

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
def test_the_command_prints_a_row_for_each_way() -> None:
    command = [sys.executable, "-m", "benchmarks.throughput", "--rounds", "2", "--requests", "8"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    _, *rows = done.stdout.splitlines()
    assert [row[:30].rstrip() for row in rows] == list(SUBJECTS)
