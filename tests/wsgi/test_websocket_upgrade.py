"""A request for a WebSocket passes unwrapped but for its ID and its access line."""

import pytest

from tests.calls import Server, answering, close, environ, raising
from tests.conftest import Log
from wsgi_observe import current_request_id, observe

TEXT = [("Content-Type", "text/plain")]


def upgrade(**more):
    return environ(**{"HTTP_UPGRADE": "websocket", "HTTP_CONNECTION": "Upgrade", **more})


def test_an_app_that_took_the_socket_leaves_its_body_untouched(log: Log) -> None:
    handled = object()
    server = Server()
    body = observe(lambda environ, start_response: handled)(upgrade(), server.start_response)
    assert body is handled
    assert (server.starts, current_request_id()) == ([], None)
    assert (log.access["outcome"], log.access["status_code"]) == ("upgraded", 0)


def test_an_app_that_leaves_by_stop_iteration_is_upgraded(log: Log) -> None:
    with pytest.raises(StopIteration):
        Server().serve(observe(raising(StopIteration())), upgrade())
    assert (log.access["outcome"], log.errors) == ("upgraded", [])


def test_the_app_runs_under_its_id() -> None:
    seen = []

    def app(environ, start_response):
        seen.append((current_request_id(), environ["wsgi_observe.request_id"]))
        return []

    observe(app)(upgrade(HTTP_X_REQUEST_ID="mine"), Server().start_response)
    assert seen == [("mine", "mine")]


def test_the_start_is_not_held_back(log: Log) -> None:
    server = Server()

    def app(environ, start_response):
        start_response("101 Switching Protocols", [("Upgrade", "websocket")])
        assert server.code == 101
        return []

    body = observe(app)(upgrade(), server.start_response)
    close(body)
    assert server.request_id
    assert log.access["outcome"] == "upgraded"


def test_an_ordinary_answer_to_it_is_an_ordinary_transfer(log: Log) -> None:
    server = Server().serve(observe(answering()), upgrade())
    assert (server.body, log.access["outcome"]) == (b"hello", "complete")
    assert log.access["status_code"] == 200


def test_a_generator_that_starts_late_is_an_ordinary_transfer(log: Log) -> None:
    seen = []

    def app(environ, start_response):
        start_response("200 OK", TEXT)
        seen.append(current_request_id())
        yield b"late"

    server = Server().serve(observe(app), upgrade())
    assert seen == [server.request_id]
    assert (log.access["status_code"], log.access["outcome"]) == (200, "complete")


def test_its_error_is_left_as_it_is() -> None:
    server = Server().serve(observe(answering("404 Gone", body=())), upgrade())
    assert (server.code, server.body) == (404, b"")


def test_its_failure_is_logged_once_and_ends_no_worker(log: Log) -> None:
    with pytest.raises(Exception, match="SystemExit"):
        Server().serve(observe(raising(SystemExit(1))), upgrade())
    assert log.error["exc_type"] == "SystemExit"
    assert log.access["outcome"] == "broken"


@pytest.mark.parametrize("value", ["websocket", "WebSocket", "WEBSOCKET"])
def test_it_is_known_in_any_case(value: str) -> None:
    handled = object()
    body = observe(lambda environ, start_response: handled)(
        upgrade(HTTP_UPGRADE=value), Server().start_response
    )
    assert body is handled


@pytest.mark.parametrize("value", ["h2c", "", "websockets"])
def test_another_upgrade_is_a_request_as_any(value: str) -> None:
    server = Server().serve(observe(raising(ValueError())), upgrade(HTTP_UPGRADE=value))
    assert server.code == 500


def test_what_the_app_writes_where_the_server_has_no_write_comes_first() -> None:
    def app(environ, start_response):
        write = start_response("426 Upgrade Required", TEXT)
        write(b"no ")
        write(b"socket ")
        return [b"here"]

    assert Server(has_write=False).serve(observe(app), upgrade()).body == b"no socket here"
