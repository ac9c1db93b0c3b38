"""The texts that redaction is measured with are what their names say."""

import pytest

from benchmarks.redaction import ADVERSARIAL, PROSE, adversarial
from wsgi_observe.redaction import Redactor


def test_the_ordinary_line_has_two_hundred_characters_and_nothing_to_redact() -> None:
    assert len(PROSE) == 200
    assert Redactor().text(PROSE) is PROSE


@pytest.mark.slow
@pytest.mark.parametrize("piece", ADVERSARIAL.values(), ids=ADVERSARIAL)
def test_a_quarter_of_a_megabyte_of_anything_has_an_answer(piece: str) -> None:
    redactor = Redactor(personal=True)
    text = adversarial(piece, 256 * 1024)
    shown = redactor.text(text)
    assert "[REDACTED]" in shown or shown.endswith("characters cut]")
