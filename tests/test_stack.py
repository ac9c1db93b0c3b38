"""The stack: its one right order, any other order, twice, and with strangers in between."""

from itertools import combinations, permutations
from wsgiref.validate import validator

import pytest

from tests.calls import Server, answering, call, call_freely, close, environ, raising
from tests.conftest import Log
from wsgi_observe import (
    AccessLog,
    ErrorEnvelope,
    Health,
    RequestID,
    Settings,
    SettingsError,
    bind,
    current_request_id,
    observe,
)

TEXT = [("Content-Type", "text/plain")]
LAYERS = (RequestID, Health, AccessLog, ErrorEnvelope)
# In these each middleware is once directly inside each other one.
PAIRWISE = ((0, 1, 2, 3), (0, 1, 3, 2), (1, 2, 0, 3), (2, 3, 1, 0), (3, 0, 2, 1))
ORDERS = [
    pytest.param(
        tuple(LAYERS[index] for index in order),
        id=" ".join(LAYERS[index].__name__ for index in order),
        marks=[] if order in PAIRWISE else [pytest.mark.slow],
    )
    for order in permutations(range(len(LAYERS)))
]


def copying(app):
    """Hand on a copy of the environ."""
    return lambda environ, start_response: app(dict(environ), start_response)


def wrapping_the_start(app):
    """Hand on a start_response of its own, which adds a header."""

    def middleware(environ, start_response):
        def start(status, headers, exc_info=None):
            others = [header for header in headers if header[0] != "X-Foreign"]
            return start_response(status, [*others, ("X-Foreign", "1")], exc_info)

        return app(environ, start)

    return middleware


def buffering(app):
    """Read the whole body at once."""

    def middleware(environ, start_response):
        body = app(environ, start_response)
        try:
            return [b"".join(body)]
        finally:
            close(body)

    return middleware


def generating(app):
    """Pass the body on from a generator, and call the app only there."""

    def middleware(environ, start_response):
        body = app(environ, start_response)
        try:
            yield from body
        finally:
            close(body)

    return middleware


def copying_and_wrapping(app):
    return copying(wrapping_the_start(app))


NAMES = dict(zip(LAYERS, ("request_id", "health", "access_log", "errors"), strict=True))
FOREIGN = [copying, wrapping_the_start, buffering, generating, copying_and_wrapping, validator]


def onion(order, app, foreign=None):
    """Put the layers round an app, the first one outermost, with strangers in between."""
    for layer in reversed(order):
        app = layer(app)
        if foreign is not None and layer is not order[0]:
            app = foreign(app)
    return app


def test_observe_is_the_stack_in_its_order() -> None:
    app = observe(answering())
    found = []
    while isinstance(app, LAYERS):
        found.append(type(app))
        app = app.app
    assert tuple(found) == LAYERS


def test_observe_without_the_access_log_leaves_it_out() -> None:
    app = observe(answering(), access_log=False)
    found = []
    while isinstance(app, LAYERS):
        found.append(type(app))
        app = app.app
    assert found == [RequestID, Health, ErrorEnvelope]


@pytest.mark.parametrize(
    "names", [*combinations(NAMES.values(), 1), *combinations(NAMES.values(), 2)]
)
def test_only_the_middlewares_that_are_used_are_in_the_stack(names: tuple[str, ...]) -> None:
    app = observe(answering(), middlewares=reversed(names))
    found = []
    while isinstance(app, LAYERS):
        found.append(NAMES[type(app)])
        app = app.app
    assert found == [name for name in NAMES.values() if name in names]
    assert call(app).body == b"hello"


def test_logs_alone_leave_every_answer_as_it_is(log: Log) -> None:
    app = observe(failing, middlewares=["request_id", "access_log"])
    assert call(observe(answering("404 Not Found", body=[])), "/").json["code"] == 404
    log.clear()
    assert (
        call(observe(answering("404 Not Found", body=[]), middlewares=["access_log"])).body == b""
    )
    assert log.access["status_code"] == 404
    log.clear()
    with pytest.raises(ZeroDivisionError):
        call(app, "/health")
    assert (log.access["path"], log.access["exc_type"]) == ("/health", "ZeroDivisionError")
    assert log.access["request_id"]


def failing(environ, start_response):
    return [b"1" * (1 // 0)]


def test_overrides_go_over_the_settings() -> None:
    settings = Settings(live_path="/a", ready_path="/b")
    app = observe(answering(), settings, live_path="/c")
    assert call(app, "/c").json == {"status": "ok"}
    assert call(app, "/b").json["checks"] == {}
    assert call(app, "/a").body == b"hello"


@pytest.mark.parametrize(
    "overrides", [{"html_error": "keep"}, {"html_errors": "no"}, {"check_ttl": -1}], ids=str
)
def test_a_mistaken_setting_stops_at_start(overrides) -> None:
    with pytest.raises(SettingsError, match=next(iter(overrides))):
        observe(answering(), **overrides)


def stream(environ, start_response):
    start_response("200 OK", TEXT)
    bind(order=1)
    yield str(current_request_id()).encode()
    yield str(current_request_id()).encode()


@pytest.mark.parametrize("order", ORDERS)
class TestInAnyOrder:
    def test_a_stream_has_one_id_and_one_line(self, order, log: Log) -> None:
        answer = call(onion(order, stream), HTTP_X_REQUEST_ID="mine")
        assert answer.chunks == [b"mine", b"mine"]
        assert answer.request_id == "mine"
        assert (log.access["request_id"], log.access["order"]) == ("mine", 1)

    def test_a_failure_is_one_envelope_one_error_and_one_line(self, order, log: Log) -> None:
        answer = call(onion(order, raising(ValueError())), HTTP_X_REQUEST_ID="mine")
        assert answer.json["request_id"] == answer.request_id == "mine"
        assert log.error["request_id"] == "mine"
        assert (log.access["status_code"], log.access["request_id"]) == (500, "mine")

    def test_an_empty_error_is_one_envelope(self, order, log: Log) -> None:
        answer = call(onion(order, answering("404 Gone", body=())))
        assert answer.json["request_id"] == answer.request_id
        assert log.access["status_code"] == 404

    def test_a_failure_in_the_middle_is_one_error(self, order, log: Log) -> None:
        def app(environ, start_response):
            yield from stream(environ, start_response)
            raise SystemExit(1)

        with pytest.raises(Exception, match="SystemExit"):
            Server().serve(onion(order, app), environ())
        assert len(log.errors) == 1
        assert log.access["outcome"] == "broken"

    @pytest.mark.parametrize("path", ["/health", "/ready"])
    def test_a_probe_is_answered_and_not_logged(self, order, path: str, log: Log) -> None:
        answer = call(onion(order, raising(ValueError())), path)
        assert answer.json["status"] == "ok"
        if order.index(RequestID) < order.index(Health):
            assert answer.request_id
        assert log.lines == []

    def test_the_start_is_held_once(self, order) -> None:
        holders = []

        def app(environ, start_response):
            holders.append(start_response.__self__)
            start_response("200 OK", TEXT)
            return iter([b"hello"])

        body = onion(order, app)(environ(), Server().start_response)
        (exchange,) = holders
        assert not exchange.is_closed
        close(body)
        assert exchange.is_closed

    @pytest.mark.parametrize("foreign", FOREIGN)
    def test_strangers_in_between_leave_an_answer_as_it_is(self, order, foreign, log: Log) -> None:
        answer = call(onion(order, stream, foreign), HTTP_X_REQUEST_ID="mine")
        assert answer.body == b"mine" * 2
        assert answer.request_id == "mine"
        assert log.access["outcome"] == "complete"


@pytest.mark.parametrize("foreign", FOREIGN)
class TestInTheRightOrderWithStrangersInBetween:
    def test_a_request_has_one_id_and_one_line(self, foreign, log: Log) -> None:
        answer = call(onion(LAYERS, stream, foreign), HTTP_X_REQUEST_ID="mine")
        assert answer.body == b"mine" * 2
        assert answer.request_id == log.access["request_id"] == "mine"
        assert log.access["order"] == 1
        assert log.access["status_code"] == 200

    def test_a_failure_is_one_envelope_one_error_and_one_line(self, foreign, log: Log) -> None:
        answer = call(onion(LAYERS, raising(ValueError()), foreign))
        assert answer.json["request_id"] == answer.request_id
        assert log.error["request_id"] == answer.request_id
        assert (log.access["status_code"], log.access["exc_type"]) == (500, "ValueError")

    def test_a_probe_is_answered_and_not_logged(self, foreign, log: Log) -> None:
        assert call(onion(LAYERS, answering(), foreign), "/health").json == {"status": "ok"}
        assert log.lines == []

    def test_wrapped_again_it_is_the_same(self, foreign, log: Log) -> None:
        app = observe(foreign(observe(foreign(raising(ValueError())))))
        answer = call(app)
        assert answer.json["request_id"] == answer.request_id
        assert len(log.errors) == 1
        assert (log.access["status_code"], log.access["request_id"]) == (500, answer.request_id)


class TestWrappedTwice:
    def test_a_request_has_one_id_and_one_line(self, log: Log) -> None:
        answer = call(observe(observe(stream)))
        assert answer.chunks == [answer.request_id.encode()] * 2
        assert log.access["request_id"] == answer.request_id

    def test_a_failure_is_logged_once(self, log: Log) -> None:
        answer = call(observe(observe(raising(ValueError()))))
        assert answer.json["request_id"] == answer.request_id
        assert len(log.errors) == 1
        assert log.access["status_code"] == 500

    def test_the_settings_of_the_inner_stack_hold(self) -> None:
        page = answering("404 Gone", [("Content-Type", "text/html")], [b"<p>mine</p>"])
        answer = call(observe(observe(page, html_errors="replace")))
        assert answer.json["code"] == 404

    def test_the_checks_of_the_inner_stack_are_run(self) -> None:
        def failing() -> None:
            raise ConnectionError

        app = observe(observe(answering(), checks={"db": failing}))
        assert call(app, "/ready").json == {"status": "unavailable", "checks": {"db": "fail"}}


def test_a_foreign_copy_of_the_environ_for_another_path_is_the_same_request(log: Log) -> None:
    """As an error page fetched by an internal subrequest."""
    inner = observe(answering(body=lambda: [str(current_request_id()).encode()]))

    def app(environ, start_response):
        sub = call_freely_with(inner, {**environ, "PATH_INFO": "/sub"})
        start_response("200 OK", TEXT)
        return [sub.body]

    answer = call(observe(app))
    assert answer.body.decode() == answer.request_id
    assert log.access["path"] == "/"


def call_freely_with(app, made) -> Server:
    return Server().serve(app, made)


def test_a_dispatcher_may_mount_an_observed_app_in_an_observed_app(log: Log) -> None:
    inner = observe(answering(body=[b"inner"]))

    def dispatcher(environ, start_response):
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/shop", "/orders"
        return inner(environ, start_response)

    answer = call(observe(dispatcher), "/shop/orders")
    assert answer.body == b"inner"
    assert log.access["path"] == "/shop/orders"


def test_an_app_may_answer_for_another_one_that_failed(log: Log) -> None:
    def fallback(environ, start_response):
        try:
            return raising(KeyError())(environ, start_response)
        except KeyError:
            return answering(body=[b"fallback"])(environ, start_response)

    assert call(observe(fallback)).body == b"fallback"
    assert log.errors == []


@pytest.mark.parametrize("layer", LAYERS)
def test_each_middleware_is_useful_alone(layer) -> None:
    assert call(layer(validator(answering()))).body == b"hello"
    assert call_freely(layer(answering("200"))).status == "200"
