"""A body that is closed while an exception is being handled: which exceptions are a reason."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any
from wsgiref.util import FileWrapper

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import Server, answering, close, environ
from tests.conftest import Log
from wsgi_observe import AccessLog, RequestID, observe

TEXT = [("Content-Type", "text/plain")]
FOUR = [*TEXT, ("Content-Length", "4")]


def streaming(*chunks: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: iter(chunks)


def take(body: Any, count: int | None) -> Iterator[bytes]:
    """Ask for so many chunks, or for all and for the end; return the iterator."""
    chunks = iter(body)
    for _ in islice(chunks, count):
        pass
    return chunks


def without_any(app: Any, made: dict[str, Any], count: int | None, error: Exception) -> None:
    body = app(made, Server().start_response)
    chunks = take(body, count)
    close(body)
    del chunks


def before_the_call(app: Any, made: dict[str, Any], count: int | None, error: Exception) -> None:
    try:
        raise error
    except Exception:
        body = app(made, Server().start_response)
        take(body, count)
        close(body)


def before_the_iteration(
    app: Any, made: dict[str, Any], count: int | None, error: Exception
) -> None:
    body = app(made, Server().start_response)
    try:
        raise error
    except Exception:
        take(body, count)
        close(body)


def before_the_last_chunk(
    app: Any, made: dict[str, Any], count: int | None, error: Exception
) -> None:
    body = app(made, Server().start_response)
    chunks = iter(body)
    take(chunks, (count or 1) - 1)
    try:
        raise error
    except Exception:
        take(chunks, None if count is None else 1)
        close(body)


def after_the_last_chunk(
    app: Any, made: dict[str, Any], count: int | None, error: Exception
) -> None:
    body = app(made, Server().start_response)
    chunks = take(body, count)
    try:
        raise error
    except Exception:
        close(body)
    del chunks


def elsewhere(app: Any, made: dict[str, Any], count: int | None, error: Exception) -> None:
    """An exception that was handled when the body was read, but no longer when it is closed."""
    body = app(made, Server().start_response)
    try:
        raise error
    except Exception:
        chunks = take(body, count)
    close(body)
    del chunks


WHOLE = [
    pytest.param(answering(headers=FOUR, body=streaming(b"a", b"bcd")), "GET", 2, id="its length"),
    pytest.param(answering(headers=FOUR, body=[b"a", b"bcd"]), "GET", 2, id="a list's length"),
    pytest.param(answering(body=streaming(b"a", b"bcd")), "GET", None, id="to the end"),
    pytest.param(answering(body=[b"a"]), "GET", None, id="a list to the end"),
    pytest.param(answering(headers=FOUR, body=[b"abcd"]), "HEAD", 1, id="a HEAD"),
    pytest.param(answering("204 No Content", headers=()), "GET", 1, id="a 204"),
    pytest.param(answering("304 Not Modified", headers=()), "GET", 1, id="a 304"),
    pytest.param(answering("404 Gone", body=()), "HEAD", None, id="a HEAD of an error"),
]

EARLY = [
    pytest.param(answering(headers=FOUR, body=streaming(b"a", b"bcd")), 1, id="half of its length"),
    pytest.param(answering(body=streaming(b"a", b"bcd")), 1, id="half a stream"),
    pytest.param(answering(body=[b"a", b"bcd"]), 1, id="half a list"),
    pytest.param(answering(body=[b"a"]), 1, id="a list that is asked no further"),
]

OLDER = [before_the_call, before_the_iteration, before_the_last_chunk, elsewhere]
ERRORS = [KeyError("cache"), ConnectionRefusedError("cache"), StopIteration()]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("when", [*OLDER, after_the_last_chunk])
@pytest.mark.parametrize(("app", "method", "count"), WHOLE)
def test_a_body_that_was_given_whole_is_complete_whatever_else_is_being_handled(
    app: Any, method: str, count: int | None, when: Any, error: Exception, log: Log
) -> None:
    when(observe(app), environ(method=method), count, error)
    access = log.access
    if when is after_the_last_chunk and isinstance(error, OSError) and count is not None:
        assert access["outcome"] == "aborted"  # it is taken for a lost client
    else:
        assert access["outcome"] == "complete"
    assert ("exc_type" in access, log.errors) == (False, [])


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("when", OLDER)
@pytest.mark.parametrize(("app", "count"), EARLY)
def test_one_that_is_left_early_is_aborted_by_no_failure_of_its_own(
    app: Any, count: int, when: Any, error: Exception, log: Log
) -> None:
    when(observe(app), environ(), count, error)
    assert (log.access["outcome"], log.errors) == ("aborted", [])


@pytest.mark.parametrize(("app", "count"), EARLY)
def test_one_that_is_left_early_over_a_new_exception_is_broken(
    app: Any, count: int, log: Log
) -> None:
    after_the_last_chunk(observe(app), environ(), count, KeyError("cannot send it"))
    assert (log.access["outcome"], log.error["exc_type"]) == ("broken", "KeyError")
    assert log.error["request_id"] == log.access["request_id"]


def test_an_exception_while_another_is_handled_is_the_one_that_counts(log: Log) -> None:
    app = observe(answering(body=streaming(b"a", b"bcd")))
    try:
        raise KeyError("before")
    except KeyError:
        after_the_last_chunk(app, environ(), 1, ValueError("cannot send it"))
    assert (log.access["outcome"], log.error["exc_type"]) == ("broken", "ValueError")


def test_a_server_that_fails_over_the_last_chunk_leaves_a_failure(log: Log) -> None:
    server: dict[str, Any] = {"__name__": "gunicorn.http.wsgi"}
    exec("def send(data): raise SystemExit(1)", server)
    body = observe(answering(headers=FOUR, body=[b"abcd"]))(environ(), Server().start_response)
    try:
        for chunk in body:
            server["send"](chunk)
    except SystemExit:
        close(body)
    assert (log.access["outcome"], log.error["exc_type"]) == ("broken", "SystemExit")


def test_a_stranger_between_two_of_ours_changes_nothing_of_it(log: Log) -> None:
    def between(environ: Any, start_response: Any) -> Any:
        return inner(environ, lambda *start: start_response(*start))

    inner = AccessLog(answering(headers=FOUR, body=streaming(b"a", b"bcd")))
    before_the_call(RequestID(between), environ(), 2, KeyError("cache"))
    assert (log.access["outcome"], log.errors) == ("complete", [])


@pytest.mark.parametrize("headers", [TEXT, FOUR], ids=["of no length", "of a length"])
@pytest.mark.parametrize(
    ("when", "error", "outcome"),
    [
        pytest.param(before_the_call, KeyError("cache"), "complete", id="handled before"),
        pytest.param(before_the_call, OSError("cache"), "complete", id="an OSError before"),
        pytest.param(after_the_last_chunk, OSError("lost"), "aborted", id="a lost client"),
        pytest.param(after_the_last_chunk, KeyError("sendfile"), "broken", id="a failure"),
    ],
)
def test_a_native_file_is_left_like_any_body(
    when: Any, error: Exception, outcome: str, headers: Any, tmp_path: Any, log: Log
) -> None:
    (tmp_path / "file").write_bytes(b"abcd")

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", headers)
        return environ["wsgi.file_wrapper"]((tmp_path / "file").open("rb"))

    when(observe(app), environ(**{"wsgi.file_wrapper": FileWrapper}), None, error)
    assert (log.access["outcome"], len(log.errors)) == (outcome, outcome == "broken")


@given(
    chunks=st.lists(st.sampled_from([b"", b"a", b"bc"]), min_size=1, max_size=4),
    count=st.integers(0, 4),
    has_length=st.booleans(),
)
def test_an_older_exception_changes_nothing_of_how_a_body_is_judged(
    chunks: list[bytes], count: int, has_length: bool, log: Log
) -> None:
    length = [("Content-Length", str(len(b"".join(chunks))))] if has_length else []
    app = observe(answering(headers=[*TEXT, *length], body=streaming(*chunks)))
    lines = []
    for when in (without_any, before_the_call, *OLDER[1:] * (count > 0)):
        log.clear()
        when(app, environ(), count, KeyError("cache"))
        lines.append((log.access["outcome"], log.access["response_bytes"], len(log.lines)))
    assert len(set(lines)) == 1
