"""The shape of an error."""

import json
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import strict_json
from wsgi_observe.errors import (
    Error,
    describe_status,
    encode_json,
    envelope,
    headers_for_failed_response,
    headers_for_replaced_body,
    problem,
)
from wsgi_observe.field_names import free_name

ERROR = Error(404, "Not Found", "It is not there.", "abc", {"reason": "gone"})
KEPT = [
    ("Allow", "GET"),
    ("Retry-After", "1"),
    ("WWW-Authenticate", "Basic"),
    ("Location", "/x"),
    ("Access-Control-Allow-Origin", "*"),
    ("Set-Cookie", "a=1"),
    ("Set-Cookie", "b=2"),
    ("Vary", "Origin"),
    ("ETag", '"x"'),
    ("Last-Modified", "now"),
    ("Accept-Ranges", "bytes"),
    ("Content-Range", "bytes */9"),
]
OF_THE_BODY = [
    ("Content-Length", "1"),
    ("Content-Type", "text/html"),
    ("Content-Encoding", "gzip"),
    ("Content-Language", "en"),
    ("Content-Digest", "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"),
]


def test_the_envelope_has_its_four_keys_first_and_then_the_apps() -> None:
    assert list(envelope(ERROR)) == ["code", "name", "description", "request_id", "reason"]


@pytest.mark.parametrize("key", ["code", "name", "description", "request_id"])
def test_a_key_that_collides_with_the_four_is_kept_prefixed(key: str) -> None:
    made = envelope(Error(400, "Bad Request", "No.", "abc", {key: "mine"}))
    assert made[f"extra_{key}"] == "mine"
    assert made[key] != "mine"


def test_the_problem_details_are_the_same_facts() -> None:
    assert problem(ERROR) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "It is not there.",
        "request_id": "abc",
        "reason": "gone",
    }


@pytest.mark.parametrize("headers", [KEPT, [(name.upper(), value) for name, value in KEPT]])
def test_what_belongs_to_the_error_stays(headers) -> None:
    assert headers_for_replaced_body(headers) == headers


@pytest.mark.parametrize("upper", [False, True])
def test_what_described_the_old_body_goes(upper: bool) -> None:
    headers = [(name.upper() if upper else name, value) for name, value in OF_THE_BODY]
    assert headers_for_replaced_body([*headers, ("Allow", "GET")]) == [("Allow", "GET")]


def test_of_a_failed_success_only_cors_and_vary_stay() -> None:
    kept = headers_for_failed_response([*KEPT, *OF_THE_BODY, ("access-control-max-age", "1")])
    assert kept == [
        ("Access-Control-Allow-Origin", "*"),
        ("Vary", "Origin"),
        ("access-control-max-age", "1"),
    ]


@given(st.text(), st.text(), st.text())
def test_an_envelope_is_strict_json_or_no_document(name: str, description: str, more: str) -> None:
    made = envelope(Error(500, name, description, None, {more: more}))
    try:
        sent = encode_json(made)
    except ValueError:  # a lone surrogate
        assert not json.dumps(made, ensure_ascii=False).isascii()
    else:
        assert strict_json(sent) == made


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        encode_json({"value": value})


@pytest.mark.parametrize("code", [status.value for status in HTTPStatus if status >= 400])
def test_every_registered_status_has_a_name_and_a_description(code: int) -> None:
    name, description = describe_status(code)
    assert name
    assert description.endswith(".")


@given(st.integers(0, 999), st.text())
def test_any_status_is_described(code: int, reason: str) -> None:
    name, description = describe_status(code, reason)
    assert name
    assert description


@given(st.text(), st.sets(st.text()))
def test_a_free_name_is_free_and_ends_as_it_was(name: str, taken: set[str]) -> None:
    found = free_name(name, taken)
    assert found not in taken
    assert found.endswith(name)
    assert (found == name) == (name not in taken)


def test_an_error_is_matched_by_its_positions_and_shares_no_members() -> None:
    match ERROR:
        case Error(code, name, _, request_id):
            assert (code, name, request_id) == (404, "Not Found", "abc")
    assert Error(404, "Not Found", "").extra is not Error(404, "Not Found", "").extra
    assert hash(ERROR) == hash(Error(404, "Not Found", "It is not there.", "abc"))
