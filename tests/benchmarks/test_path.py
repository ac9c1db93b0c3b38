"""What is measured on the request path does what its name says."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import strict_json

ROOT = Path(__file__).parent.parent.parent

CODE = """
import sys
from benchmarks import path
from wsgi_observe import configure_logging

configure_logging(log_format="json", capture_uncaught=False)
for name, call in (path.bare() | path.logged() | path.silent()).items():
    print("==", name, flush=True)
    print("==", name, file=sys.stderr, flush=True)
    call()
"""


@pytest.fixture(scope="module")
def written() -> dict[str, tuple[list[str], list[str]]]:
    """Return what one call of each subject wrote to stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    out, err = _by_name(done.stdout), _by_name(done.stderr)
    return {name: (lines, err[name]) for name, lines in out.items()}


def _by_name(output: str) -> dict[str, list[str]]:
    parts = [part.splitlines() for part in output.split("== ")[1:]]
    return {part[0]: part[1:] for part in parts}


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        pytest.param("Flask", [], id="bare"),
        pytest.param("Flask, stack", [], id="no line"),
        pytest.param("Flask, stack with line", [200], id="a line"),
        pytest.param("Flask, Observe with line", [200], id="Observe"),
        pytest.param("trivial, stack silenced", [], id="silenced"),
        pytest.param("trivial 404, stack", [404], id="404"),
        pytest.param("Flask 404, Observe", [404], id="404 on Flask"),
        pytest.param("trivial raising, stack", [None, 500], id="500"),
        pytest.param("Flask 500, Observe", [None, 500], id="500 on Flask"),
        pytest.param("health", [], id="health"),
        pytest.param("ready", [], id="readiness"),
        pytest.param("stream, stack", [], id="stream"),
        pytest.param("file, stack", [], id="file"),
    ],
)
def test_a_subject_writes_the_lines_that_belong_to_it(
    written: dict[str, tuple[list[str], list[str]]], name: str, statuses: list[int | None]
) -> None:
    lines, errors = written[name]
    found = [strict_json(line) for line in lines]
    assert ([line.get("status_code") for line in found], errors) == (statuses, [])
    assert [("exc_info" in line) for line in found] == [status is None for status in statuses]


def test_a_bare_flask_app_logs_its_500_in_its_own_way(
    written: dict[str, tuple[list[str], list[str]]],
) -> None:
    lines, errors = written["Flask 500"]
    assert lines == []
    assert errors[-1] == "ValueError: no"
