"""What is remembered of texts makes the next one quicker, and never another one shown."""

import re
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_observe.redaction import REDACTED, Redactor

ORDINARY = (Path(__file__).parent / "corpora/ordinary_0.txt").read_text("utf-8").splitlines()

# The first is harmless; the second has other digits, and is not.
PAIRS = {
    "a name of the user's own": ("pupil8=ab1cd", "pupil7=ab1cd"),
    "its words": ("pupil 8 a b", "pupil-7: ab1cd"),
    "a word with a digit": ("passw1rd=ab1cd", "passw0rd=ab1cd"),
    "a number as a name": ("4712=ab1cd", "4711=ab1cd"),
    "a percent-encoded name": ("%60assword=ab1cd", "%70assword=ab1cd"),
    "an escaped name": (r"\u0060assword=ab1cd", r"\u0070assword=ab1cd"),
    "an encoded sign": ("next=/a?token%2Dab1cd", "next=/a?token%3Dab1cd"),
    "a card number": ("paid by 4111111111111112 ok", "paid by 4111111111111111 ok"),
    "a spaced card number": ("paid by 4111 1111 1111 1112", "paid by 4111 1111 1111 1111"),
    "an IBAN": ("to DE88370400440532013000", "to DE89370400440532013000"),
    "a key of AWS": ("key of AKIA" + "1" * 16, "key of AKIA" + "2" * 16),
    "a prefix with a digit": ("sent sq1abc-" + "a1" * 11, "sent sq0abc-" + "a1" * 11),
    "a token's version": ("sent dop_v2_" + "a1" * 32, "sent dop_v1_" + "a1" * 32),
}


@pytest.mark.parametrize(("first", "second"), PAIRS.values(), ids=PAIRS)
def test_a_clean_text_with_other_digits_is_searched(first: str, second: str) -> None:
    # A number alone that was added keeps all with digits in it from being remembered.
    redactor = Redactor(add=["4711"] if "471" in first else ["pupil7"])
    assert [redactor.text(first) for _ in range(3)] == [first] * 3
    assert REDACTED in redactor.text(second)


WARM = Redactor(add=["pupil7"])
PIECES = st.sampled_from(
    [
        *("pupil", "oauth", "password", "pass", "%", "\\u00", "7", "70", "4711", "3", "0", "2D"),
        *("%3D",),
        *("=", ": ", " ", " is ", "'", '"', "-", "_", "AKIA", "sq", "ya", ".", "411111111111"),
        *("DE",),
        *("id", "a", "x1y2z3", "/", "?", "bearer ", "order ", "SELECT ", "\n", "é", "\ud800"),
    ]
)
TEXTS = st.lists(PIECES, max_size=8).map("".join) | st.sampled_from(ORDINARY)


@given(TEXTS, st.text("0123456789", min_size=1, max_size=6))
def test_a_text_is_shown_as_by_a_redactor_that_has_seen_none(text: str, digits: str) -> None:
    for _ in range(3):
        WARM.text(text)
    places = iter(digits * len(text))
    other = re.sub("[0-9]", lambda _: next(places), text)
    for one in (text, other):
        assert WARM.text(one) == Redactor(add=["pupil7"]).text(one)


@pytest.mark.parametrize("text", ["a jane-4711 b", "login: 'jane-4711', ok"])
def test_the_secrets_of_one_request_are_not_shown_for_another_that_has_none(text: str) -> None:
    redactor = Redactor()
    assert [redactor.text(text) for _ in range(3)] == [text] * 3
    with_secrets = redactor.with_secrets(["jane-4711"])
    hidden = text.replace("jane-4711", REDACTED)
    assert [with_secrets.text(text), with_secrets.text(text), redactor.text(text)] == [
        hidden,
        hidden,
        text,
    ]
    other = redactor.with_secrets(["nobody"])
    assert [other.text(text) for _ in range(3)] == [text] * 3
    assert other.with_secrets(["jane-4711"]).text(text) == hidden


@pytest.mark.slow
def test_what_is_remembered_is_bounded() -> None:
    redactor = Redactor()
    letters = str.maketrans("0123456789", "abcdefghij")
    kinds = ("order of {} placed", "{}: placed", "it is '{}', or so", "/orders/{}")
    tracemalloc.start()
    try:
        for number in range(8_000):
            for kind in kinds:
                text = kind.format(str(number).translate(letters) + "a" * 60)
                redactor.text(text)
                redactor.text(text)
        assert tracemalloc.get_traced_memory()[0] < 2 * 1024 * 1024
    finally:
        tracemalloc.stop()
