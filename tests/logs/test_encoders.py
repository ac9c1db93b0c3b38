"""The encoders: the same text for the same line, whatever is in it."""

import datetime
import enum
import uuid
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support import strict_json
from wsgi_observe.logs.formatters import encoders as encoding
from wsgi_observe.logs.formatters import orjson_encoder as orjson

ANY_TEXT = st.text(st.characters(exclude_categories=[]))


class Colour(enum.IntEnum):
    RED = 1


class Named(str):
    """A text of a class of its own."""


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | ANY_TEXT
    | st.binary()
    | st.decimals()
    | st.datetimes()
    | st.uuids()
    | st.sampled_from([Colour.RED, Named("x"), 2**63, 2**64, -(2**63) - 1])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner)
        | st.dictionaries(ANY_TEXT | st.integers() | st.none() | st.booleans(), inner)
    ),
    max_leaves=6,
)


@given(st.dictionaries(ANY_TEXT, VALUES))
@example({"a": 1e16, "b": 1e-5, "c": -0.0, "d": 0.1, "e": 1e22, "f": 123456789.125})
@example({"a": '\x7f\x00\b\f\u2028\u00e9\U0001f600"\\/'})
@example({"a": float("nan"), "b": float("inf")})
def test_both_encoders_make_the_same_text(line: dict[str, object]) -> None:
    text = encoding.encode(line)
    assert orjson.encode(line) == text
    assert text.encode("utf-8")
    assert isinstance(strict_json(text), dict)


@given(st.floats())
def test_a_float_is_written_alike(value: float) -> None:
    assert orjson.encode({"a": value}) == encoding.encode({"a": value})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), '"nan"'),
        ({"a": [float("-inf")]}, '{"a":["-inf"]}'),
        ({(1, 2): 3}, '{"(1, 2)":3}'),
        ("\udcff", '"\\\\udcff"'),
        (b"\xff", "\"b'\\\\xff'\""),
        ({1}, "[1]"),
        (Decimal("1.50"), '"1.50"'),
        (datetime.datetime(2024, 1, 2, 3), '"2024-01-02 03:00:00"'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        ("Grüße, 世界", '"Grüße, 世界"'),
    ],
    ids=str,
)
def test_what_json_has_no_form_for_is_said_in_its_place(value: object, text: str) -> None:
    assert encoding.encode({"a": value}) == f'{{"a":{text}}}'


def test_a_cycle_is_said_where_it_closes() -> None:
    made: dict[str, object] = {"a": 1}
    made["self"] = [made]
    assert strict_json(encoding.encode({"x": made})) == {"x": {"a": 1, "self": ["<a cycle>"]}}
