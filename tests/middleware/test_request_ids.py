"""RequestID: one fit ID for each request, seen by the app, the log and the client alike."""

import string
from wsgiref.validate import validator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import Server, answering, call, call_freely, environ, raising
from tests.conftest import Log
from wsgi_observe import (
    AccessLog,
    RequestID,
    Settings,
    SettingsError,
    current_request_id,
    observe,
)
from wsgi_observe.ids import is_valid_id

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def showing(environ, start_response):
    """Answer with every place where the app finds its ID."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    places = (
        environ["HTTP_X_REQUEST_ID"],
        environ["wsgi_observe.request_id"],
        str(current_request_id()),
    )
    return ["|".join(places).encode()]


def test_the_app_the_client_and_the_context_have_the_same_id() -> None:
    answer = call(RequestID(showing))
    assert answer.body.decode().split("|") == [answer.request_id] * 3


def test_a_fit_inbound_id_is_taken_over() -> None:
    answer = call(RequestID(showing), HTTP_X_REQUEST_ID="from-the-proxy")
    assert answer.request_id == "from-the-proxy"
    assert answer.body == b"from-the-proxy|from-the-proxy|from-the-proxy"


@pytest.mark.parametrize("header", ["X-Request-ID", "X-Correlation-ID"])
@pytest.mark.parametrize("value", [" mine", "mine ", "\tmine \t"], ids=repr)
def test_optional_white_space_round_an_inbound_id_is_removed(value: str, header: str) -> None:
    app = observe(showing, request_id_headers=[header])
    answer = call_freely(app, **{"HTTP_" + header.upper().replace("-", "_"): value})
    assert answer.request_id == "mine"
    assert answer.body == b"mine|mine|mine"


@pytest.mark.parametrize(
    "value", ["", " ", "a,b", "a b", "x" * 129, "\xe9", "a\r\nb", '{"a":1}', "a\x00"]
)
def test_an_unfit_inbound_id_is_replaced_and_leaves_no_trace(value: str, log: Log) -> None:
    answer = call_freely(observe(showing), HTTP_X_REQUEST_ID=value)
    assert len(answer.request_id) == 32
    assert answer.body.decode().split("|") == [answer.request_id] * 3
    assert "client_request_id" not in log.access


@given(st.text())
def test_any_header_makes_one_fit_id_which_a_server_sends_as_it_is(value: str) -> None:
    answer = Server(refuse=_as_gunicorn).serve(observe(showing), environ(HTTP_X_REQUEST_ID=value))
    bare = value.strip(" \t")
    assert is_valid_id(answer.request_id)
    assert (answer.request_id == bare) == is_valid_id(bare)


@given(st.text(st.characters(max_codepoint=255)))
def test_any_header_in_latin_1_makes_one_line_of_json(log: Log, value: str) -> None:
    log.clear()  # of the example before
    answer = call_freely(observe(showing, trust_request_id=False), HTTP_X_REQUEST_ID=value)
    assert log.access["request_id"] == answer.request_id
    bare = value.strip(" \t")
    assert log.access.get("client_request_id") == (bare if is_valid_id(bare) else None)
    assert len(log.texts[0].splitlines()) == 1


def _as_gunicorn(start) -> bool:
    """Refuse what servers refuse of a header (RFC 9110, section 5.5)."""
    allowed = set(string.printable) - set("\r\n\x0b\x0c")
    return not all(set(name + value) <= allowed for name, value in start.headers)


class TestTheEcho:
    @pytest.mark.parametrize(
        "app",
        [
            pytest.param(answering(), id="an answer"),
            pytest.param(answering("204 No Content", headers=(), body=()), id="no content"),
            pytest.param(answering("304 Not Modified", headers=(), body=()), id="not modified"),
            pytest.param(answering("404 Gone", body=()), id="an error"),
            pytest.param(raising(ValueError()), id="the envelope"),
            pytest.param(answering(body=lambda: iter([b"a", b"b"])), id="a stream"),
            pytest.param(lambda environ, start_response: [], id="no start"),
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
    def test_is_on_every_response_whoever_made_it(self, app, method: str) -> None:
        answer = call_freely(observe(app), method=method, HTTP_X_REQUEST_ID="mine")
        assert answer.request_id == "mine"

    @pytest.mark.parametrize("path", ["/health", "/ready"])
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_is_on_a_probe(self, path: str, method: str) -> None:
        assert call(observe(answering()), path, method, HTTP_X_REQUEST_ID="a").request_id == "a"

    @pytest.mark.parametrize("name", ["X-Request-ID", "x-request-id", "X-REQUEST-ID"])
    def test_replaces_the_apps_own_header(self, name: str) -> None:
        headers = [(name, "one"), ("Content-Type", "text/plain"), (name, "two")]
        answer = call(RequestID(answering(headers=headers)), HTTP_X_REQUEST_ID="mine")
        assert answer.request_id == "mine"
        assert answer.headers["content-type"] == "text/plain"

    @pytest.mark.parametrize(
        ("own", "logged"),
        [
            pytest.param(["own-7"], "own-7", id="one"),
            pytest.param(["own-7", "own-8"], "own-7, own-8", id="two"),
            pytest.param(["own-7", "own-7"], "own-7", id="one twice"),
            pytest.param(["mine", "own-7"], "own-7", id="ours and another"),
            pytest.param(["mine"], None, id="ours"),
            pytest.param([""], None, id="none"),
            pytest.param(["a\r\nb: \xe9"], "a\r\nb: \xe9", id="one that no server sends"),
        ],
    )
    @pytest.mark.parametrize("status", ["200 OK", "500 Oops", "404 Gone"])
    def test_leaves_the_apps_own_on_the_access_line(
        self, own: list[str], logged: str | None, status: str, log: Log
    ) -> None:
        headers = [("Content-Type", "text/plain"), *(("x-request-id", value) for value in own)]
        app = answering(status, headers=headers, body=() if status == "404 Gone" else (b"a",))
        answer = call_freely(observe(app), HTTP_X_REQUEST_ID="mine")
        assert (answer.request_id, answer.code) == ("mine", int(status[:3]))
        assert (log.access["request_id"], log.access.get("app_request_id")) == ("mine", logged)

    @pytest.mark.parametrize("propagate", [False, True])
    def test_leaves_that_of_an_app_that_then_fails_on_all_lines(
        self, propagate: bool, log: Log
    ) -> None:
        def app(environ, start_response):
            start_response("200 OK", [None, ("X-A",), (1, "b"), ("X-Request-ID", "own-7")])
            raise ValueError

        try:
            answer = call_freely(observe(app, propagate=propagate))
        except ValueError:
            assert propagate
        else:
            assert answer.request_id == log.error["request_id"]
            assert log.error["app_request_id"] == "own-7"
        assert log.access["app_request_id"] == "own-7"

    def test_leaves_it_with_a_stranger_between_two_of_ours(self, log: Log) -> None:
        headers = [("Content-Type", "text/plain"), ("X-Request-ID", "own-7")]
        inner = AccessLog(answering(headers=headers))
        answer = call(RequestID(lambda environ, start: inner(environ, lambda *each: start(*each))))
        assert answer.request_id == log.access["request_id"] != "own-7"
        assert log.access["app_request_id"] == "own-7"

    def test_is_the_apps_own_where_no_middleware_gives_one(self, log: Log) -> None:
        answer = call_freely(AccessLog(answering(headers=[("X-Request-ID", "own-7")])))
        assert answer.headers["x-request-id"] == "own-7"
        assert "app_request_id" not in log.access

    def test_leaves_the_other_headers_in_their_order(self) -> None:
        headers = [("Content-Type", "a"), ("Set-Cookie", "b"), ("Set-Cookie", "c")]
        answer = call(RequestID(answering(headers=headers)))
        assert answer.starts[0].headers[:3] == headers


class TestSeveralHeaders:
    HEADERS = ("X-Correlation-ID", "traceparent", "X-Amzn-Trace-Id", "X-Request-ID")

    @pytest.mark.parametrize(
        ("sent", "taken"),
        [
            pytest.param({"HTTP_X_REQUEST_ID": "d"}, "d", id="the last alone"),
            pytest.param(
                {"HTTP_X_REQUEST_ID": "d", "HTTP_X_CORRELATION_ID": "a"}, "a", id="first and last"
            ),
            pytest.param(
                {"HTTP_X_CORRELATION_ID": "un fit", "HTTP_TRACEPARENT": PARENT},
                TRACE,
                id="the next one, when the first does not fit",
            ),
            pytest.param({"HTTP_X_AMZN_TRACE_ID": "Self=x;Root=1-2-3"}, "1-2-3", id="Amazon's"),
            pytest.param(
                {"HTTP_X_CORRELATION_ID": "", "HTTP_X_REQUEST_ID": "d"}, "d", id="an empty one"
            ),
        ],
    )
    def test_are_looked_through_in_order(self, sent: dict[str, str], taken: str) -> None:
        app = RequestID(showing, request_id_headers=self.HEADERS)
        answer = call(app, **sent)
        assert answer.body.decode().split("|") == [taken] * 3
        assert answer.request_id == taken

    def test_of_which_none_fits_make_a_new_id(self) -> None:
        app = RequestID(showing, request_id_headers=self.HEADERS)
        answer = call(app, HTTP_TRACEPARENT="junk", HTTP_X_AMZN_TRACE_ID="Root=")
        assert len(answer.request_id) == 32

    def test_that_are_not_named_count_for_nothing(self) -> None:
        app = RequestID(showing, request_id_headers=["X-Correlation-ID"])
        answer = call(app, HTTP_X_REQUEST_ID="spoofed")
        assert answer.request_id != "spoofed"
        assert answer.body.decode().split("|") == [answer.request_id] * 3


class TestTrust:
    @pytest.mark.parametrize(
        ("trust", "peer", "trusted"),
        [
            pytest.param(True, "203.0.113.1", True, id="everybody"),
            pytest.param(True, "", True, id="everybody, on a socket"),
            pytest.param(False, "127.0.0.1", False, id="nobody"),
            pytest.param(["10.0.0.0/8"], "10.1.2.3", True, id="within"),
            pytest.param(["10.0.0.0/8"], "11.0.0.1", False, id="without"),
            pytest.param(["10.0.0.0/8", "::1/128"], "::1", True, id="the second network"),
            pytest.param(["10.0.0.0/8"], "::ffff:10.0.0.1", True, id="IPv4 on a dual stack"),
            pytest.param(["10.0.0.0/8"], "", False, id="a socket"),
            pytest.param(["10.0.0.0/8"], "unix:", False, id="no address"),
            pytest.param(["10.0.0.0/8"], "10.0.0.1:5000", False, id="an address and port"),
            pytest.param(["fe80::/10"], "fe80::1%eth0", True, id="a zone"),
            pytest.param(["2001:db8::/32"], "10.0.0.1", False, id="another family"),
            pytest.param(["192.0.2.7"], "192.0.2.7", True, id="one address"),
        ],
    )
    def test_is_a_matter_of_the_peer(self, trust, peer: str, trusted: bool, log: Log) -> None:
        app = observe(showing, trust_request_id=trust)
        answer = call(app, HTTP_X_REQUEST_ID="theirs", REMOTE_ADDR=peer)
        assert (answer.request_id == "theirs") is trusted
        assert log.access.get("client_request_id") == (None if trusted else "theirs")

    def test_without_an_address_is_none(self) -> None:
        made = environ(HTTP_X_REQUEST_ID="theirs")
        del made["REMOTE_ADDR"]
        server = Server().serve(RequestID(showing, trust_request_id=["10.0.0.0/8"]), made)
        assert server.request_id != "theirs"

    def test_withheld_an_id_that_does_not_fit_is_kept_nowhere(self, log: Log) -> None:
        call(observe(showing, trust_request_id=False), HTTP_X_REQUEST_ID="un fit")
        assert "client_request_id" not in log.access

    @given(st.text())
    def test_of_any_peer_is_decided(self, peer: str) -> None:
        app = RequestID(showing, trust_request_id=["10.0.0.0/8"])
        answer = call_freely(app, REMOTE_ADDR=peer, HTTP_X_REQUEST_ID="theirs")
        assert is_valid_id(answer.request_id)


@pytest.mark.parametrize(
    "unfit", [{"request_id_headers": []}, {"trust_request_id": "10.0.0.0/99"}], ids=str
)
def test_a_mistake_stops_at_start(unfit) -> None:
    with pytest.raises(SettingsError):
        RequestID(showing, **unfit)


def test_it_is_a_server_to_the_app_as_good_as_any() -> None:
    assert call(RequestID(validator(showing))).code == 200


ALLOWED = ("Access-Control-Allow-Origin", "https://shop.example")
CREDENTIALS = ("Access-Control-Allow-Credentials", "true")
EXPOSED = "access-control-expose-headers"


def exposing(*headers: tuple[str, str], status: str = "200 OK", body=(b"hello",)):
    return answering(status, headers=[("Content-Type", "text/plain"), *headers], body=body)


class TestAPageOfAnotherOrigin:
    @pytest.mark.parametrize(
        ("given", "exposed"),
        [
            pytest.param([], "X-Request-ID", id="none"),
            pytest.param(["ETag"], "ETag, X-Request-ID", id="others"),
            pytest.param(["ETag,\tLink"], "ETag,\tLink, X-Request-ID", id="two in a list"),
            pytest.param([""], "X-Request-ID", id="an empty list"),
            pytest.param([" , "], "X-Request-ID", id="a list of nothing"),
            pytest.param(["X-Request-ID"], "X-Request-ID", id="it"),
            pytest.param(["etag ,\tx-request-id"], "etag ,\tx-request-id", id="it in any case"),
            pytest.param(["X-Request-ID-2"], "X-Request-ID-2, X-Request-ID", id="one of its kind"),
            pytest.param(["*"], "*", id="all"),
            pytest.param(["ETag, *"], "ETag, *", id="all in a list"),
        ],
    )
    @pytest.mark.parametrize("name", ["Access-Control-Expose-Headers", EXPOSED])
    def test_may_read_the_id(self, given: list[str], exposed: str, name: str) -> None:
        app = observe(exposing(ALLOWED, *((name, value) for value in given)))
        assert call_freely(app).headers[EXPOSED] == exposed

    @pytest.mark.parametrize(
        ("credentials", "exposed"),
        [
            pytest.param(CREDENTIALS, "*, X-Request-ID", id="with credentials"),
            pytest.param(
                ("access-control-allow-credentials", " true"), "*, X-Request-ID", id="ows"
            ),
            pytest.param((CREDENTIALS[0], "false"), "*", id="without"),
        ],
    )
    def test_may_not_by_a_star_when_it_sends_credentials(self, credentials, exposed: str) -> None:
        app = observe(exposing(ALLOWED, ("Access-Control-Expose-Headers", "*"), credentials))
        assert call_freely(app).headers[EXPOSED] == exposed

    def test_may_where_the_list_has_several_headers(self) -> None:
        given = [(EXPOSED, "ETag"), (EXPOSED, "x-request-id"), (EXPOSED, "Link")]
        answer = call(observe(exposing(ALLOWED, *given)))
        assert [pair for pair in answer.starts[0].headers if pair[0] == EXPOSED] == given
        answer = call(observe(exposing(ALLOWED, given[0], given[2])))
        sent = [value for name, value in answer.starts[0].headers if name == EXPOSED]
        assert ", ".join(sent) == "ETag, Link, X-Request-ID"

    @pytest.mark.parametrize(
        "app",
        [
            pytest.param(exposing(ALLOWED, status="404 Gone", body=()), id="an empty error"),
            pytest.param(exposing(ALLOWED, status="404 Gone"), id="an error of the app's own"),
            pytest.param(exposing(ALLOWED, body=lambda: iter([b"a", b"b"])), id="a stream"),
            pytest.param(exposing(ALLOWED, body=lambda: {}["no"]), id="a failure"),
            pytest.param(exposing(("access-control-allow-origin", "*")), id="any origin"),
        ],
    )
    def test_may_whatever_the_answer_is(self, app, log: Log) -> None:
        assert call(observe(app)).headers[EXPOSED] == "X-Request-ID"

    @pytest.mark.parametrize("between", [True, False])
    def test_may_once_though_it_is_wrapped_twice(self, between: bool) -> None:
        app = observe(exposing(ALLOWED))
        if between:
            inner = app
            app = lambda environ, start: inner(environ, lambda *each: start(*each))  # noqa: E731
        assert call(observe(app)).headers[EXPOSED] == "X-Request-ID"

    @pytest.mark.parametrize(
        "app",
        [
            pytest.param(exposing(), id="without CORS"),
            pytest.param(exposing(("Access-Control-Allow-Methods", "GET")), id="no origin"),
            pytest.param(exposing(("Access-Control-Xllow-Origin", "*")), id="another name"),
        ],
    )
    def test_is_not_heard_of_where_the_app_allows_none(self, app) -> None:
        assert EXPOSED not in call(observe(app)).headers

    @pytest.mark.parametrize("given", [None, "ETag"])
    def test_may_not_where_the_setting_is_off(self, given: str | None) -> None:
        own = [] if given is None else [("Access-Control-Expose-Headers", given)]
        app = exposing(ALLOWED, *own)
        for observed in (
            observe(app, expose_request_id=False),
            RequestID(app, expose_request_id=False),
            observe(app, Settings.from_env({"WSGI_OBSERVE_EXPOSE_REQUEST_ID": "false"})),
        ):
            answer = call(observed)
            assert answer.headers.get(EXPOSED) == given
            assert answer.request_id

    def test_is_not_told_of_an_id_that_there_is_not(self) -> None:
        assert EXPOSED not in call(AccessLog(exposing(ALLOWED))).headers


TOKENS = st.sampled_from(["*", "ETag", "x-request-id", "X-Request-ID", "", " "])


@given(st.lists(st.lists(TOKENS, max_size=3).map(",".join), max_size=3), st.booleans())
def test_the_id_may_be_read_exactly_once_and_no_name_is_lost(
    lists: list[str], with_credentials: bool
) -> None:
    given_headers = [(EXPOSED, each) for each in lists] + [CREDENTIALS] * with_credentials
    answer = call(observe(exposing(ALLOWED, *given_headers)))
    names = [
        token.strip(" \t").lower()
        for name, value in answer.starts[0].headers
        if name.lower() == EXPOSED
        for token in value.split(",")
    ]
    before = [token.strip(" ").lower() for each in lists for token in each.split(",")]
    assert set(names) >= set(before) - {""}
    assert "x-request-id" in names or ("*" in names and not with_credentials)
    assert names.count("x-request-id") <= max(1, before.count("x-request-id"))
