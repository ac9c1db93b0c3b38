"""Telling a framework's stock error page from one that somebody wrote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug import exceptions
from werkzeug.test import EnvironBuilder

from wsgi_observe.core.stock import is_stock_page, is_stock_text

DJANGO = b"""
<!doctype html>
<html lang="en">
<head>
  <title>Not Found</title>
</head>
<body>
  <h1>Not Found</h1><p>The requested resource was not found on this server.</p>
</body>
</html>
"""
BOTTLE = b"""
    <!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">
    <html>
        <head>
            <title>Error: 404 Not Found</title>
"""
WEBOB = b"""<html>
 <head>
  <title>404 Not Found</title>
 </head>
 <body>
  <h1>404 Not Found</h1>
  The resource could not be found.<br /><br />
 </body>
</html>"""


def page_of(error: exceptions.HTTPException) -> bytes:
    return error.get_response(EnvironBuilder().get_environ()).get_data()


@pytest.mark.parametrize(
    "code", sorted(code for code in exceptions.default_exceptions if code >= 400)
)
def test_every_page_of_werkzeug_is_stock(code: int) -> None:
    kind = exceptions.default_exceptions[code]
    assert is_stock_page(page_of(kind()))


@pytest.mark.parametrize("page", [DJANGO, BOTTLE, WEBOB], ids=["Django", "Bottle", "WebOb"])
def test_the_page_of_this_framework_is_stock(page: bytes) -> None:
    assert is_stock_page(page)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(b"<!doctype html><title>Oh no</title><h1>Oh no</h1>", id="an own page"),
        pytest.param(b"<h1>404 Not Found</h1>", id="a heading"),
        pytest.param(b"Not Found", id="text"),
        pytest.param(b"<html><body>We are sorry</body></html>", id="a short own page"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_this_page_was_written_for_the_app(page: bytes) -> None:
    assert not is_stock_page(page)


@given(st.binary())
def test_any_bytes_are_judged(page: bytes) -> None:
    assert is_stock_page(page) in (True, False)


@pytest.mark.parametrize("part", [b" ", b"<html>", b"<!doctype html>\n", b"<title>"])
def test_a_large_page_is_judged_in_no_time(part: bytes) -> None:
    assert not is_stock_page(part * 100_000)


@pytest.mark.parametrize(
    ("text", "stock"),
    [
        pytest.param(b'{"title": "404 Not Found"}', True, id="Falcon"),
        pytest.param(
            b'{"message": "It is \\"x\\".", "code": "404 Not Found", "title": "Not Found"}',
            True,
            id="Pyramid",
        ),
        pytest.param(b"404 Not Found\n\nIt is gone.\n\n\n/x\n\n", True, id="WebOb"),
        pytest.param(
            b'{"title": "404 Not Found", "description": "No such order"}', False, id="own"
        ),
        pytest.param(b'{"title": "403 Forbidden"}', False, id="of another status"),
        pytest.param(b"404 Not Found\n\nNo such order", False, id="own text"),
        pytest.param(b"404 Not Found", False, id="a line"),
    ],
)
def test_a_text_is_stock_when_it_says_the_status_line_in_a_frameworks_way(
    text: bytes, stock: bool
) -> None:
    assert is_stock_text(text, "404 Not Found") is stock


@given(st.binary(), st.text())
def test_any_text_is_judged(text: bytes, status: str) -> None:
    assert is_stock_text(text, status) in (True, False)


@pytest.mark.parametrize("part", [b"\\", b'"', b"\n", b"404 Not Found\n\n", b"x\n\n\n"])
def test_a_large_text_is_judged_in_no_time(part: bytes) -> None:
    for head in (b"", b"404 Not Found\n\n", b'{"message": "'):
        assert not is_stock_text(head + part * 100_000 + b"x", "404 Not Found")
