"""`exc_info` (PEP 3333): how it is handed over, who hears of it, a new start that comes with it."""

import functools
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import Server, answering, call, call_freely, close, environ
from tests.conftest import Log
from wsgi_observe import AccessLog, ErrorEnvelope, RequestID, observe
from wsgi_observe.context import activate

TEXT = [("Content-Type", "text/plain")]


def positional(start_response):
    return lambda status, headers, exc_info=None: start_response(status, headers, exc_info)


def by_its_name(start_response):
    return lambda status, headers, exc_info=None: start_response(status, headers, exc_info=exc_info)


def all_by_name(start_response):
    def start(status, headers, exc_info=None):
        return start_response(status=status, headers=headers, exc_info=exc_info)

    return start


def whatever_comes(start_response):
    return lambda *args, **kwargs: start_response(*args, **kwargs)


def without_one(start_response):
    def start(status, headers, exc_info=None):
        if exc_info is None:
            return start_response(status, headers)
        return start_response(status, headers, exc_info)

    return start


def or_nothing(start_response):
    return lambda status, headers, exc_info=None: start_response(status, headers, exc_info or ())


STYLES = [
    *(positional, by_its_name, all_by_name, whatever_comes, without_one, or_nothing),
    functools.partial(functools.partial),
]


def through(style, app):
    """A middleware of somebody else's, by the way in which it calls `start_response`."""
    return lambda environ, start_response: app(environ, style(start_response))


def failing_over(status="500 Oops", body=(b"my own page",), headers=TEXT):
    def app(environ, start_response):
        try:
            raise ValueError("handled")
        except ValueError:
            start_response(status, list(headers), sys.exc_info())
        return list(body)

    return app


def listening(app, heard):
    """A middleware that notes the exceptions that are handed to its `start_response`."""

    def middleware(environ, start_response):
        def start(status, headers, exc_info=None):
            heard.append(exc_info and exc_info[1])
            return start_response(status, headers, exc_info)

        return app(environ, start)

    return middleware


@pytest.mark.parametrize("style", STYLES)
def test_a_middleware_may_hand_exc_info_over_as_servers_let_it(style, log: Log) -> None:
    assert call_freely(observe(through(style, answering()))).body == b"hello"
    answer = call_freely(observe(through(style, failing_over("503 Busy"))))
    assert (answer.status, answer.body) == ("503 Busy", b"my own page")
    assert log.error["exc_type"] == "ValueError"


@pytest.mark.parametrize("style", STYLES)
def test_it_may_between_two_of_ours(style, log: Log) -> None:
    heard: list[Any] = []
    app = RequestID(through(style, listening(AccessLog(failing_over()), heard)))
    assert call_freely(app).body == b"my own page"
    assert [repr(error) for error in heard] == ["ValueError('handled')"]


@pytest.mark.parametrize("propagate", [False, True], ids=["answering", "propagating"])
@pytest.mark.parametrize(
    "app",
    [
        pytest.param(failing_over(), id="an error"),
        pytest.param(failing_over("400 Bad"), id="a refusal"),
        pytest.param(failing_over("200 OK"), id="a success"),
        pytest.param(failing_over(body=()), id="an error whose body is ours"),
        pytest.param(failing_over(headers=[*TEXT, ("X-Name", "\xfc")]), id="an odd header"),
    ],
)
def test_a_middleware_further_out_hears_of_the_apps_exception(app, propagate, log: Log) -> None:
    heard: list[Any] = []
    call(listening(observe(app, propagate=propagate), heard))
    assert [repr(error) for error in heard] == ["ValueError('handled')"]


def test_it_hears_of_no_exception_that_the_app_has_not_handed_over(log: Log) -> None:
    heard: list[Any] = []
    call(listening(observe(answering()), heard))
    call(listening(observe(lambda environ, start_response: {}["no"]), heard))
    assert heard == [None, None]


def test_an_app_that_hands_it_over_and_then_fails_is_answered(log: Log) -> None:
    def app(environ, start_response):
        failing_over("400 Bad")(environ, start_response)
        raise KeyError("then")

    assert call(observe(app)).code == 500
    assert log.error["exc_type"] == "KeyError"


def test_between_two_of_ours_there_is_one_error_line(log: Log) -> None:
    heard: list[Any] = []
    app = observe(listening(ErrorEnvelope(failing_over()), heard))
    assert call(app).body == b"my own page"
    assert len(heard) == len(log.errors) == 1


@dataclass
class Strict(Server):
    """As PEP 3333 has a server: `exc_info` is raised once the headers are sent, not before."""

    flushes: bool = False
    """Whether an empty chunk sends them, as on Gunicorn; on Waitress it does not."""

    is_sent: bool = False

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        try:
            if exc_info:
                if self.is_sent:
                    self.refuse_late(exc_info[1])
                self.starts.clear()
            return super().start_response(status, headers, exc_info)
        finally:
            exc_info = None

    def refuse_late(self, error: BaseException) -> None:
        raise error

    def send(self, chunk: bytes) -> None:
        assert self.starts, "never started"
        self.is_sent = self.is_sent or self.flushes or bool(chunk)
        self.chunks.append(chunk)

    def serve(self, app: Any, environ: dict[str, Any]) -> "Strict":
        body = app(environ, self.start_response)
        try:
            for chunk in body:
                self.send(chunk)
            assert self.starts, "never started"
        finally:
            close(body)
        return self


class Uwsgi(Strict):
    """Fails over an exception that is handed to it: its headers are taken, and mostly sent."""

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        write = super().start_response(status, headers, exc_info)
        if exc_info:
            raise SystemError("returned a result with an exception set")
        return write

    def refuse_late(self, error: BaseException) -> None:
        raise SystemError("returned a result with an exception set")


def changing_its_mind(*chunks: bytes, status: str = "503 Busy", then: bytes = b"sorry") -> Any:
    def app(environ, start_response):
        start_response("200 OK", [*TEXT, ("X-First", "1")])
        yield from chunks
        try:
            raise ValueError("inner")
        except ValueError:
            start_response(status, [*TEXT, ("X-Second", "1")], sys.exc_info())
        yield then

    return app


class TestANewStartAfterAnEmptyChunk:
    @pytest.mark.parametrize("chunks", [[b""], [b"", b"", b""]], ids=repr)
    def test_is_taken_where_the_headers_are_not_out(self, chunks, log: Log) -> None:
        server = Strict().serve(observe(changing_its_mind(*chunks)), environ())
        assert (server.status, server.body) == ("503 Busy", b"sorry")
        assert set(server.headers) == {"content-type", "x-second", "x-request-id"}
        assert server.request_id == log.access["request_id"] == log.error["request_id"]
        assert (log.access["status_code"], log.access["outcome"]) == (503, "complete")
        assert log.access["exc_type"] == log.error["exc_type"] == "ValueError"

    def test_is_no_failure_with_a_status_that_is_none(self, log: Log) -> None:
        app = observe(changing_its_mind(b"", status="409 Conflict"))
        assert Strict().serve(app, environ()).status == "409 Conflict"
        assert (log.access["status_code"], log.errors) == (409, [])

    @pytest.mark.parametrize("kind", [Strict, Uwsgi])
    def test_raises_the_exception_where_they_are(self, kind, log: Log) -> None:
        server = kind(flushes=True)
        with pytest.raises(ValueError, match="inner"):
            server.serve(observe(changing_its_mind(b"")), environ())
        assert (server.status, server.body) == ("200 OK", b"")
        assert (log.access["status_code"], log.access["outcome"]) == (200, "broken")
        assert log.error["exc_type"] == "ValueError"

    def test_raises_it_on_granian_which_would_ignore_the_start(self, log: Log) -> None:
        made = environ(SERVER_SOFTWARE="Granian")
        with pytest.raises(ValueError, match="inner"):
            Strict().serve(observe(changing_its_mind(b"")), made)
        assert (log.access["status_code"], log.access["outcome"]) == (200, "broken")

    @pytest.mark.parametrize("kind", [Strict, Uwsgi])
    @pytest.mark.parametrize("chunks", [[b"half"], [b"", b"half"], [b"half", b""]], ids=repr)
    def test_raises_it_after_a_chunk_that_is_not_empty(self, chunks, kind, log: Log) -> None:
        server = kind()
        with pytest.raises(ValueError, match="inner"):
            server.serve(observe(changing_its_mind(*chunks)), environ())
        assert (server.status, server.body) == ("200 OK", b"half")
        assert len(log.errors) == 1

    @pytest.mark.parametrize("has_write", [True, False], ids=["by write", "kept for the body"])
    def test_raises_it_after_a_write(self, has_write: bool, log: Log) -> None:
        def app(environ, start_response):
            start_response("200 OK", TEXT)(b"half")
            failing_over()(environ, start_response)
            return [b"never"]

        server = Strict(has_write=has_write)
        with pytest.raises(ValueError, match="handled"):
            server.serve(observe(app), environ())
        assert (server.status, server.body) == ("200 OK", b"half")

    def test_without_an_exception_is_a_mistake_of_the_app(self, log: Log) -> None:
        def app(environ, start_response):
            start_response("200 OK", TEXT)
            yield b""
            start_response("202 Accepted", TEXT)

        with pytest.raises(AssertionError, match="called twice"):
            Strict().serve(observe(app), environ())
        assert (log.access["status_code"], log.access["outcome"]) == (200, "broken")

    def test_whose_headers_are_no_text_breaks_the_response_off(self, log: Log) -> None:
        def app(environ, start_response):
            start_response("200 OK", TEXT)
            yield b""
            failing_over(headers=[("X-Count", 7)])(environ, start_response)

        with pytest.raises(TypeError, match="PEP 3333"):
            Strict().serve(observe(app), environ())
        assert (log.access["status_code"], len(log.errors)) == (200, 1)

    @pytest.mark.parametrize("style", STYLES)
    def test_is_taken_through_middlewares_of_others(self, style, log: Log) -> None:
        inner = through(style, AccessLog(through(style, changing_its_mind(b""))))
        server = Strict().serve(through(style, RequestID(inner)), environ())
        assert (server.status, server.body) == ("503 Busy", b"sorry")
        assert log.access["status_code"] == 503


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("start"), st.sampled_from(["200 OK", "302 Found"]), st.booleans()),
        st.tuples(st.just("chunk"), st.sampled_from([b"", b"", b"a", b"bc"])),
        st.tuples(st.just("raise")),
    ),
    max_size=7,
)


def acting(steps: list[Any]) -> Any:
    def app(environ, start_response):
        for step in steps:
            if step[0] == "chunk":
                yield step[1]
            elif step[0] == "raise":
                raise KeyError("then")
            elif step[2]:
                failing_over(step[1])(environ, start_response)
            else:
                start_response(step[1], TEXT)

    return app


def outcome(app: Any, flushes: bool) -> tuple[Any, ...]:
    server = Strict(flushes=flushes)
    try:
        server.serve(app, environ())
        failure = None
    except Exception as error:
        failure = type(error)
    sent = server.status if server.is_sent else None
    return failure, sent, server.body


@given(STEPS, st.booleans())
def test_whatever_an_app_does_a_server_sees_what_it_sees_without_us(
    steps: list[Any], flushes: bool
) -> None:
    ours = outcome(observe(acting(steps), propagate=True), flushes)
    assert ours == outcome(acting(steps), flushes)
    activate(None)
