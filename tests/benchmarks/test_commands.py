"""Each command of the benchmarks runs whole, and prints a row for each of its figures."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import failures, log_reader, outgoing, redaction, scoreboard
from benchmarks.report import CHART, RESULTS, all_costs, read_results

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


def test_a_row_is_printed_for_each_cost_or_why_it_is_missing(run: Any) -> None:
    printed = run[1]
    assert "Talisker not installed: its environment has not been made yet" in printed
    rows = {line.split("│")[1].strip() for line in printed.splitlines() if line.startswith("│")}
    assert rows == {cost.what for cost in all_costs()} - {"Talisker"}


def test_the_file_has_the_machine_the_versions_and_every_round(run: Any) -> None:
    document = json.loads((run[0] / RESULTS).read_text())
    assert document["machine"]["python"].startswith("CPython 3.")
    assert {"Flask", "orjson", "sentry-sdk"} <= document["versions"].keys()
    assert list(document["missing"]) == ["Talisker"]
    series = document["series"]
    assert {len(values) for name, values in series.items() if "worker" not in name} == {2}
    assert [name for name, values in series.items() if min(values) <= 0] == []


def test_the_rows_follow_from_the_rounds_in_the_file(run: Any) -> None:
    rows = json.loads((run[0] / RESULTS).read_text())["rows"]
    again = read_results(run[0]).rows()
    assert [row[:2] for row in rows] == [list(row[:2]) for row in again]
    assert [value for row in rows for value in row[4:]] == [
        pytest.approx(value, rel=1e-3) for row in again for value in row[4:]
    ]


def test_the_chart_is_an_svg_that_names_every_peer(run: Any) -> None:
    tree = ElementTree.parse(run[0] / CHART)
    texts = {text.strip() for text in tree.getroot().itertext()}
    assert {"wsgi_observe", "dockerflow", "Sentry WSGI, errors only"} <= texts


def lines_of(*command: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def cells_of(*command: str) -> list[list[str]]:
    rows = [line.split("│")[1:-1] for line in lines_of(*command) if line.startswith("│")]
    return [[cell.strip() for cell in row] for row in rows]


def test_the_scoreboards_has_a_row_for_each_app() -> None:
    lines = lines_of("benchmarks.scoreboard", "--rounds", "2", "--calls", "2")
    rows = [line.split(" | ")[0] for line in lines if " | " in line]
    assert rows == [f"recording a running request, on {name}" for name in scoreboard.APPS]


def test_that_of_failures_has_a_row_for_each_cost() -> None:
    lines = lines_of("benchmarks.failures", "--rounds", "2", "--calls", "2")
    rows = [line.split(" | ")[0] for line in lines if " | " in line]
    assert rows == [cost.what for cost in failures.COSTS]


def test_that_of_the_log_reader_has_a_row_for_each_command() -> None:
    size = ("--requests", "300", "--lines", "200", "--rounds", "1")
    rows = cells_of("benchmarks.log_reader", *size)
    assert [row[0] for row in rows] == ["grep -c", "trace", *log_reader.READERS]


def test_that_of_outgoing_calls_has_a_row_for_each_client_and_way() -> None:
    lines = lines_of("benchmarks.outgoing", "--rounds", "2", "--calls", "2")
    rows = [line.split(" | ")[0] for line in lines if " | " in line]
    assert rows == [cost.what for cost in outgoing.COSTS]


def test_the_demos_has_a_row_for_each_way_of_serving() -> None:
    from benchmarks import demo  # and with it SQLAlchemy

    _, *rows = lines_of("benchmarks.demo", "--rounds", "2", "--requests", "8")
    assert [row[:30].rstrip() for row in rows] == list(demo.SUBJECTS)


def test_that_of_a_bad_sentry_has_a_row_for_each_endpoint() -> None:
    head, *rows = lines_of("benchmarks.sentry", "--rounds", "2", "--calls", "1")
    assert head.startswith("a failing request, Sentry answers")
    assert [row[:40].rstrip() for row in rows] == [
        "more when it is slow (1 s)",
        "more when it hangs",
        "more when it refuses (503)",
        "more when it is not there",
    ]


def test_that_of_redaction_has_a_row_for_each_text() -> None:
    rows = cells_of("benchmarks.redaction", "--kilobytes", "1", "2")
    assert [row[0] for row in rows] == list(redaction.ADVERSARIAL)


def test_beside_another_checkout_it_has_a_ratio_for_each_kind_of_ordinary_text() -> None:
    rows = cells_of("benchmarks.redaction", "--beside", ".")
    assert [row[0] for row in rows] == list(redaction.ORDINARY)
    assert all(float(row[3]) > 0 for row in rows)
