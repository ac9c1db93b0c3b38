"""Which error bodies of the app's give way to the envelope: the setting `html_errors`."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import answering, call, call_freely
from tests.conftest import Log
from wsgi_observe import observe

HTML = ("Content-Type", "text/html; charset=utf-8")
JSON = ("Content-Type", "application/json")
STOCK = (
    b"<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n"
    b"<h1>Not Found</h1>\n<p>The requested URL was not found on the server.</p>\n"
)
OWN = b"<!doctype html><title>Oh no</title><p>This page went fishing.</p>"
BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"
KEYS = {"code", "name", "description", "request_id"}


def is_envelope(answer) -> bool:
    return answer.headers["content-type"] == "application/json" and set(answer.json) == KEYS


def failing(headers, body, status="404 NOT FOUND"):
    return answering(status, headers, body=[body] if body else [])


@pytest.mark.parametrize(
    ("rule", "replaced"),
    [
        ("stock", {"stock", "empty"}),
        ("replace", {"stock", "own", "empty"}),
        ("keep", set()),
    ],
)
@pytest.mark.parametrize(
    ("kind", "body"),
    [("stock", STOCK), ("own", OWN), ("empty", b"")],
    ids=["stock", "own", "empty"],
)
def test_an_html_error_gives_way_by_the_rule(rule, replaced, kind, body) -> None:
    answer = call(observe(failing([HTML], body), html_errors=rule))
    assert answer.code == 404
    if kind in replaced:
        assert is_envelope(answer)
        assert answer.json["request_id"] == answer.request_id
    else:
        assert answer.body == body


@pytest.mark.parametrize("rule", ["stock", "replace", "keep"])
class TestUnderAnyRule:
    def test_a_success_is_left_alone(self, rule: str) -> None:
        answer = call(observe(answering("200 OK", [HTML], body=[STOCK]), html_errors=rule))
        assert answer.body == STOCK

    def test_a_redirect_is_left_alone(self, rule: str) -> None:
        app = answering("302 Found", [HTML, ("Location", "/x")], body=[STOCK])
        assert call(observe(app, html_errors=rule)).body == STOCK

    def test_json_of_the_apps_own_is_left_alone(self, rule: str) -> None:
        answer = call(observe(failing([JSON], b'{"mine": 1}'), html_errors=rule))
        assert answer.body == b'{"mine": 1}'

    def test_text_of_the_apps_own_is_left_alone(self, rule: str) -> None:
        app = failing([("Content-Type", "text/plain")], b"no such order")
        assert call(observe(app, html_errors=rule)).body == b"no such order"

    def test_a_compressed_page_is_left_alone(self, rule: str) -> None:
        body = gzip.compress(STOCK)
        app = failing([HTML, ("Content-Encoding", "gzip")], body)
        answer = call(observe(app, html_errors=rule))
        assert (answer.body, answer.headers["content-encoding"]) == (body, "gzip")

    def test_an_exception_becomes_the_envelope(self, rule: str) -> None:
        def app(environ, start_response):
            raise ValueError

        assert is_envelope(call(observe(app, html_errors=rule)))


class TestNegotiate:
    @pytest.mark.parametrize(
        ("rule", "body"),
        [("stock", STOCK), ("replace", STOCK), ("replace", OWN)],
        ids=["a stock page", "any page, stock", "any page, own"],
    )
    @pytest.mark.parametrize(
        ("accept", "html"),
        [
            pytest.param(BROWSER, True, id="a browser"),
            pytest.param("application/json", False, id="JSON"),
            pytest.param("*/*", False, id="anything"),
            pytest.param("application/*", False, id="any application"),
            pytest.param(None, False, id="nothing said"),
        ],
    )
    def test_a_page_stays_for_who_prefers_it_and_the_answer_varies(
        self, rule, body, accept, html
    ) -> None:
        more = {} if accept is None else {"HTTP_ACCEPT": accept}
        app = observe(failing([HTML], body), html_errors=rule, negotiate=True)
        answer = call(app, **more)
        assert (answer.body == body) is html
        assert is_envelope(answer) is not html
        assert answer.headers["vary"] == "Accept"

    @pytest.mark.parametrize(("rule", "body"), [("stock", OWN), ("keep", STOCK), ("keep", OWN)])
    def test_a_page_that_stays_for_everybody_does_not_vary(self, rule, body) -> None:
        answer = call(observe(failing([HTML], body), html_errors=rule, negotiate=True))
        assert answer.body == body
        assert "vary" not in answer.headers

    def test_an_empty_error_is_filled_for_a_browser_too(self) -> None:
        app = observe(failing([HTML], b""), negotiate=True)
        assert is_envelope(call(app, HTTP_ACCEPT=BROWSER))

    @pytest.mark.parametrize("accept", [BROWSER, "application/json"])
    def test_head_has_the_headers_of_get(self, accept: str) -> None:
        observed = observe(own_page, html_errors="replace", negotiate=True)
        got, asked = (
            call(observed, method=method, HTTP_ACCEPT=accept, HTTP_X_REQUEST_ID="a")
            for method in ("GET", "HEAD")
        )
        assert asked.headers == got.headers

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("Origin", ["Origin", "Accept"]),
            ("Origin, accept", ["Origin", "accept"]),
            ("*", ["*"]),
        ],
    )
    def test_a_vary_that_was_there_is_kept(self, before: str, after: list[str]) -> None:
        app = observe(failing([HTML, ("Vary", before)], STOCK), negotiate=True)
        starts = call(app).starts
        varies = [value for name, value in starts[0].headers if name.lower() == "vary"]
        assert ", ".join(varies).split(", ") == after


def own_page(environ, start_response):
    start_response("404 NOT FOUND", [HTML, ("Content-Length", str(len(OWN))), ("ETag", '"a"')])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [OWN]


class TestHead:
    @pytest.mark.parametrize("rule", ["stock", "replace", "keep"])
    @pytest.mark.parametrize("negotiate", [False, True])
    @pytest.mark.parametrize("accept", [BROWSER, "application/json"])
    def test_of_an_own_page_has_the_headers_of_get(
        self, rule: str, negotiate: bool, accept: str
    ) -> None:
        observed = observe(own_page, html_errors=rule, negotiate=negotiate)
        got, asked = (
            call(observed, method=method, HTTP_ACCEPT=accept, HTTP_X_REQUEST_ID="a").headers
            for method in ("GET", "HEAD")
        )
        assert asked == got

    def test_of_a_page_that_nobody_can_see_has_the_apps_headers(self) -> None:
        app = answering("404 NOT FOUND", [HTML, ("Content-Length", str(len(STOCK)))], body=[])
        answer = call(observe(app), method="HEAD")
        assert answer.headers["content-type"] == HTML[1]
        assert (answer.headers["content-length"], answer.body) == (str(len(STOCK)), b"")

    def test_of_an_error_without_a_type_has_the_headers_of_the_envelope(self) -> None:
        answer = call(observe(answering("404 NOT FOUND", [], body=[])), method="HEAD")
        assert (answer.headers["content-type"], answer.body) == ("application/json", b"")

    def test_with_the_stock_page_as_its_body_is_judged_by_it(self) -> None:
        app = answering("404 NOT FOUND", [HTML], body=[STOCK])
        assert call_freely(observe(app), method="HEAD").headers["content-type"] == JSON[1]

    def test_of_json_of_the_apps_own_is_left_alone(self) -> None:
        app = answering("404 NOT FOUND", [JSON, ("Content-Length", "11")], body=[])
        answer = call(observe(app), method="HEAD")
        assert (answer.headers["content-length"], answer.body) == ("11", b"")


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
@pytest.mark.parametrize(
    ("status", "headers"),
    [
        ("412 Precondition Failed", [("ETag", '"v7"'), ("Last-Modified", "yesterday")]),
        (
            "416 Range Not Satisfiable",
            [("ETag", '"v7"'), ("Accept-Ranges", "bytes"), ("Content-Range", "bytes */100")],
        ),
    ],
)
def test_an_empty_answer_to_a_condition_keeps_what_it_says_of_the_resource(
    method: str, status: str, headers: list[tuple[str, str]]
) -> None:
    app = answering(status, [*headers, ("Content-Length", "0")], body=[])
    answer = call_freely(observe(app), method=method)
    assert {(name, answer.headers.get(name.lower())) for name, _ in headers} == set(headers)
    assert answer.headers["content-type"] == "application/json"


def test_what_belongs_to_the_error_stays_and_what_described_the_body_goes() -> None:
    headers = [
        HTML,
        ("Content-Length", str(len(STOCK))),
        ("Content-Language", "en"),
        ("Content-MD5", "Q2hlY2sgSW50ZWdyaXR5IQ=="),
        ("ETag", '"x"'),
        ("Last-Modified", "now"),
        ("Accept-Ranges", "bytes"),
        ("Allow", "GET"),
        ("Retry-After", "3"),
        ("WWW-Authenticate", "Basic"),
        ("Location", "/x"),
        ("Access-Control-Allow-Origin", "*"),
        ("Set-Cookie", "a=1"),
    ]
    answer = call(observe(failing(headers, STOCK)))
    assert set(answer.headers) == {
        *("etag", "last-modified", "accept-ranges"),
        *("allow", "retry-after", "www-authenticate", "location", "set-cookie"),
        *("access-control-allow-origin", "content-type", "content-length", "x-request-id"),
        "access-control-expose-headers",  # which names ours
    }
    assert answer.headers["content-length"] == str(len(answer.body))


@pytest.mark.parametrize(
    "status", ["400 Bad", "401 No", "404 Gone", "418 Pot", "500 Oops", "599 X"]
)
def test_an_empty_error_is_described_by_its_status(status: str) -> None:
    answer = call(observe(failing([HTML], b"", status)))
    assert answer.status == status
    assert answer.json["code"] == int(status[:3])


def test_the_first_chunk_that_is_not_empty_is_waited_for() -> None:
    app = answering("404 Gone", [HTML], body=[b"", b"", STOCK])
    assert is_envelope(call(observe(app)))


def test_a_page_of_several_chunks_is_replaced_whole() -> None:
    app = answering("404 Gone", [HTML], body=[STOCK[:-20], STOCK[-20:]])
    assert is_envelope(call(observe(app)))


def test_a_page_of_several_chunks_that_stays_is_whole() -> None:
    app = answering("404 Gone", [HTML], body=[b"", b"<p>my", b"own</p>"])
    assert call(observe(app)).body == b"<p>myown</p>"


def test_an_error_that_the_app_answers_itself_is_told_by_its_access_line_alone(log: Log) -> None:
    call(observe(failing([HTML], STOCK, "500 Oops")))
    assert log.lines == [log.access]
    assert (log.access["level"], log.access["status_code"]) == ("ERROR", 500)


@given(
    st.sampled_from(["stock", "replace", "keep"]),
    st.integers(400, 599),
    st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f")),
    st.binary(max_size=60),
    st.text(),
)
def test_any_error_is_answered_with_its_own_status(rule, code, reason, body, accept) -> None:
    status = f"{code} {reason}"
    app = observe(failing([HTML], body, status), html_errors=rule)
    answer = call_freely(app, HTTP_ACCEPT=accept)
    assert answer.status == status
    assert answer.body == body or answer.json["code"] == code
