"""The benchmark of redaction runs, and its texts are what it says."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.redaction import ADVERSARIAL, PROSE, adversarial
from wsgi_observe.core.redact import Redactor

ROOT = Path(__file__).parent.parent.parent


def test_the_command_prints_a_row_for_each_text() -> None:
    command = [sys.executable, "-m", "benchmarks.redaction", "--rounds", "2", "--calls", "2"]
    command += ["--kilobytes", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    rows = done.stdout.splitlines()
    assert rows[0].startswith("of a bare Flask JSON hello")
    assert [row[:34].rstrip() for row in rows[-len(ADVERSARIAL) :]] == list(ADVERSARIAL)


def test_the_ordinary_line_has_two_hundred_characters_and_nothing_to_redact() -> None:
    assert len(PROSE) == 200
    assert Redactor().text(PROSE) is PROSE


# What takes a second here would take an hour, did the time grow with the square of the length.
@pytest.mark.parametrize("piece", ADVERSARIAL.values(), ids=ADVERSARIAL)
def test_a_megabyte_of_anything_has_an_answer(piece: str) -> None:
    redactor = Redactor(personal=True)
    text = adversarial(piece, 1024 * 1024)
    shown = redactor.text(text)
    assert shown == text or "[REDACTED]" in shown
