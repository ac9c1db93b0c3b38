"""A framework's own error pages: which they are, and what the app's author says in them."""

from __future__ import annotations

import warnings
from typing import Any

import bottle
import falcon
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from werkzeug import exceptions

from tests.calls import Server, environ
from wsgi_observe.errors import framework_pages
from wsgi_observe.errors.framework_pages import read_stock_page, read_stock_text

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # they are older than this Python
    import webob.exc
    from pyramid import httpexceptions

TEXT = "Package <foo-1.0> isn't new & cannot be uploaded"
PATH = "/orders/7"
WERKZEUG = {code: kind for code, kind in exceptions.default_exceptions.items() if code >= 400}
STATUS_MAPS = {"WebOb": webob.exc.status_map, "Pyramid": httpexceptions.status_map}
ACCEPTED = ["text/html", "application/json", "text/plain"]

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
CHERRYPY = b"""<!DOCTYPE html PUBLIC
"-//W3C//DTD XHTML 1.0 Transitional//EN"
"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html>
<head>
    <meta http-equiv="Content-Type" content="text/html; charset=utf-8"></meta>
    <title>%s</title>
    <style type="text/css">
    #powered_by {
        margin-top: 20px;
    }
    </style>
</head>
    <body>
        <h2>500 Internal Server Error</h2>
        <p>%s</p>
        <pre id="traceback">Traceback (most recent call last):
ValueError: private
</pre>
    </body>
</html>
"""


def answer_of(app: Any, **more: Any) -> Server:
    return Server().serve(app, environ(PATH, **more))


def description_in(answer: Server) -> str | None:
    """What we find in the answer of an app; None for what is no framework's page."""
    is_html = answer.headers["content-type"].startswith("text/html")
    read = read_stock_page if is_html else read_stock_text
    found = read(answer.body, answer.status, PATH)
    return None if found is None else found.description


def said_by_bottle(code: int, text: str | None) -> Any:
    app = bottle.Bottle()
    app.route(PATH, callback=lambda: bottle.HTTPError(code, text))
    return app


def kinds_of(name: str) -> list[Any]:
    return [kind for code, kind in sorted(STATUS_MAPS[name].items()) if code >= 400]


class TestTheDefaultSentence:
    def test_of_werkzeug_is_nobodys(self) -> None:
        found = {code: description_in(answer_of(WERKZEUG[code]())) for code in WERKZEUG}
        assert found == dict.fromkeys(WERKZEUG, "")

    def test_of_an_error_that_an_app_has_added_to_werkzeugs_is_its_authors(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class InsufficientStorage(exceptions.HTTPException):
            code = 507
            description = TEXT

        monkeypatch.setitem(exceptions.default_exceptions, 507, InsufficientStorage)
        framework_pages._read_sentences.cache_clear()
        assert description_in(answer_of(exceptions.Aborter().mapping[507]())) == TEXT

    @pytest.mark.parametrize("accept", ACCEPTED)
    @pytest.mark.parametrize("name", STATUS_MAPS)
    @pytest.mark.parametrize("detail", [None, PATH, f"http://127.0.0.1{PATH}"])
    def test_of_webob_and_pyramid_is_nobodys_and_neither_is_the_path(
        self, name: str, accept: str, detail: str | None
    ) -> None:
        for kind in kinds_of(name):
            answer = answer_of(kind(detail), HTTP_ACCEPT=accept)
            assert (description_in(answer), kind) == ("", kind)

    @pytest.mark.parametrize("text", [None, "Unknown Error.", "Internal Server Error"])
    def test_of_bottle_is_nobodys(self, text: str | None) -> None:
        assert description_in(answer_of(said_by_bottle(500, text))) == ""

    def test_of_bottles_router_is_nobodys(self) -> None:
        assert description_in(answer_of(bottle.Bottle())) == ""

    @pytest.mark.parametrize("accept", ["application/json", "text/xml"])
    def test_of_falcon_is_nobodys(self, accept: str) -> None:
        assert description_in(answer_of(falcon.App(), HTTP_ACCEPT=accept)) == ""

    def test_of_django_is_nobodys(self) -> None:
        assert read_stock_page(DJANGO, "404 Not Found", PATH).description == ""  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        ("status", "text"),
        [
            ("404 Not Found", b"The path '/orders/7' was not found."),
            ("409 Conflict", b"Request conflict"),
            (
                "500 Internal Server Error",
                b"The server encountered an unexpected condition which prevented it from "
                b"fulfilling the request.",
            ),
        ],
    )
    def test_of_cherrypy_is_nobodys_and_its_traceback_is_not_read(
        self, status: str, text: bytes
    ) -> None:
        found = read_stock_page(CHERRYPY % (status.encode(), text), status, PATH)
        assert found is not None
        assert found.description == ""

    @pytest.mark.parametrize("detail", ["Unauthorized: pay failed permission check"])
    def test_of_pyramids_permissions_names_no_view(self, detail: str) -> None:
        for accept in ACCEPTED:
            answer = answer_of(httpexceptions.HTTPForbidden(detail), HTTP_ACCEPT=accept)
            assert description_in(answer) == ""

    def test_of_flask_names_no_exception_in_debug_mode_either(self) -> None:
        error = exceptions.BadRequestKeyError("card")
        error.show_exception = True
        assert description_in(answer_of(error)) == ""


class TestTheAuthorsText:
    @pytest.mark.parametrize("text", [TEXT, "one line\nand another\n\nand a third", "ü €", "no"])
    def test_in_werkzeugs_page_is_kept(self, text: str) -> None:
        for kind in WERKZEUG.values():
            assert (description_in(answer_of(kind(description=text))), kind) == (text, kind)

    @pytest.mark.parametrize(
        ("name", "accept"),
        [
            *(("WebOb", accept) for accept in ACCEPTED[:2]),
            *(("Pyramid", accept) for accept in ACCEPTED),
        ],
    )
    def test_in_a_form_of_webobs_or_pyramids_is_kept(self, name: str, accept: str) -> None:
        for kind in kinds_of(name):
            answer = answer_of(kind(TEXT), HTTP_ACCEPT=accept)
            assert (description_in(answer), kind) == (TEXT, kind)

    def test_in_webobs_plain_text_is_kept_as_webob_has_it(self) -> None:
        for kind in kinds_of("WebOb"):
            answer = answer_of(kind("It is <b>gone</b>"), HTTP_ACCEPT="text/plain")
            assert description_in(answer) == "It is gone"

    def test_in_webobs_json_is_kept_without_the_comment(self) -> None:
        answer = answer_of(webob.exc.HTTPConflict(TEXT, comment="no"), HTTP_ACCEPT=ACCEPTED[1])
        assert description_in(answer) == TEXT

    @pytest.mark.parametrize("accept", ACCEPTED)
    def test_in_an_explanation_of_a_class_is_kept(self, accept: str) -> None:
        class OutOfStock(httpexceptions.HTTPConflict):
            explanation = "The shelf is empty."

        assert description_in(answer_of(OutOfStock(), HTTP_ACCEPT=accept)) == "The shelf is empty."

    @pytest.mark.parametrize("code", [400, 404, 409, 500, 503])
    def test_in_bottles_page_is_kept(self, code: int) -> None:
        assert description_in(answer_of(said_by_bottle(code, TEXT))) == TEXT

    @pytest.mark.parametrize("accept", ["application/json", "text/xml"])
    def test_in_falcons_description_is_kept(self, accept: str) -> None:
        class Resource:
            def on_get(self, req: Any, resp: Any) -> None:
                raise falcon.HTTPConflict(description=TEXT)

        app = falcon.App()
        app.add_route(PATH, Resource())
        assert description_in(answer_of(app, HTTP_ACCEPT=accept)) == TEXT

    def test_in_cherrypys_page_is_kept(self) -> None:
        page = CHERRYPY % (b"409 Conflict", b"It is &lt;gone&gt;")
        assert read_stock_page(page, "409 Conflict", PATH).description == "It is <gone>"  # type: ignore[union-attr]

    def test_loses_its_markup(self) -> None:
        error = exceptions.Conflict(description=Markup("It is <b class='x'>gone</b> &amp; sold"))
        assert description_in(answer_of(error)) == "It is gone & sold"

    def test_is_bounded(self) -> None:
        found = description_in(answer_of(exceptions.Conflict(description="long " * 10_000)))
        assert found is not None
        assert len(found) == 2000
        assert found.endswith("…")

    def test_without_its_end_is_not_quoted(self) -> None:
        page = answer_of(exceptions.Conflict(description=TEXT)).body
        assert read_stock_page(page[:-20], "409 Conflict", PATH).description == ""  # type: ignore[union-attr]


def test_the_json_of_pyramid_keeps_the_member_that_its_clients_read() -> None:
    answer = answer_of(httpexceptions.HTTPConflict(TEXT), HTTP_ACCEPT="application/json")
    found = read_stock_text(answer.body, answer.status, PATH)
    assert found is not None
    assert dict(found.members) == {"message": answer.json["message"]}


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
    assert read_stock_page(page, "404 Not Found", PATH) is None


@pytest.mark.parametrize(
    "text",
    [
        b'{"title": "404 Not Found", "description": "No.", "code": 7}',
        b'{"title": "404 Not Found", "link": {"href": "/help"}}',
        b'{"title": "403 Forbidden"}',
        b'{"title": "No such order", "description": "Order 7 is not there."}',
        b'{"message": "No such order"}',
        b'{"message": "No.", "code": "404 Not Found", "title": "Not Found", "id": "7"}',
        b'{"message": "No.", "code": "no-order", "title": "Not Found"}',
        b'{"message": "' + b"[" * 100_000,
        b"404 Not Found\n\nNo such order",
        b"404 Not Found",
        b"No such order",
    ],
    ids=lambda text: text.decode()[:60],
)
def test_this_text_was_written_for_the_app(text: bytes) -> None:
    assert read_stock_text(text, "404 Not Found", PATH) is None


@given(st.binary() | st.text().map(str.encode), st.sampled_from(["404 Not Found", "599 ", "500 X"]))
def test_any_body_is_judged(body: bytes, status: str) -> None:
    for read in (read_stock_page, read_stock_text):
        found = read(body, status, PATH)
        assert found is None or len(found.description) <= 2000


@given(st.text(), st.sampled_from(["", "<br>", "&#", "&#x", "&#" + "9" * 6000, "<", "&lt;"]))
def test_any_text_of_an_author_is_read(text: str, odd: str) -> None:
    for page in (
        b"<!doctype html>\n<html lang=en>\n<title>409 Conflict</title>\n<h1>Conflict</h1>\n"
        b"<p>%b</p>\n",
        b"<html>\n <head>\n  <title>409 Conflict</title>\n </head>\n <body>\n"
        b"  <h1>409 Conflict</h1>\n  %b\n </body>\n</html>",
    ):
        source = f"{text}{odd}".encode("utf-8", "replace")
        assert read_stock_page(page % source, "409 Conflict", PATH) is not None


@pytest.mark.parametrize(
    "part", [b" ", b"<html>", b"<!doctype html>\n", b"<title>", b"<", b"&#9", b"<br", b"<p>"]
)
@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>",
        b"<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1>",
        CHERRYPY[:420],
    ],
    ids=["nothing", "Werkzeug", "WebOb", "CherryPy"],
)
def test_a_page_of_megabytes_is_read_in_no_time(head: bytes, part: bytes) -> None:
    for tail in (b"", b"</p>\n", b"</body>"):
        read_stock_page(head + part * 100_000 + tail, "404 Not Found", PATH)


@pytest.mark.parametrize("part", [b"\\", b'"', b"\n", b"404 Not Found\n\n", b"x\n\n\n", b"[", b"<"])
@pytest.mark.parametrize("head", [b"", b"404 Not Found\n\n", b'{"message": "', b'{"title": '])
def test_a_text_of_megabytes_is_read_in_no_time(head: bytes, part: bytes) -> None:
    read_stock_text(head + part * 100_000 + b"x", "404 Not Found", PATH)
