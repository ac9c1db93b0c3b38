"""How a body passes: unbuffered, of its own length, closed exactly once."""

from array import array
from mmap import mmap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import Closing, Server, answering, call, call_freely, close, environ
from tests.conftest import Log
from wsgi_observe import AccessLog, ErrorEnvelope, RequestID, bind, current_request_id, observe

TEXT = [("Content-Type", "text/plain")]


def test_chunks_pass_once_and_unbuffered() -> None:
    pulled = []

    def chunks():
        for number in range(3):
            pulled.append(number)
            yield b"%d" % number

    server = Server()
    body = observe(answering(body=chunks))(environ(), server.start_response)
    assert pulled == [0]
    seen = []
    for chunk in body:
        seen.append(chunk)
        assert len(pulled) == len(seen)
    close(body)
    assert seen == [b"0", b"1", b"2"]


def test_an_empty_first_chunk_is_committed_and_passed_on_to_be_flushed() -> None:
    server = Server()
    reached = []

    def events():
        yield b""
        reached.append("past the first")
        yield b"data: 1\n\n"

    body = observe(answering(body=events))(environ(), server.start_response)
    chunks = iter(body)
    assert (server.code, reached) == (200, [])
    assert next(chunks) == b""
    assert reached == []
    assert next(chunks) == b"data: 1\n\n"
    assert list(chunks) == []
    close(body)


@pytest.mark.parametrize(
    "body", [pytest.param((), id="none"), pytest.param((b"",), id="one empty chunk")]
)
def test_an_empty_body_is_complete(body, log: Log) -> None:
    assert call(observe(answering(body=body))).body == b""
    assert (log.access["outcome"], log.access["response_bytes"]) == ("complete", 0)


@pytest.mark.parametrize(
    "chunk",
    [
        pytest.param("text", id="text"),
        pytest.param(None, id="None"),
        pytest.param(7, id="a number"),
        pytest.param([120], id="a list"),
    ],
)
class TestAChunkThatIsNoBytes:
    def test_becomes_the_envelope_when_it_is_the_first(self, chunk, log: Log) -> None:
        assert call(observe(answering(body=lambda: iter([chunk])))).code == 500
        assert log.error["exc_type"] == "TypeError"

    def test_breaks_the_response_off_later(self, chunk, log: Log) -> None:
        server = Server()
        with pytest.raises(TypeError):
            server.serve(observe(answering(body=lambda: iter([b"x", chunk]))), environ())
        assert server.chunks == [b"x"]
        assert log.access["outcome"] == "broken"


@pytest.mark.parametrize(
    ("chunk", "sent"),
    [
        pytest.param(bytearray(b"\x89PNG"), b"\x89PNG", id="a bytearray"),
        pytest.param(memoryview(b"\x89PNG"), b"\x89PNG", id="a memoryview"),
        pytest.param(memoryview(b"\x89.P.N.G")[::2], b"\x89PNG", id="every second byte"),
        pytest.param(array("H", [1, 2]), array("H", [1, 2]).tobytes(), id="an array"),
        pytest.param(memoryview(array("H", [1, 2])), array("H", [1, 2]).tobytes(), id="its view"),
        pytest.param(mmap(-1, 4), b"\0" * 4, id="a mapped file"),
        pytest.param(bytearray(), b"", id="an empty one"),
    ],
)
class TestAChunkThatIsBytesLike:
    def test_is_sent_as_bytes(self, chunk, sent: bytes, log: Log) -> None:
        headers = [*TEXT, ("Content-Length", str(2 * len(sent)))]
        answer = call(observe(answering(headers=headers, body=lambda: iter([chunk, chunk]))))
        assert (answer.chunks, {type(each) for each in answer.chunks}) == ([sent, sent], {bytes})
        access = log.access
        assert (access["outcome"], access["response_bytes"]) == ("complete", 2 * len(sent))

    @pytest.mark.parametrize("count", [1, 2])
    def test_of_a_list_leaves_it_its_length(self, chunk, sent: bytes, count: int) -> None:
        body = observe(answering(body=[chunk] * count))(environ(), Server().start_response)
        assert len(body) == count
        assert list(body) == [sent] * count
        close(body)

    @pytest.mark.parametrize("has_write", [True, False], ids=["by write", "kept for the body"])
    def test_is_written_as_bytes(self, chunk, sent: bytes, has_write: bool, log: Log) -> None:
        def app(environ, start_response):
            start_response("200 OK", TEXT)(chunk)
            return []

        server = Server(has_write=has_write).serve(observe(app), environ())
        assert (server.body, {type(each) for each in server.chunks} - {bytes}) == (sent, set())
        assert log.access["response_bytes"] == len(sent)

    def test_of_an_error_is_its_body(self, chunk, sent: bytes) -> None:
        answer = call(observe(answering("404 Gone", body=lambda: iter([chunk]))))
        assert (answer.code, answer.body == sent) == (404, sent != b"")


def test_a_buffer_that_the_app_fills_again_is_sent_as_it_was() -> None:
    def app(environ, start_response):
        start_response("200 OK", TEXT)
        buffer = bytearray(1)
        for number in b"abc":
            buffer[0] = number
            yield memoryview(buffer)

    body = observe(app)(environ(), Server().start_response)
    assert list(body) == [b"a", b"b", b"c"]
    close(body)


@given(st.lists(st.tuples(st.sampled_from([bytes, bytearray, memoryview]), st.binary())))
def test_chunks_of_whatever_class_add_up_to_the_same_bytes(chunks) -> None:
    made = [kind(data) for kind, data in chunks]
    answer = call(observe(answering(body=lambda: iter(made))))
    assert answer.body == b"".join(data for _, data in chunks)


@pytest.mark.parametrize("body", [pytest.param(None, id="None"), pytest.param(5, id="a number")])
def test_a_body_that_cannot_be_iterated_becomes_the_envelope(body, log: Log) -> None:
    assert call(observe(answering(body=lambda: body))).code == 500
    assert len(log.errors) == 1


def _stranger(app):
    """A middleware of somebody else's, which passes all on."""
    return lambda environ, start_response: app(environ, lambda *start: start_response(*start))


class TestAListOfChunks:
    @pytest.mark.parametrize("status", ["200 OK", "404 Not Found"])
    def test_keeps_its_length(self, status) -> None:
        body = observe(answering(status, body=[b"a", b"b"]))(environ(), Server().start_response)
        assert len(body) == 2
        assert list(body) == [b"a", b"b"]
        close(body)

    def test_of_an_error_may_begin_empty(self) -> None:
        assert call(observe(answering("404 Not Found", body=[b"", b"a", b"b"]))).body == b"ab"

    def test_is_of_no_list_class_since_some_servers_never_close_a_list(self) -> None:
        body = observe(answering())(environ(), Server().start_response)
        assert not isinstance(body, list)
        assert len(body) == 1
        assert list(body) == [b"hello"]
        close(body)

    @pytest.mark.parametrize("chunks", [[b"one"], [b"a", b"bc"], (b"a", b"bc", b"")])
    def test_is_added_up_by_some_servers_while_they_send_it(self, chunks, log: Log) -> None:
        body = observe(answering(body=chunks))(environ(), Server().start_response)
        assert sum(map(len, body)) == 3  # eventlet, before the first chunk
        sent = []
        for chunk in body:
            assert sent or sum(map(len, body)) == 3  # gevent, as it sends the first
            sent.append(chunk)
        close(body)
        assert sent == list(chunks)
        assert (log.access["outcome"], log.access["response_bytes"]) == ("complete", 3)

    @pytest.mark.parametrize("strangers", [1, 2])
    @pytest.mark.parametrize("status", ["200 OK", "404 Gone"])
    @pytest.mark.parametrize("chunks", [[b"one"], [b"a", b"bc"], (b"", b"a", b"bc")], ids=str)
    def test_keeps_its_length_through_middlewares_of_others_between_ours(
        self, chunks, status: str, strangers: int, log: Log
    ) -> None:
        app = AccessLog(ErrorEnvelope(answering(status, body=chunks)))
        for _ in range(strangers):
            app = RequestID(_stranger(app))
        body = app(environ(), Server().start_response)
        whole = list(chunks) if status == "200 OK" else [each for each in chunks if each]
        if len(whole) == len(chunks):  # an error is looked at past its empty chunks
            assert len(body) == len(chunks)
            assert sum(map(len, body)) == 3  # as gevent and eventlet do, as they send it
        assert list(body) == whole
        close(body)
        assert (log.access["outcome"], log.access["response_bytes"]) == ("complete", 3)

    def test_is_closed_once_through_them(self) -> None:
        class Sized(Closing):
            def __len__(self) -> int:
                return 1

        app_body = Sized()
        body = RequestID(_stranger(AccessLog(answering(body=lambda: app_body))))(
            environ(), Server().start_response
        )
        assert (len(body), app_body.closed) == (1, 0)
        close(body)
        assert app_body.closed == 1

    def test_has_no_length_of_one_when_something_was_written_before(self) -> None:
        def app(environ, start_response):
            start_response("200 OK", TEXT)(b"written ")
            return [b"yielded"]

        server = Server(has_write=False)
        body = observe(app)(environ(), server.start_response)
        assert getattr(body, "__len__", lambda: 0)() != 1
        assert b"".join(body) == b"written yielded"
        close(body)

    def test_may_have_a_length_that_cannot_be_asked_for(self) -> None:
        class Lazy(Closing):
            def __len__(self) -> int:
                raise TypeError("unknown")

        assert call(observe(answering(body=Lazy))).body == b"hello"


def test_an_iterator_that_has_ended_is_not_asked_again() -> None:
    class Once:
        def __init__(self, environ, start_response) -> None:
            self.start_response = start_response

        def __iter__(self):
            return self

        def __next__(self) -> bytes:
            self.start_response("200 OK", TEXT)
            raise StopIteration

    assert call(observe(Once)).body == b""


def test_a_generator_has_no_length() -> None:
    body = observe(answering(body=lambda: iter([b"a"])))(environ(), Server().start_response)
    assert not hasattr(body, "__len__")
    close(body)


class TestClose:
    def test_reaches_the_app_once_after_the_last_chunk(self) -> None:
        app_body = Closing()
        call(observe(answering(body=lambda: app_body)))
        assert app_body.closed == 1

    def test_reaches_the_app_before_the_first_chunk_is_pulled(self, log: Log) -> None:
        app_body = Closing()
        close(observe(answering(body=lambda: app_body))(environ(), Server().start_response))
        assert app_body.closed == 1
        assert log.access["outcome"] == "aborted"

    def test_reaches_a_generator_that_has_only_begun(self) -> None:
        seen = []

        def chunks():
            try:
                yield b"a"
                yield b"b"
            finally:
                seen.append(current_request_id())

        server = Server()
        body = observe(answering(body=chunks))(environ(), server.start_response)
        assert next(iter(body)) == b"a"
        close(body)
        assert seen == [server.request_id]

    def test_twice_reaches_the_app_once_and_logs_once(self, log: Log) -> None:
        app_body = Closing()
        body = observe(answering(body=lambda: app_body))(environ(), Server().start_response)
        assert list(body) == [b"hello"]
        close(body)
        close(body)
        assert app_body.closed == 1
        assert log.access["outcome"] == "complete"

    def test_that_raises_is_passed_on_after_all_else_is_done(self, log: Log) -> None:
        app_body = Closing(error=OSError("disk"))
        server = Server()
        with pytest.raises(OSError, match="disk"):
            server.serve(observe(answering(body=lambda: app_body)), environ())
        assert server.body == b"hello"
        assert log.error["request_id"] == log.access["request_id"] == server.request_id
        assert log.access["exc_type"] == "OSError"
        assert current_request_id() is None

    def test_that_raises_raises_once(self) -> None:
        body = observe(answering(body=lambda: Closing(error=OSError("disk"))))(
            environ(), Server().start_response
        )
        with pytest.raises(OSError, match="disk"):
            close(body)
        close(body)

    def test_runs_under_the_id_of_its_request(self) -> None:
        seen = []

        class Noting(Closing):
            def close(self) -> None:
                seen.append(current_request_id())

        assert [call(observe(answering(body=Noting))).request_id] == seen

    def test_comes_from_the_inside_out(self, log: Log) -> None:
        class Binding(Closing):
            def close(self) -> None:
                bind(closed_first=True)

        call(observe(answering(body=Binding)))
        assert log.access["closed_first"] is True

    def test_reaches_a_body_that_the_envelope_replaced(self) -> None:
        app_body = Closing([])
        assert call(observe(answering("404 Gone", body=lambda: app_body))).code == 404
        assert app_body.closed == 1

    def test_reaches_a_body_whose_first_chunk_failed(self) -> None:
        class Failing(Closing):
            def __iter__(self):
                raise ValueError

        app_body = Failing()
        assert call(observe(answering(body=lambda: app_body))).code == 500
        assert app_body.closed == 1

    def test_reaches_a_body_whose_failure_is_propagated(self) -> None:
        class Failing(Closing):
            def __iter__(self):
                raise ValueError

        app_body = Failing()
        with pytest.raises(ValueError):  # noqa: PT011
            call_freely(observe(answering(body=lambda: app_body), propagate=True))
        assert app_body.closed == 1

    @pytest.mark.parametrize(
        "layer",
        [AccessLog, ErrorEnvelope, RequestID],
    )
    def test_reaches_the_app_through_a_middleware_alone(self, layer) -> None:
        app_body = Closing()
        call(layer(answering(body=lambda: app_body)))
        assert app_body.closed == 1


def test_a_chunk_asked_for_after_close_leaves_no_context() -> None:
    def chunks():
        yield b"a"
        yield b"b"

    body = observe(answering(body=chunks))(environ(), Server().start_response)
    pulled = iter(body)
    next(pulled)
    close(body)
    with pytest.raises(StopIteration):
        next(pulled)


def test_a_generator_that_fails_as_it_is_closed_is_logged_under_its_id(log: Log) -> None:
    def chunks():
        try:
            yield b"a"
        finally:
            raise RuntimeError("in its finally")

    server = Server()
    body = observe(answering(body=chunks))(environ(), server.start_response)
    next(iter(body))
    with pytest.raises(RuntimeError, match="in its finally"):
        close(body)
    assert log.error["request_id"] == server.request_id


class TestHead:
    def test_of_an_app_that_sends_no_body_is_complete(self, log: Log) -> None:
        headers = [("Content-Type", "text/plain"), ("Content-Length", "5")]
        answer = call(observe(answering(headers=headers, body=())), method="HEAD")
        assert (answer.body, answer.headers["content-length"]) == (b"", "5")
        assert (log.access["outcome"], log.access["method"]) == ("complete", "HEAD")

    def test_that_the_server_closes_unread_is_complete(self, log: Log) -> None:
        close(observe(answering())(environ(method="HEAD"), Server().start_response))
        assert log.access["outcome"] == "complete"

    def test_of_a_stream_is_passed_on(self, log: Log) -> None:
        answer = call_freely(observe(answering(body=lambda: iter([b"a"]))), method="HEAD")
        assert answer.code == 200

    def test_of_a_failing_app_has_the_headers_of_the_envelope_and_no_body(self, log: Log) -> None:
        def app(environ, start_response):
            raise ValueError

        got, asked = call(observe(app)), call(observe(app), method="HEAD")
        assert (asked.code, asked.body) == (500, b"")
        assert asked.headers["content-length"] == got.headers["content-length"]
        assert asked.headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_an_answer_that_has_no_body_is_complete_though_nobody_reads_it(status, log: Log) -> None:
    body = observe(answering(status, headers=(), body=()))(environ(), Server().start_response)
    close(body)
    assert log.access["outcome"] == "complete"


def test_a_body_read_to_its_declared_length_is_complete(log: Log) -> None:
    headers = [*TEXT, ("Content-Length", "5")]
    body = observe(answering(headers=headers, body=lambda: iter([b"hello"])))(
        environ(), Server().start_response
    )
    next(iter(body))
    close(body)
    assert log.access["outcome"] == "complete"


def test_a_client_that_is_lost_in_the_middle_is_an_aborted_transfer(log: Log) -> None:
    body = observe(answering(body=lambda: iter([b"a", b"b"])))(environ(), Server().start_response)
    try:
        for _ in body:
            raise ConnectionResetError
    except ConnectionResetError:
        close(body)
    assert log.access["outcome"] == "aborted"
    assert log.access["response_bytes"] == 1
    assert log.errors == []


def test_a_client_that_is_lost_as_its_only_chunk_is_sent_is_an_aborted_transfer(log: Log) -> None:
    body = observe(answering(body=[b"all"]))(environ(), Server().start_response)
    assert next(iter(body)) == b"all"  # uWSGI and granian ask no more then, and raise nothing
    close(body)
    assert (log.access["outcome"], log.access["response_bytes"]) == ("aborted", 3)


@pytest.mark.parametrize("body", [[b"all"], (b"all",), [b"a", b"ll"]], ids=str)
def test_a_request_within_the_handling_of_an_exception_is_none_the_less_complete(
    body, log: Log
) -> None:
    try:
        raise LookupError("the first try")
    except LookupError:
        assert call(observe(answering(body=body))).body == b"all"
    assert (log.access["outcome"], log.errors) == ("complete", [])


def test_a_body_that_is_bytes_is_one_chunk(log: Log) -> None:
    def app(environ, start_response):
        start_response("200 OK", TEXT)
        return b"whole"  # uWSGI sends it

    server = call_freely(observe(app))
    assert (server.chunks, log.access["response_bytes"], log.errors) == ([b"whole"], 5, [])
    body = observe(app)(environ(), Server().start_response)
    assert len(body) == 1  # for the server to make a Content-Length of
    close(body)
