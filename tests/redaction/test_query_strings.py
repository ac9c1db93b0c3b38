"""The query string on the access line: useful, and nobody's token."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_observe.redaction import REDACTED, Redactor

SECRET = "eyJhbGciOi"
redacted_query = Redactor().query


@pytest.mark.parametrize(
    "query",
    [
        "token=%s",
        "page=2&access_token=%s",
        "%%74oken=%s",
        "%%2574oken=%s",
        "TOKEN=%s",
        "X-Amz-Signature=%s",
        "apiKey=%s",
        "api_key=%s",
        "key=%s",
        "user[password]=%s",
        "code=%s&state=1",
        "a=1;sid=%s",
        "next=/x?token=%s",
        "next=%%2Fx%%3Ftoken%%3D%s",
        "%s",
        "a&%s",
        "sessionid=%s&a=1",
        "to+ken=1&auth=%s",
    ],
)
def test_a_secret_is_not_told(query: str) -> None:
    shown = redacted_query(query % SECRET)
    assert SECRET not in shown
    assert REDACTED in shown


@pytest.mark.parametrize(
    "query", ["page=2", "q=red+shoes&sort=price", "author=x&shopping=1&design=2", "a=&b", ""]
)
def test_what_is_harmless_is_told(query: str) -> None:
    assert redacted_query(query) == query.replace("&b", f"&{REDACTED}")


@given(st.text(st.characters(max_codepoint=255)))
def test_any_query_is_one_printable_text(query: str) -> None:
    assert redacted_query(query).isprintable()


def test_a_long_query_is_cut_at_a_separator() -> None:
    shown = redacted_query("a=1&" * 1000 + f"token={SECRET}")
    assert len(shown) < 2100
    assert shown.endswith("&…")


def test_a_name_is_looked_at_in_its_words() -> None:
    assert Redactor().is_sensitive("authKey", in_query=True)
    assert not Redactor().is_sensitive("keyboard", in_query=True)
