"""The app of the conformance run: every way to answer, to fail and to end, as plain WSGI."""

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tests.support import eventually
from wsgi_observe import configure_logging, current_request_id, observe

configure_logging(log_format="json")

log = logging.getLogger("matrix")
PLAIN = [("Content-Type", "text/plain")]
OK = "200 OK"
SECRET = "secret-4242"  # what no client may see of an exception

App = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Body:
    """A body that says when it is closed, and under which ID."""

    def __init__(self, chunks: Iterable[bytes], error: Exception | None = None) -> None:
        self._chunks = iter(chunks)
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        log.info("closed")
        if self._error is not None:
            raise self._error


def failing(*before: bytes) -> Iterator[bytes]:
    yield from before
    raise ValueError(SECRET)


def in_the_app(environ, start_response):
    raise ValueError(SECRET)


def after_the_start(environ, start_response):
    start_response(OK, [*PLAIN, ("Content-Length", "5"), ("Set-Cookie", "a=b")])
    raise ValueError(SECRET)


def in_the_first_chunk(environ, start_response):
    start_response(OK, PLAIN)
    return Body(failing())


def in_a_generator(environ, start_response):
    start_response(OK, PLAIN)
    yield from failing()


def after_an_empty_write(environ, start_response):
    start_response(OK, PLAIN)(b"")
    raise ValueError(SECRET)


def starting_twice(environ, start_response):
    start_response(OK, PLAIN)
    start_response(OK, PLAIN)
    return [b"hello"]


def never_starting(environ, start_response):
    return [b"hello"]


def of_a_wrong_type(environ, start_response):
    start_response(OK, PLAIN)
    return ["hello"]


def by_system_exit(environ, start_response):
    raise SystemExit(SECRET)


def after_an_empty_chunk(environ, start_response):
    start_response(OK, PLAIN)
    return Body(failing(b""))


def half_way(environ, start_response):
    start_response(OK, PLAIN)
    return Body(half(environ))


def half_of_a_length(environ, start_response):
    start_response(OK, [*PLAIN, ("Content-Length", "8")])
    return Body(half(environ))


def half(environ) -> Iterator[bytes]:
    yield b"half"
    wait_for_the_client(environ)
    raise ValueError(SECRET)


def after_a_write(environ, start_response):
    start_response(OK, PLAIN)(b"half")
    wait_for_the_client(environ)
    raise ValueError(SECRET)


def wait_for_the_client(environ) -> None:
    """Fail when the client has what came before, if it says when."""
    if environ["QUERY_STRING"]:
        eventually((Path(argument(environ, "gate")) / "0").exists)


def answering_it(environ, start_response):
    """Fail, and answer for it as PEP 3333 has it."""
    start_response(OK, PLAIN)
    return answering_it_again(start_response)


def answering_it_late(environ, start_response):
    """Fail behind an empty chunk, and answer for it as PEP 3333 has it."""
    start_response(OK, PLAIN)

    def chunks() -> Iterator[bytes]:
        yield b""
        yield from answering_it_again(start_response)

    return Body(chunks())


def answering_it_again(start_response) -> list[bytes]:
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        exc_info = (ValueError, error, error.__traceback__)
        start_response("503 Busy", [("Content-Type", "text/html")], exc_info=exc_info)
    return [b"our own page"]


def with_a_header_that_is_none(environ, start_response):
    start_response(OK, [*PLAIN, ("X-Count", 7)])
    return [b"hello"]


def hello(environ, start_response):
    start_response(OK, PLAIN)
    return [str(current_request_id()).encode()]


def lazily(environ, start_response):
    start_response(OK, PLAIN)
    yield str(current_request_id()).encode()


def reading(environ, start_response):
    """Read the request's body, as much of it as the server will say."""
    log.info("reading")
    length = environ.get("CONTENT_LENGTH")
    if length:
        environ["wsgi.input"].read(int(length))
    elif environ.get("wsgi.input_terminated"):
        environ["wsgi.input"].read()
    return hello(environ, start_response)


def written(environ, start_response):
    write = start_response(OK, PLAIN)
    write(b"one ")
    write(b"two ")
    return [b"three"]


def bytes_like(environ, start_response):
    """Yield what servers refuse or take, each as it likes: not bytes, but as good."""
    write = start_response(OK, PLAIN)
    write(memoryview(b"one "))
    return iter([bytearray(b"two "), memoryview(b"t.h.r.e.e.")[::2]])


def closing(environ, start_response):
    start_response(OK, PLAIN)
    return Body([b"hello"])


def closing_in_failure(environ, start_response):
    start_response(OK, [*PLAIN, ("Content-Length", "5")])
    return Body([b"hello"], ValueError(SECRET))


def nothing(environ, start_response):
    start_response("204 No Content", [])
    return Body([])


def file(environ, start_response):
    path = Path(argument(environ, "path"))
    start_response(OK, [*PLAIN, ("Content-Length", str(path.stat().st_size))])
    opened = path.open("rb")
    wrapper = environ.get("wsgi.file_wrapper")
    return Body([opened.read()]) if wrapper is None else wrapper(opened)


def stream(environ, start_response):
    """Stream in step with the client, each chunk under the ID of its request."""
    gate, count = Path(argument(environ, "gate")), int(argument(environ, "count"))

    def chunks() -> Iterator[bytes]:
        for number in range(count):
            eventually((gate / str(number)).exists)
            yield f"{current_request_id()}\n".encode()

    start_response(OK, PLAIN)
    return Body(chunks())


def events(environ, start_response):
    """Flush the headers by an empty chunk, and wait until the client has seen them."""
    gate = Path(argument(environ, "gate"))

    def chunks() -> Iterator[bytes]:
        yield b""
        eventually((gate / "0").exists)
        yield b"data: 1\n\n"

    start_response(OK, [("Content-Type", "text/event-stream")])
    return Body(chunks())


def argument(environ: dict[str, Any], name: str) -> str:
    return parse_qs(environ["QUERY_STRING"])[name][0]


FAILURES: tuple[App, ...] = (
    in_the_app,
    after_the_start,
    in_the_first_chunk,
    in_a_generator,
    after_an_empty_write,
    starting_twice,
    never_starting,
    of_a_wrong_type,
    by_system_exit,
)
"""What goes wrong before the first chunk."""

_APPS: tuple[App, ...] = (
    *FAILURES,
    *(
        after_an_empty_chunk,
        half_way,
        half_of_a_length,
        after_a_write,
        answering_it,
        answering_it_late,
        with_a_header_that_is_none,
    ),
    *(hello, lazily, reading, written, bytes_like, closing, closing_in_failure),
    *(nothing, file, stream, events),
)
_by_path = {f"/{each.__name__}": each for each in _APPS}


def choose(environ, start_response):
    return _by_path[environ["PATH_INFO"]](environ, start_response)


_observed = observe(choose)


def app(environ, start_response):
    """Look at what surrounds the stack: what a request leaves behind, what the server is handed."""
    if (left := current_request_id()) is not None:
        log.error("left behind: %s", left)
    if environ["PATH_INFO"] == "/bare":
        start_response(OK, [*PLAIN])  # wsgiref adds to the very list
        return [b"hello"]
    body = _observed(environ, start_response)
    wrapper = environ.get("wsgi.file_wrapper")
    if environ["PATH_INFO"] == "/file" and wrapper is not None:
        native = isinstance(body, wrapper) if isinstance(wrapper, type) else hasattr(body, "read")
        log.info("native" if native else "wrapped")
    return body
