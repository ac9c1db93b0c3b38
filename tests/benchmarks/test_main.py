"""The command runs whole, and writes a row for each cost."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks.chart import NAME as CHART
from benchmarks.results import NAME, read
from benchmarks.topics import topics

ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the folder that a quick run has written into, and what it printed."""
    folder = tmp_path_factory.mktemp("results") / "new"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--output", folder],
        cwd=ROOT,
        # A cache of its own: no environment has been made in it, and a quick run makes none.
        env={**os.environ, "COLUMNS": "200", "XDG_CACHE_HOME": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return folder, done.stdout


def test_a_row_is_printed_for_each_cost_or_it_is_said_why_not(run: Any) -> None:
    printed = run[1]
    assert "Talisker not installed: its environment has not been made yet" in printed
    rows = {line.split("│")[1].strip() for line in printed.splitlines() if line.startswith("│")}
    assert rows == {cost.what for cost in topics()} - {"Talisker"}


def test_the_file_has_the_machine_the_versions_and_every_round(run: Any) -> None:
    document = json.loads((run[0] / NAME).read_text())
    assert document["machine"]["python"].startswith("CPython 3.")
    assert {"Flask", "orjson", "sentry-sdk"} <= document["versions"].keys()
    assert list(document["missing"]) == ["Talisker"]
    series = document["series"]
    assert {len(values) for name, values in series.items() if "worker" not in name} == {2}
    assert [name for name, values in series.items() if min(values) <= 0] == []


def test_the_rows_follow_from_the_rounds_in_the_file(run: Any) -> None:
    rows = json.loads((run[0] / NAME).read_text())["rows"]
    again = read(run[0]).rows()
    assert [row[:2] for row in rows] == [list(row[:2]) for row in again]
    assert [value for row in rows for value in row[4:]] == [
        pytest.approx(value, rel=1e-3) for row in again for value in row[4:]
    ]


def test_the_chart_is_an_svg_that_names_every_peer(run: Any) -> None:
    tree = ElementTree.parse(run[0] / CHART)
    texts = {text.strip() for text in tree.getroot().itertext()}
    assert {"wsgi_observe", "dockerflow", "Sentry WSGI, errors only"} <= texts
