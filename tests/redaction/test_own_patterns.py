"""A company's own regular expressions: what matches one goes, from any text and data."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.linear import grows_in_proportion
from wsgi_observe.redaction import REDACTED, Budget, Redactor
from wsgi_observe.settings import SettingsError

EMPLOYEE = r"EMP-\d{4}"
REDACTOR = Redactor(patterns=[EMPLOYEE])

TEXTS = {
    "a text that is clean otherwise": ([EMPLOYEE], "EMP-0042 paid", f"{REDACTED} paid"),
    "a whole text": ([EMPLOYEE], "EMP-0042", REDACTED),
    "letters and digits alone": (["[A-Z]{2}[0-9]{4}"], "AB1234", REDACTED),
    "beside a secret": ([EMPLOYEE], "EMP-0042 token=x1y2z3", f"{REDACTED} token={REDACTED}"),
    "several": (
        [EMPLOYEE, "cost center [0-9]+"],
        "EMP-0042: cost center 7",
        f"{REDACTED}: {REDACTED}",
    ),
    "one behind another": ([EMPLOYEE], "EMP-0042EMP-0043.", f"{REDACTED}."),
    "one character each": ([r"\d"], "a123b4", f"a{REDACTED}b{REDACTED}"),
    "overlapping": (["abcd", "cdef"], "xabcdefx", f"x{REDACTED}x"),
    "one within another": (["abcdef", "cd"], "xabcdefx", f"x{REDACTED}x"),
    "what another's mark consists of": ([EMPLOYEE, "[A-Z]{8}"], "EMP-0042 a", f"{REDACTED} a"),
    "a group": (["id (?P<secret>[0-9]+) of"], "id 42 of 43", f"id {REDACTED} of 43"),
    "a group of another name": (["id (?P<number>[0-9]+)"], "id 42 of", f"{REDACTED} of"),
    "a group that took no part": (
        ["shop|id (?P<secret>[0-9]+)"],
        "shop id 4",
        f"shop id {REDACTED}",
    ),
    "a group that is empty": (["id(?P<secret>[0-9]*)"], "id id4", f"id id{REDACTED}"),
    "either case": (["(?i)emp-42"], "eMp-42", REDACTED),
    "case": (["emp-42"], "EMP-42", "EMP-42"),
    "several lines": ([r"(?s)BEGIN.*?END"], "a BEGIN\nb\nEND c", f"a {REDACTED} c"),
    "more than is looked at quickly": (
        [EMPLOYEE],
        "a " * 5000 + "EMP-0042",
        "a " * 5000 + REDACTED,
    ),
}


@pytest.mark.parametrize(("patterns", "text", "shown"), TEXTS.values(), ids=TEXTS)
def test_what_matches_is_left_out(patterns: list[str], text: str, shown: str) -> None:
    redactor = Redactor(patterns=patterns)
    assert redactor.text(text) == shown
    assert redactor.text(shown) == shown


PLACES = {
    "a field": (REDACTOR.field("note", "EMP-0042 paid"), f"{REDACTED} paid"),
    "a nested field": (REDACTOR.value({"a": [("b", "EMP-0042")]}), {"a": [("b", REDACTED)]}),
    "a key": (REDACTOR.value({"EMP-0042": 1}), {REDACTED: 1}),
    "bytes": (REDACTOR.value(b"EMP-0042"), REDACTED.encode()),
    "a path": (REDACTOR.path("/staff/EMP-0042"), f"/staff/{REDACTED}"),
    "a query": (REDACTOR.query("a=EMP-0042&b=2"), f"a={REDACTED}&b=2"),
    "an encoded query": (REDACTOR.query("a=EMP%2D0042&b=2"), f"a={REDACTED}&b=2"),
    "a query's field": (REDACTOR.field("query_string", "a=EMP-0042"), f"a={REDACTED}"),
    "a header": (REDACTOR.headers({"X-Staff": "EMP-0042"}), {"X-Staff": REDACTED}),
    "a request ID": (REDACTOR.field("request_id", "EMP-0042"), "EMP-0042"),
}


@pytest.mark.parametrize(("shown", "expected"), PLACES.values(), ids=PLACES)
def test_wherever_it_stands(shown: object, expected: object) -> None:
    assert shown == expected


def test_a_name_and_its_value_in_a_query_are_one_text() -> None:
    assert Redactor(patterns=[r"staff=\d+"]).query("staff=42&page=42") == f"{REDACTED}&page=42"


@pytest.mark.parametrize("number", [123456789, -123456789])
def test_a_whole_number_is_looked_at_as_a_text(number: int) -> None:
    redactor = Redactor(patterns=[r"\b\d{9}\b"])
    assert redactor.field("customer", number) == REDACTED
    assert redactor.value([number, {"a": number}, 12345678]) == [
        REDACTED,
        {"a": REDACTED},
        12345678,
    ]
    assert (redactor.field("pid", number), redactor.field("flag", True)) == (number, True)


def test_a_request_with_secrets_of_its_own_has_the_patterns_too() -> None:
    shown = REDACTOR.with_secrets(["s3cr3t-path"]).text("/s3cr3t-path/EMP-0042")
    assert shown == f"/{REDACTED}/{REDACTED}"


@pytest.mark.parametrize("pattern", ["(", "*", "a{9999999999999}"])
def test_one_that_is_none_is_an_error_that_says_why(pattern: str) -> None:
    with pytest.raises(
        SettingsError, match=r"redact_patterns must be .* regular expr.*\(.+\), got"
    ):
        Redactor(patterns=[EMPLOYEE, pattern])


@pytest.mark.parametrize("pattern", ["", "x*", "a|", "^", r"\b", "(?=a)", "(?P<secret>x?)"])
def test_one_that_matches_the_empty_string_is_an_error(pattern: str) -> None:
    with pytest.raises(SettingsError, match="none that matches the empty string"):
        Redactor(patterns=[pattern])


UNITS = st.lists(
    st.sampled_from(
        ["EMP-", "0042", "EMP-0042", REDACTED, "[", "token=", "a", " ", "\n", "é", "\ud800"]
    ),
    max_size=12,
).map("".join)


@given(UNITS)
def test_no_match_is_ever_left_and_twice_is_as_once(text: str) -> None:
    shown = REDACTOR.text(text)
    assert not re.search(EMPLOYEE, shown)
    assert REDACTOR.text(shown) == shown


@given(UNITS)
def test_what_does_not_match_is_shown_as_without_patterns(text: str) -> None:
    assert Redactor(patterns=["never there"]).text(text) == Redactor().text(text)


def test_more_matches_than_the_budget_allows_are_cut_and_not_shown() -> None:
    redactor = Redactor(patterns=["x", "y4711"])
    shown = redactor.text("x." * 20_000 + " y4711")
    assert "x" not in shown
    assert "4711" not in shown
    assert shown.endswith("characters cut]")
    budget = Budget(steps=9)
    assert redactor.text("x" * 4 + " y4711 ok", budget) == f"{REDACTED} {REDACTED} ok"
    assert not budget.has_cut


@pytest.mark.parametrize("unit", ["EMP-0042 ", REDACTED, "EMP-0042", "EMP-"])
def test_many_matches_take_time_in_proportion(unit: str) -> None:
    def search(text: str) -> Any:
        return Redactor(patterns=[EMPLOYEE, "[A-Z]+"]).text(text)

    assert grows_in_proportion(search, unit * 200, unit * 800)
