"""Native files: the server gets the very object that it made, and closing it ends the request."""

import io
from wsgiref.util import FileWrapper

import pytest

from tests.calls import Server, call_freely, close, environ
from tests.conftest import Log
from wsgi_observe import current_request_id, observe

LENGTH = ("Content-Length", "7")


class File(io.BytesIO):
    """A file that notes under which ID it was closed."""

    closed_under: str | None = None

    def close(self) -> None:
        self.closed_under = current_request_id()
        super().close()


def function_wrapper(file, block_size=8192):
    """As uWSGI's: it returns the file."""
    return file


class CWrapper:
    """As bjoern's and mod_wsgi's C class: its `close` cannot be set."""

    __slots__ = ("file",)

    def __init__(self, file, block_size=8192):
        self.file = file

    def __iter__(self):
        return iter([self.file.read()])

    def close(self):
        self.file.close()


def sending(file, status="200 OK", headers=(LENGTH,)):
    def app(environ, start_response):
        start_response(status, [("Content-Type", "text/plain"), *headers])
        return environ["wsgi.file_wrapper"](file)

    return app


@pytest.fixture
def file() -> File:
    return File(b"content")


@pytest.mark.parametrize(
    ("wrapper", "kind"),
    [
        pytest.param(FileWrapper, FileWrapper, id="a class"),
        pytest.param(function_wrapper, File, id="a function, as uWSGI's"),
    ],
)
class TestANativeFile:
    def test_is_returned_as_it_is(self, wrapper, kind, file, log: Log) -> None:
        server = Server()
        body = observe(sending(file))(
            environ(**{"wsgi.file_wrapper": wrapper}), server.start_response
        )
        assert type(body) is kind
        assert b"".join(body) == b"content"
        close(body)
        assert file.closed
        assert file.closed_under == server.request_id
        access = log.access
        assert (access["outcome"], access["response_bytes"]) == ("complete", 7)
        assert current_request_id() is None

    def test_closed_twice_ends_once(self, wrapper, kind, file, log: Log) -> None:
        body = observe(sending(file))(
            environ(**{"wsgi.file_wrapper": wrapper}), Server().start_response
        )
        close(body)
        close(body)
        assert log.access["request_id"]

    def test_closed_over_a_lost_client_is_an_aborted_transfer(
        self, wrapper, kind, file, log: Log
    ) -> None:
        body = observe(sending(file))(
            environ(**{"wsgi.file_wrapper": wrapper}), Server().start_response
        )
        try:
            raise ConnectionResetError
        except ConnectionResetError:
            close(body)
        assert log.access["outcome"] == "aborted"

    def test_of_an_app_that_never_starts_becomes_the_envelope(
        self, wrapper, kind, file, log: Log
    ) -> None:
        def app(environ, start_response):
            return environ["wsgi.file_wrapper"](file)

        assert call_freely(observe(app), **{"wsgi.file_wrapper": wrapper}).code == 500
        assert file.closed

    def test_after_a_write_is_passed_on_in_order(self, wrapper, kind, file, log: Log) -> None:
        def app(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])(b"early ")
            return environ["wsgi.file_wrapper"](file)

        answer = call_freely(observe(app), **{"wsgi.file_wrapper": wrapper})
        assert answer.body == b"early content"
        assert file.closed

    def test_whose_headers_the_server_refuses_is_closed(self, wrapper, kind, file, log) -> None:
        server = Server(refuse=lambda start: start.status.startswith("2"))
        server.serve(observe(sending(file)), environ(**{"wsgi.file_wrapper": wrapper}))
        assert (server.code, file.closed) == (500, True)

    def test_of_an_error_is_an_error_body_as_any(self, wrapper, kind, log: Log) -> None:
        answer = call_freely(
            observe(sending(File(b""), "404 Gone", headers=())), **{"wsgi.file_wrapper": wrapper}
        )
        assert answer.json["code"] == 404

    def test_on_a_server_without_write_follows_what_was_written(
        self, wrapper, kind, file, log: Log
    ) -> None:
        def app(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])(b"early ")
            return environ["wsgi.file_wrapper"](file)

        server = Server(has_write=False)
        server.serve(observe(app), environ(**{"wsgi.file_wrapper": wrapper}))
        assert server.body == b"early content"


def test_a_native_file_that_lets_nobody_hook_its_close_is_wrapped(file, log: Log) -> None:
    body = observe(sending(file))(
        environ(**{"wsgi.file_wrapper": CWrapper}), Server().start_response
    )
    assert b"".join(body) == b"content"
    close(body)
    assert file.closed
    assert (log.access["outcome"], log.access["response_bytes"]) == ("complete", 7)


def test_a_file_of_no_declared_length_is_complete_too(file, log: Log) -> None:
    call_freely(observe(sending(file, headers=())), **{"wsgi.file_wrapper": FileWrapper})
    assert log.access["outcome"] == "complete"


def test_a_body_that_the_servers_wrapper_did_not_make_is_wrapped(log: Log) -> None:
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter([b"hello"])

    assert call_freely(observe(app), **{"wsgi.file_wrapper": FileWrapper}).body == b"hello"
