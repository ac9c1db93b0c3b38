"""Text that is made to take long: its search is linear, and within a budget."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.linear import grows_in_proportion
from wsgi_observe.redaction import REDACTED, Budget, Redactor

SECRET = "hunter2hunter2"
PIECES = st.sampled_from(
    [
        *("password", "token", "a", "=", ":", ": ", " ", ",", "\\", '"', "'", "`", '\\"', "\\\\'"),
        *("(", ")", "[", "]", "{", "}", "<", ">", "\n", "|", "+", "-", "--", "--a%", ".", "@"),
        *("%20", "%3F", "%3D", "%26", "%40", "eyJ", "eyJhbGciOi.", "Bearer ", "basic ", "://"),
        *("://a:", "https://u:p@h ", "a@b.", "4 1-", "41", "', '", '", "', '"Cookie: a', "a["),
        *("api key: ", "[parameters: (", "Failing row contains (", "-----BEGIN PRIVATE KEY-----"),
        *("-----BEGIN ", '  File "a", line 1\n    ', "Traceback (most recent call last):\n"),
        *(
            "&lt;",
            "&lt;token&gt;",
            "<input ",
            '<a name="token" ',
            'value="',
            "<key>token</key><string>",
        ),
        *("into t (token) ", "values ('a', ", "' for key 'token'", "'token' must ", "in ('"),
        *(
            '"loc": ["token"], "input": ',
            " is ",
            " was ",
            "\uff1a",
            "%25",
            "%257",
            "%22token%22%3A%22",
        ),
        *(";s:6:", "=>", " string(6) ", "token:\n  - a1b2c3", "token[", "token = a.", "a.b", "a::"),
        *("token = f(", "token: (a", "token: {a: ", "[a] a ", "Too many. ", "{a", "{{", '  f"{'),
        *("\\u0061", "é", "\x00", "\ud800", "x1y2z3", "_a1", "phrase: ", "card: 41 ", "REDACTED]"),
    ]
)
UNITS = st.lists(PIECES, min_size=1, max_size=5).map("".join)


def repeated(unit: str, length: int, *, numbered: bool = False) -> str:
    """Return a text of that length made of one piece, each time with another number if asked.

    The numbers are of one width, so that the text is of one kind from its beginning to its end.
    """
    count = length // len(unit) + 1
    if not numbered:
        return (unit * count)[:length]
    return "".join(f"{unit}{number:05d}" for number in range(count))[:length]


@given(UNITS, UNITS, st.booleans())
def test_a_text_four_times_as_long_takes_at_most_five_times_as_long(
    start: str, unit: str, numbered: bool
) -> None:
    small, large = (start + repeated(unit, length, numbered=numbered) for length in (8_000, 32_000))
    assert grows_in_proportion(lambda text: Redactor(personal=True).text(text), small, large)


@given(UNITS, st.booleans())
def test_so_does_a_query(unit: str, numbered: bool) -> None:
    small, large = (repeated(unit, length, numbered=numbered) for length in (1_000, 4_000))
    assert grows_in_proportion(lambda query: Redactor().query(query), small, large)


DATA = {
    "names": lambda count: {f"name_{number}": number for number in range(count)},
    "pairs": lambda count: [["Cookie", "a"] for _ in range(count)],
    "options": lambda count: ["--token", "a"] * (count // 2),
    "names and values": lambda count: [{"name": "token", "value": "a"}] * (count // 4),
    "texts": lambda count: ["password=a"] * count,
    "headers of a kind": lambda count: {"headers": [(f"X-{n}", "a") for n in range(count)]},
}


@pytest.mark.parametrize("make", DATA.values(), ids=DATA)
def test_and_so_does_data(make: Any) -> None:
    assert grows_in_proportion(lambda data: Redactor().value(data), make(250), make(1_000))


@pytest.mark.parametrize(
    "junk",
    [
        pytest.param("a " * 100_000, id="more characters than are searched"),
        pytest.param("a=" * 32_000, id="more names than are judged"),
        pytest.param("".join(f"n{number}=" for number in range(9_000)), id="more new names"),
        pytest.param("token=(" + '"\\" ' * 10_000, id="a value that takes too many steps"),
    ],
)
def test_what_is_beyond_the_budget_is_cut_and_not_shown(junk: str) -> None:
    shown = Redactor().text(f"{junk} password={SECRET}")
    assert SECRET not in shown
    assert shown.endswith(("characters cut]", REDACTED))


@given(UNITS, st.integers(0, 3))
def test_no_secret_leaves_at_a_cut(unit: str, shift: int) -> None:
    assume("  File" not in unit)  # whose lines are code
    text = "a" * shift + f" eyJ{SECRET}.{SECRET} https://u:{SECRET}@h password={SECRET} " * 2_000
    assert SECRET not in Redactor().text(unit + text)


@pytest.mark.parametrize("steps", range(1, 16))
def test_a_value_whose_end_is_beyond_the_budget_is_not_taken_for_code(steps: int) -> None:
    redactor = Redactor()
    text = "api_token: hunter2hunter2call (a ("
    assert "hunter2" not in redactor.text(text, Budget(steps=steps))
    assert "hunter2" not in redactor.text(text)


def test_of_a_long_traceback_the_end_is_searched_and_shown() -> None:
    frame = '  File "/srv/shop/orders.py", line {}, in place\n    place(order)\n'
    text = "".join(frame.format(number) for number in range(3_000))
    shown = Redactor().text(f"{text}ValueError: order 7, password={SECRET}")
    assert "characters cut" in shown
    assert shown.endswith("ValueError: order 7, password=[REDACTED]")


def test_data_beyond_the_budget_is_not_shown() -> None:
    data = {f"name_{number}": f"a={number}" for number in range(5_000)}
    shown = Redactor().value(data)
    assert shown["name_0"] == "a=0"
    assert REDACTED in shown.values()


def test_names_of_a_flood_do_not_keep_the_usual_ones_from_being_remembered() -> None:
    redactor = Redactor()
    for number in range(10_000):
        redactor.is_sensitive(f"flood_{number}")
    redactor.is_sensitive("order")
    assert redactor._names.cached["order"] is False
