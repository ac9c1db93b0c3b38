"""What a client prefers to read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_observe.wsgi.headers import prefers_html

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        pytest.param(BROWSER, True, id="a browser"),
        pytest.param("text/html", True, id="HTML"),
        pytest.param("TEXT/HTML", True, id="HTML in capitals"),
        pytest.param("text/*", True, id="any text"),
        pytest.param("application/xhtml+xml", True, id="XHTML"),
        pytest.param("text/html;q=0.9, application/json;q=0.8", True, id="HTML rather"),
        pytest.param("", False, id="nothing said"),
        pytest.param("*/*", False, id="anything"),
        pytest.param("application/*", False, id="any application"),
        pytest.param("application/json", False, id="JSON"),
        pytest.param("application/problem+json", False, id="problem details"),
        pytest.param("text/html, application/json", False, id="both alike"),
        pytest.param("text/html;q=0.5, application/json;q=0.8", False, id="JSON rather"),
        pytest.param("text/html;q=0.5, */*;q=0.8", False, id="anything rather"),
        pytest.param("text/html;q=0", False, id="HTML refused"),
        pytest.param("text/html;q=x", False, id="a malformed quality"),
        pytest.param("text/html;q=nan, application/json;q=0.5", False, id="no number"),
        pytest.param(";;;,,,===", False, id="nonsense"),
    ],
)
def test_html_is_preferred_only_when_it_is_named_with_the_higher_quality(
    accept: str, html: bool
) -> None:
    assert prefers_html(accept) is html


@given(st.text())
def test_any_header_is_answered(accept: str) -> None:
    assert prefers_html(accept) in (True, False)
