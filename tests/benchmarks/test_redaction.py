"""The benchmark of redaction runs, and its texts are what it says."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.redaction import ADVERSARIAL, ORDINARY, PROSE, adversarial
from wsgi_observe.core.redact import Redactor

ROOT = Path(__file__).parent.parent.parent


def test_the_command_prints_a_row_for_each_text() -> None:
    command = [sys.executable, "-m", "benchmarks.redaction", "--kilobytes", "1", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    rows = [line.split("│")[1].strip() for line in lines if line.startswith("│")]
    assert rows == list(ADVERSARIAL)


def test_beside_another_checkout_it_prints_a_ratio_for_each_kind_of_ordinary_text() -> None:
    command = [sys.executable, "-m", "benchmarks.redaction", "--beside", "."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    rows = [line.split("│") for line in done.stdout.splitlines() if line.startswith("│")]
    assert [row[1].strip() for row in rows] == list(ORDINARY)
    assert all(float(row[4]) > 0 for row in rows)


def test_the_ordinary_line_has_two_hundred_characters_and_nothing_to_redact() -> None:
    assert len(PROSE) == 200
    assert Redactor().text(PROSE) is PROSE


@pytest.mark.parametrize("piece", ADVERSARIAL.values(), ids=ADVERSARIAL)
def test_a_quarter_of_a_megabyte_of_anything_has_an_answer(piece: str) -> None:
    redactor = Redactor(personal=True)
    text = adversarial(piece, 256 * 1024)
    shown = redactor.text(text)
    assert "[REDACTED]" in shown or shown.endswith("characters cut]")
