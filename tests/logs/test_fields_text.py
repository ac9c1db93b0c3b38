"""A field is in the text of a line what redaction and JSON make of it."""

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.local import LocalProxy

from tests.support import strict_json
from wsgi_observe.logs.formatters import encoders as encoding
from wsgi_observe.logs.formatters import orjson_encoder as orjson
from wsgi_observe.logs.formatters import plain_text as fields_text
from wsgi_observe.logs.formatters.plain_text import FieldsText, following
from wsgi_observe.logs.line_redaction import Redaction

SECRETS = [
    *("token=hush", "--password hush", "Bearer abc.def", "https://u:p@db/", "4111 1111 1111 1111"),
    *("jane@example.org", '{"password": "hush"}', "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc"),
]
NAMES = st.text(max_size=8) | st.sampled_from(
    ["route", "order", "password", "userApiKey", "QUERY_STRING", "client_request_id", "tenant_id"]
)
VALUES = st.recursive(
    st.text(max_size=30)
    | st.sampled_from(SECRETS)
    | st.sampled_from(["/orders/<int:order_id>", "\ud800", "\x7f", "größer", 'a "b"\n'])
    | st.integers()
    | st.sampled_from([10**15, -(10**15), 10**30, True, False, None, math.nan, 0.1, b"bytes"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)


class Order(str):
    """A text of a class of its own."""

    def isascii(self) -> bool:
        raise OSError


@given(
    st.lists(st.dictionaries(NAMES, VALUES, max_size=4), max_size=3),
    st.sampled_from([{}, {"redact_add": ("tenant",)}, {"redact_personal": True}, None]),
    st.sampled_from([encoding.encode, orjson.encode]),
)
@example([{"order": Order("a")}], {}, encoding.encode)
@example([{"order": 7}, {"order": "token=hush"}], {}, encoding.encode)
@example([{"order": 7, "tenant": 7}], {"redact_add": ("tenant",)}, encoding.encode)
@example([{"QUERY_STRING": "state=abc"}], {}, encoding.encode)
@example([{"first": "abc", "note": " = BeArEr abcdef123456"}], {}, encoding.encode)
@example([{"first": "abc", "note": " : (`token`, `hush123`)"}], {}, encoding.encode)
@example([{"first": "abc", "note": " = abc"}], {}, encoding.encode)
@example([{"first": "a password", "note": "= hush"}], {}, encoding.encode)
@example([{"first": "to", "note": "ken=hush"}], {}, encoding.encode)
@example([{"first": "", "note": "token=hush"}], {}, orjson.encode)
def test_the_text_of_fields_is_that_of_their_json(
    lines: list[dict[str, Any]], options: dict[str, Any] | None, encode: Any
) -> None:
    redaction = Redaction(options is not None, **(options or {}))
    text = FieldsText(encode, redaction)  # it remembers names
    for fields in lines:
        assert text.of(fields) == following(redaction.bound(fields), encode)


@pytest.mark.parametrize("held", ["jane", 7, 0.5, True, None], ids=repr)
@pytest.mark.parametrize("encode", [encoding.encode, orjson.encode])
def test_what_a_proxy_stands_for_is_told_as_its_text(held: Any, encode: Any) -> None:
    redaction = Redaction(wanted=True)
    fields = {"user": LocalProxy(lambda: held)}
    text = FieldsText(encode, redaction).of(fields)
    assert text == following(redaction.bound(fields), encode)
    assert strict_json(f"{{{text[1:]}}}") == {"user": str(held)}


@pytest.mark.parametrize("encode", [encoding.encode, orjson.encode])
def test_a_number_too_long_to_print_does_no_harm(encode: Any) -> None:
    redaction = Redaction(wanted=True)
    fields = {"order": 10**5000}
    assert FieldsText(encode, redaction).of(fields) == following(redaction.bound(fields), encode)


def test_plain_fields_take_the_short_way() -> None:
    text = FieldsText(_never, Redaction(wanted=True))
    fields: dict[str, object] = {
        "route": "/orders/<int:order_id>",
        "user": "jane-doe",
        "said": 'a "b"\n',
    }
    fields |= {"order": -7, "took": 1e-7, "new": True, "old": False, "due": None}
    assert strict_json(f'{{"first":1{text.of(fields)}}}') == {"first": 1, **fields}


@pytest.mark.parametrize("fields", [{"password": "hush"}, {"note": "token=hush"}], ids=repr)
def test_a_secret_is_not_told(fields: dict[str, str]) -> None:
    text = FieldsText(encoding.encode, Redaction(wanted=True)).of({"order": 7, **fields})
    (shown,) = [value.replace("hush", "[REDACTED]") for value in fields.values()]
    assert strict_json(f"{{{text[1:]}}}") == {"order": 7, **dict.fromkeys(fields, shown)}


def test_what_is_remembered_of_names_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields_text, "_MOST", 3)
    text = FieldsText(_never, Redaction(wanted=True))
    for number in range(10):
        assert text.of({f"field_{number}": number}) == f',"field_{number}":{number}'
    assert len(text._heads) <= 3


def _never(fields: Any) -> bytes:
    raise AssertionError(fields)
