"""How the start of a response climbs out: held back, called again, called late, never called."""

import pytest

from tests.calls import Server, answering, call, call_freely, close, environ
from tests.conftest import Log
from wsgi_observe import observe

TEXT = [("Content-Type", "text/plain")]
ENVELOPE = {"code", "name", "description", "request_id"}


def test_the_start_is_held_back_until_the_first_chunk() -> None:
    server = Server()

    def app(environ, start_response):
        start_response("200 OK", TEXT)
        assert server.starts == []
        yield b"first"
        assert len(server.starts) == 1

    server.serve(observe(app), environ())
    assert server.body == b"first"


def test_an_app_that_starts_on_its_first_next_is_answered_as_any(log: Log) -> None:
    def app(environ, start_response):
        start_response("201 Created", TEXT)
        yield b"late"

    answer = call(observe(app))
    assert (answer.status, answer.body) == ("201 Created", b"late")
    assert log.access["status_code"] == 201


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param((), id="none"),
        pytest.param((b"",), id="empty"),
        pytest.param((b"", b""), id="two empty"),
    ],
)
def test_an_error_without_a_body_becomes_the_envelope_though_its_app_starts_late(chunks) -> None:
    def app(environ, start_response):
        start_response("404 NOT FOUND", TEXT)
        yield from chunks

    answer = call(observe(app))
    assert answer.code == 404
    assert answer.json["code"] == 404


def test_a_late_error_is_waited_for_past_its_empty_chunks() -> None:
    def app(environ, start_response):
        start_response("503 Busy", TEXT)
        yield b""
        raise RuntimeError("before a byte was sent")

    answer = call(observe(app))
    assert answer.code == 500


def test_an_app_that_never_starts_is_answered_with_the_envelope(log: Log) -> None:
    answer = call(observe(lambda environ, start_response: [b"hello"]))
    assert (answer.code, set(answer.json)) == (500, ENVELOPE)
    assert log.error["exc_type"] == "AssertionError"


def test_an_app_that_never_starts_and_has_no_body_is_answered_with_the_envelope() -> None:
    assert call(observe(lambda environ, start_response: [])).code == 500


def test_a_second_start_without_exc_info_is_a_mistake_of_the_app(log: Log) -> None:
    def app(environ, start_response):
        start_response("200 OK", TEXT)
        start_response("201 Created", TEXT)
        return [b"hello"]

    assert call(observe(app)).code == 500
    assert "called twice" in log.error["exc_info"]


def failing_over(status: str):
    def app(environ, start_response):
        start_response("200 OK", [*TEXT, ("X-First", "1")])
        try:
            raise ValueError("handled by the app")
        except ValueError as error:
            start_response(status, TEXT, (ValueError, error, error.__traceback__))
        return [b"sorry"]

    return app


def test_an_app_may_change_its_mind_with_exc_info(log: Log) -> None:
    answer = call(observe(failing_over("500 Oops")))
    assert (answer.status, answer.body) == ("500 Oops", b"sorry")
    assert "x-first" not in answer.headers


def test_an_exception_that_the_app_answers_with_a_500_is_logged_once(log: Log) -> None:
    call(observe(failing_over("500 Oops")))
    assert "handled by the app" in log.error["exc_info"]
    assert log.access["exc_type"] == "ValueError"


def test_an_exception_that_the_app_answers_with_a_4xx_is_no_failure(log: Log) -> None:
    assert call(observe(failing_over("400 Bad"))).code == 400
    assert log.errors == []


def test_exc_info_after_the_headers_left_is_raised_and_breaks_the_response_off(log: Log) -> None:
    def app(environ, start_response):
        start_response("200 OK", TEXT)
        yield b"half"
        try:
            raise ValueError("too late")
        except ValueError as error:
            start_response("500 Oops", TEXT, (ValueError, error, error.__traceback__))
        yield b"never"

    server = Server()
    with pytest.raises(ValueError, match="too late"):
        server.serve(observe(app), environ())
    assert (server.status, server.body) == ("200 OK", b"half")
    assert "too late" in log.error["exc_info"]
    assert log.access["outcome"] == "broken"


@pytest.mark.parametrize("exc_info", [(None, None, None), (), False, True], ids=repr)
def test_exc_info_without_an_exception_is_taken_and_goes_no_further(exc_info) -> None:
    def app(environ, start_response):
        start_response("200 OK", TEXT, exc_info)
        return [b"hello"]

    answer = call_freely(observe(app))
    assert (answer.body, answer.starts[0].exc_info) == (b"hello", None)


def test_exc_info_of_nones_allows_a_second_start_as_on_servers() -> None:
    def app(environ, start_response):
        start_response("200 OK", TEXT)
        start_response("202 Accepted", TEXT, (None, None, None))
        return [b"hello"]

    assert call_freely(observe(app)).status == "202 Accepted"


def test_the_body_is_wrapped_once_and_the_start_held_once(log: Log) -> None:
    server = Server()
    seen = []

    def app(environ, start_response):
        seen.append(start_response.__self__)
        start_response("200 OK", TEXT)
        return iter([b"hello"])

    body = observe(app)(environ(), server.start_response)
    assert list(body) == [b"hello"]
    close(body)
    # Its `start_response` is bound to the one exchange, which the server's body ends.
    assert seen[0].is_closed


@pytest.mark.parametrize(
    "status",
    [
        pytest.param("200", id="no reason"),
        pytest.param("200 ", id="an empty reason"),
        pytest.param("599 Weird", id="an unregistered code"),
        pytest.param("404", id="an error without a reason"),
        pytest.param("299 ", id="an unregistered success"),
    ],
)
def test_a_status_passes_as_it_is(status: str, log: Log) -> None:
    answer = call_freely(observe(answering(status)))
    assert (answer.status, answer.body) == (status, b"hello")
    assert log.access["status_code"] == int(status[:3])


@pytest.mark.parametrize("status", ["404", "404 ", "404 Gone Fishing", "599", "499 Left"])
def test_an_empty_error_of_any_status_becomes_the_envelope(status: str) -> None:
    answer = call_freely(observe(answering(status, body=())))
    assert answer.status == status
    assert answer.json["code"] == int(status[:3])
    assert answer.json["name"]


@pytest.mark.parametrize(
    "status",
    [
        pytest.param(b"200 OK", id="bytes"),
        pytest.param(None, id="None"),
        pytest.param(200, id="a number"),
        pytest.param("", id="empty"),
    ],
)
def test_a_status_that_is_no_text_is_a_failure_of_the_app(status, log: Log) -> None:
    assert call_freely(observe(answering(status))).code == 500
    assert len(log.errors) == 1


@pytest.mark.parametrize("status", ["abc", "4", "4xx Odd", "99999", "²²² Odd"])
def test_a_status_that_is_no_number_is_left_to_the_server(status: str, log: Log) -> None:
    assert call_freely(observe(answering(status, body=()))).status == status
    assert isinstance(log.access["status_code"], int)


def test_headers_that_the_app_changes_afterwards_left_as_they_were() -> None:
    headers = list(TEXT)

    def app(environ, start_response):
        start_response("200 OK", headers)
        headers.append(("X-Late", "1"))
        return [b"hello"]

    assert "x-late" not in call(observe(app)).headers
    assert headers == [*TEXT, ("X-Late", "1")]


def test_a_list_of_headers_that_the_app_uses_again_does_not_grow() -> None:
    headers = list(TEXT)

    def app(environ, start_response):
        start_response("200 OK", headers)
        return [b"hello"]

    observed = observe(app)
    ids = {call(observed).request_id for _ in range(3)}
    assert (headers, len(ids)) == (TEXT, 3)


def test_the_server_gets_a_list_of_its_own_each_time() -> None:
    observed = observe(answering())
    first, second = call(observed), call(observed)
    first.starts[0].headers.append(("X-More", "1"))
    assert "x-more" not in second.headers


def test_a_start_with_a_tuple_of_headers_is_taken() -> None:
    def app(environ, start_response):
        start_response("200 OK", tuple(TEXT))
        return [b"hello"]

    assert isinstance(call_freely(observe(app)).starts[0].headers, list)


def test_an_environ_without_a_method_is_served(log: Log) -> None:
    bare = environ()
    del bare["REQUEST_METHOD"]
    assert Server().serve(observe(answering("404 Gone", body=())), bare).code == 404
