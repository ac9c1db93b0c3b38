"""What a request leaves behind: nothing."""

import gc
import io
import logging
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from wsgiref.util import FileWrapper

import pytest

from tests.calls import Server, answering, close, environ
from wsgi_observe import configure_logging, observe
from wsgi_observe.context import activate

TEXT = [("Content-Type", "text/plain")]


class Body:
    def __init__(self) -> None:
        self.chunks = [b"a", b"b"]

    def __iter__(self):
        return iter(self.chunks)


def streaming(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"a"
    yield b"b"


def late_error(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"a"
    raise ValueError


def changing_its_mind(environ, start_response):
    try:
        raise ValueError
    except ValueError:
        start_response("500 Oops", TEXT, sys.exc_info())
    return [b"a"]


def changing_its_mind_after_an_empty_chunk(environ, start_response):
    start_response("200 OK", TEXT)
    yield b""
    try:
        raise ValueError
    except ValueError:
        start_response("500 Oops", TEXT, sys.exc_info())
    yield b"a"


def giving_exc_info_and_failing(environ, start_response):
    try:
        raise ValueError
    except ValueError:
        start_response("400 Bad", TEXT, sys.exc_info())
    raise ValueError


def failing(environ, start_response):
    raise ValueError


def changing_its_mind_late(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"a"
    try:
        raise ValueError
    except ValueError:
        start_response("500 Oops", TEXT, sys.exc_info())


def failing_after_it_started(environ, start_response):
    start_response("200 OK", TEXT)
    raise ValueError


def sending_a_file(environ, start_response):
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](open(__file__, "rb"))  # noqa: PTH123


APPS = [
    pytest.param(answering(), id="a list"),
    pytest.param(streaming, id="a stream"),
    pytest.param(late_error, id="a late failure"),
    pytest.param(failing, id="a failure"),
    pytest.param(failing_after_it_started, id="a failure after the start"),
    pytest.param(changing_its_mind, id="exc_info"),
    pytest.param(changing_its_mind_late, id="exc_info too late"),
    pytest.param(changing_its_mind_after_an_empty_chunk, id="exc_info after an empty chunk"),
    pytest.param(giving_exc_info_and_failing, id="exc_info and a failure"),
    pytest.param(answering("404 Gone", body=()), id="an empty error"),
    pytest.param(sending_a_file, id="a native file"),
]


@pytest.fixture(autouse=True, scope="module")
def _frozen_heap() -> Iterator[None]:
    """Keep what is there already from being searched in each collection."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def no_gc() -> Iterator[None]:
    # pytest keeps each record, and so the frames of its traceback.
    errors = logging.getLogger("wsgi_observe.errors")
    errors.disabled = True
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        errors.disabled = False


class Forgetful(Server):
    """Keeps no `exc_info`, as PEP 3333 asks of a server: its traceback leads to the request."""

    def start_response(self, status, headers, exc_info=None):
        write = super().start_response(status, headers, exc_info)
        self.starts[-1].exc_info = None
        return write


def serve(app, **more) -> None:
    made = environ(**{"wsgi.file_wrapper": FileWrapper, **more})
    with suppress(ValueError):
        Forgetful().serve(app, made)


@pytest.mark.parametrize("app", APPS)
def test_a_request_leaves_no_reference_cycle(app, no_gc: None) -> None:
    observed = observe(app)
    for _ in range(3):
        serve(observed)
    gc.collect()
    serve(observed)
    assert gc.collect() == 0


def test_an_exc_info_that_never_left_leaves_no_reference_cycle(no_gc: None) -> None:
    observed = observe(giving_exc_info_and_failing, propagate=True)
    serve(observed)
    gc.collect()
    serve(observed)
    assert gc.collect() == 0


def serve_over_an_error(app) -> None:
    try:
        raise KeyError("cache")
    except KeyError:
        serve(app)


def test_a_request_within_the_handling_of_an_error_leaves_no_reference_cycle(no_gc: None) -> None:
    observed = observe(streaming)
    serve_over_an_error(observed)
    gc.collect()
    serve_over_an_error(observed)
    assert gc.collect() == 0


@pytest.mark.parametrize("app", APPS)
def test_the_environ_is_freed_with_its_request(app, no_gc: None) -> None:
    class Marker:
        pass

    marker = Marker()
    gone = weakref.ref(marker)
    serve(observe(app), marker=marker)
    del marker
    assert gone() is None


@pytest.mark.parametrize("read", [0, 1, 2, 3], ids=lambda read: f"after {read} chunks")
def test_an_abandoned_body_is_freed(read: int) -> None:
    resource = Body()
    gone = weakref.ref(resource)
    made = [resource]
    del resource
    body = observe(answering(body=made.pop))(environ(), Server().start_response)
    chunks = iter(body)
    for _ in range(read):
        next(chunks, None)
    del body, chunks
    activate(None)
    gc.collect()
    assert gone() is None


def test_abandoned_bodies_do_not_keep_each_other_alive() -> None:
    resources = [Body() for _ in range(10)]
    gone = [weakref.ref(resource) for resource in resources]
    observed = observe(answering(body=resources.pop))
    for _ in range(10):
        observed(environ(), Server().start_response)
    gc.collect()
    assert [ref() for ref in gone] == [None] * 10
    activate(None)


def test_a_thread_that_only_began_a_request_does_not_keep_its_chunks() -> None:
    chunk = b"x" * 1000
    made = [chunk]
    before = sys.getrefcount(chunk)
    body = observe(answering(body=lambda: iter([made.pop()])))(environ(), Server().start_response)
    thread = threading.Thread(target=close, args=[body])
    thread.start()
    thread.join()
    del body, thread
    # One less: `made` has given its own away.
    assert sys.getrefcount(chunk) == before - 1


def test_a_finished_body_that_is_kept_does_not_keep_the_apps_resources() -> None:
    resource = Body()
    gone = weakref.ref(resource)
    made = [resource]
    del resource
    body = observe(answering(body=made.pop))(environ(), Server().start_response)
    list(body)
    close(body)
    gc.collect()
    assert gone() is None


def log_to_nobody() -> io.StringIO:
    """Have log lines made and written, where nobody reads them."""
    configure_logging(log_format="json")
    root = logging.getLogger()
    # Those that pytest adds for each phase of a test keep every record.
    root.handlers[:] = [handler for handler in root.handlers if handler.name == "wsgi_observe"]
    stream = io.StringIO()
    root.handlers[0].setStream(stream)  # type: ignore[attr-defined]
    return stream


@pytest.mark.parametrize("app", [answering(), failing, late_error])
def test_thousands_of_requests_with_their_lines_leave_no_objects(app, clean_logging: None) -> None:
    observed, stream = observe(app), log_to_nobody()
    for _ in range(50):
        serve(observed)
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(2_000):
            serve(observed)
            stream.seek(0)
            stream.truncate()
        growth = len(gc.get_objects()) - before
    finally:
        gc.enable()
        activate(None)
    assert growth < 50
