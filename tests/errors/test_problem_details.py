"""Problem details, held against RFC 9457 by a checker that is written from it."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import Server, answering, call, raising
from tests.support import strict_json
from wsgi_observe import observe
from wsgi_observe.errors import Error, ErrorRenderer

# Section 3.1: what each member is, if it is there at all.
MEMBERS = {"type": str, "title": str, "status": int, "detail": str, "instance": str}
# RFC 3986, appendix B, without what no URI reference may hold.
URI_REFERENCE = re.compile(r"(([^:/?#\s]+):)?(//([^/?#\s]*))?([^?#\s]*)(\?([^#\s]*))?(#(\S*))?")


def check_problem(answer: Server) -> dict[str, Any]:
    """Return the problem, if RFC 9457 lets it be one."""
    # Section 3: the media type; the root is a JSON object.
    assert answer.headers["content-type"] == "application/problem+json"
    return check_object(strict_json(answer.body), answer.code)


def check_object(problem: Any, code: int) -> dict[str, Any]:
    assert isinstance(problem, dict)
    for name, kind in MEMBERS.items():
        # "If a member's value type does not match the specified type, the member MUST be ignored"
        assert type(problem.get(name, kind())) is kind
    # 3.1.1: a URI reference; absent means about:blank.
    assert URI_REFERENCE.fullmatch(problem.get("type", "about:blank"))
    # 3.1.2: advisory, and the same as that of the response.
    assert problem.get("status", code) == code
    assert 100 <= code <= 599
    # 4.2.1: with about:blank the title should be the status's own phrase.
    assert problem.get("type") != "about:blank" or problem["title"]
    return problem


@pytest.mark.parametrize("code", [s.value for s in HTTPStatus if s >= 400 and s != 418])
def test_a_status_is_a_problem_with_its_own_phrase(code: int) -> None:
    app = observe(answering(f"{code} X", body=()), error_format="problem")
    problem = check_problem(call(app))
    phrase = HTTPStatus(code).phrase
    renamed = {413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable"}
    renamed[422] = "Unprocessable Content"
    assert problem["title"] == renamed.get(code, phrase)


def test_a_crash_is_a_problem() -> None:
    problem = check_problem(call(observe(raising(ValueError("secret")), error_format="problem")))
    assert "secret" not in str(problem)


NAMES = st.text() | st.sampled_from([*MEMBERS, "request_id", "errors", "extra_type"])
VALUES = st.none() | st.booleans() | st.floats() | st.text() | st.lists(st.integers())


@given(st.text(), st.text(), st.dictionaries(NAMES, VALUES))
def test_any_members_make_a_problem(name: str, detail: str, extra: dict[str, Any]) -> None:
    error = Error(409, name or "Conflict", detail, "abc", extra)
    body, media_type = ErrorRenderer("problem", None).document(error)
    assert media_type == "application/problem+json"
    made = check_object(strict_json(body), 409)
    fit = [key for key, value in extra.items() if value == value and value not in (INF, -INF)]
    assert len(made) >= 5 + len([key for key in fit if key.isascii()])


INF = float("inf")
