"""Several handlers for one record: it stays as it was logged, and each has its own settings."""

import copy
import io
import json
import logging
import logging.handlers
import pickle
import queue
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from tests.calls import answering, call
from tests.support import strict_json
from wsgi_observe import ContextFilter, bind, log_context, observe
from wsgi_observe.flask import Observe
from wsgi_observe.logs import ConsoleFormatter, JsonFormatter

_log = logging.getLogger("shop.orders")


def as_it_is(record: logging.LogRecord) -> dict[str, object]:
    return dict(record.__dict__)


@pytest.mark.parametrize("formatter", [JsonFormatter, ConsoleFormatter])
@pytest.mark.parametrize("extra", [{}, {"path": "/tmp", "level": 3, "order": 7}])
def test_a_record_stays_as_it_was(formatter, extra) -> None:
    record = logging.LogRecord("shop", logging.INFO, "x.py", 1, "hello %s", ("you",), None)
    record.__dict__.update(extra)
    before = as_it_is(record)
    seen = []

    def app(environ, start_response):
        handler = logging.StreamHandler(io.StringIO())
        handler.setFormatter(formatter(static_fields={"service": "shop"}))
        handler.handle(record)
        seen.append(as_it_is(record))
        return answering()(environ, start_response)

    call(observe(app))
    assert seen == [before]
    assert list(seen[0]) == list(before)


@pytest.mark.parametrize("formatter", [JsonFormatter, ConsoleFormatter])
def test_a_traceback_is_not_kept_for_other_formatters(formatter) -> None:
    try:
        raise ValueError
    except ValueError:
        record = logging.LogRecord("shop", 40, "x.py", 1, "oh", (), sys.exc_info())
    formatter().format(record)
    assert record.exc_text is None


class TestEachHandler:
    """Two of them meet one record, in either order."""

    @staticmethod
    def lines(*handlers: logging.Handler) -> list[str]:
        log = logging.Logger("shop")
        log.handlers.extend(handlers)

        def app(environ, start_response):
            log.info("hello", extra={"path": "mine"})
            return answering()(environ, start_response)

        call(observe(app), "/orders", REMOTE_ADDR="203.0.113.7")
        return [handler.stream.getvalue().strip() for handler in handlers]

    @staticmethod
    def json(**options) -> logging.Handler:
        handler = logging.StreamHandler(io.StringIO())
        handler.setFormatter(JsonFormatter(**options))
        return handler

    @staticmethod
    def text(form: str, *filters: logging.Filter) -> logging.Handler:
        handler = logging.StreamHandler(io.StringIO())
        handler.setFormatter(logging.Formatter(form))
        handler.filters.extend(filters)
        return handler

    @pytest.mark.parametrize("first", ["full", "truncated", "off"])
    @pytest.mark.parametrize("second", ["full", "truncated", "off"])
    def test_shows_as_much_of_the_address_as_it_may(self, first: str, second: str) -> None:
        shown = {"full": "203.0.113.7", "truncated": "203.0.113.0", "off": None}
        for met_before in (self.json(remote_addr=first), self.text("", filter_of(first))):
            line = strict_json(self.lines(met_before, self.json(remote_addr=second))[1].encode())
            assert line.get("remote_addr") == shown[second]
            own = self.text("%(remote_addr)s", filter_of(second))
            assert self.lines(met_before, own)[1] == (shown[second] or "-")

    def test_has_its_own_static_fields(self) -> None:
        one, other = (self.json(static_fields={name: name}) for name in ("service", "version"))
        first, second = (strict_json(text.encode()) for text in self.lines(one, other))
        assert (first["service"], "version" in first) == ("service", False)
        assert (second["version"], "service" in second) == ("version", False)

    def test_of_ones_own_has_what_its_filter_adds(self) -> None:
        own = self.text("%(service)s %(message)s", ContextFilter({"service": "shop"}))
        assert self.lines(self.json(), own)[1] == "shop hello"

    def test_of_ones_own_sees_the_record_that_was_logged(self) -> None:
        for before in (self.json(), self.text("", ContextFilter({"path": "static"}))):
            assert self.lines(before, self.text("%(path)s"))[1] == "mine"

    def test_behind_a_filter_tells_the_request_and_the_extra(self) -> None:
        line = strict_json(self.lines(self.text("", ContextFilter()), self.json())[1].encode())
        assert (line["path"], line["extra_path"]) == ("/orders", "mine")


def filter_of(mode: str) -> ContextFilter:
    return ContextFilter(remote_addr=mode)


@pytest.fixture
def waiting() -> Iterator["queue.Queue[logging.LogRecord]"]:
    """What a QueueHandler with the filter hands on to its listener."""
    waiting: queue.Queue[logging.LogRecord] = queue.Queue()
    handler = logging.handlers.QueueHandler(waiting)
    handler.addFilter(ContextFilter({"service": "shop"}))
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    yield waiting
    _log.removeHandler(handler)


def logging_app(*extras: dict[str, object]) -> Any:
    def app(environ, start_response):
        bind(order=7)
        for extra in extras:
            _log.info("hello", extra=extra)
        return answering()(environ, start_response)

    return observe(app)


def unpickled(record: logging.LogRecord) -> logging.LogRecord:
    return logging.makeLogRecord(pickle.loads(pickle.dumps(record.__dict__)))


def sent_by_a_socket(record: logging.LogRecord) -> logging.LogRecord:
    pickled = logging.handlers.SocketHandler("localhost", 1).makePickle(record)
    return logging.makeLogRecord(pickle.loads(pickled[4:]))


HANDED_ON = [copy.copy, copy.deepcopy, unpickled, sent_by_a_socket]


class TestAQueue:
    @pytest.mark.parametrize("handed_on", HANDED_ON)
    def test_keeps_the_request_of_a_record_for_its_listener(self, waiting, handed_on: Any) -> None:
        answer = call(logging_app({"path": "mine", "item": 1}), "/orders", REMOTE_ADDR="192.0.2.7")
        record = handed_on(waiting.get_nowait())
        formatter = JsonFormatter(static_fields={"version": 2})
        with log_context("the listener's own", order=8):
            line = strict_json(formatter.format(record).encode())
        assert line["request_id"] == answer.request_id
        assert (line["method"], line["path"], line["remote_addr"]) == (
            "GET",
            "/orders",
            "192.0.2.7",
        )
        assert (line["extra_path"], line["order"], line["item"]) == ("mine", 7, 1)
        assert (line["service"], line["version"]) == ("shop", 2)
        assert {name for name in line if name.startswith("extra_")} == {"extra_path"}

    @pytest.mark.parametrize("handed_on", HANDED_ON)
    def test_passes_filters_on_both_sides(self, waiting, handed_on: Any) -> None:
        answer = call(logging_app({}), "/orders", REMOTE_ADDR="192.0.2.7")
        record = handed_on(waiting.get_nowait())
        with log_context("the listener's own"):
            ContextFilter(remote_addr="truncated").filter(record)
            line = strict_json(JsonFormatter().format(record).encode())
        assert (record.request_id, record.remote_addr) == (answer.request_id, "192.0.2.0")
        assert (line["request_id"], line["remote_addr"]) == (answer.request_id, "192.0.2.0")
        assert (record.service, record.order) == ("shop", 7)

    def test_shows_no_more_of_an_address_than_its_formatter_may(self, waiting) -> None:
        call(logging_app({}), REMOTE_ADDR="192.0.2.7")
        record = waiting.get_nowait()
        shown = [
            strict_json(JsonFormatter(remote_addr=mode).format(record).encode()).get("remote_addr")
            for mode in ("full", "truncated", "off")
        ]
        assert shown == ["192.0.2.7", "192.0.2.0", None]

    @pytest.mark.parametrize("formatter", [JsonFormatter, ConsoleFormatter])
    @pytest.mark.parametrize("handed_on", HANDED_ON)
    @pytest.mark.parametrize("token", ["tok-4242", "4242"])
    def test_keeps_the_secrets_of_a_path_off_its_listeners_lines(
        self, waiting, token: str, handed_on: Any, formatter: Any
    ) -> None:
        app = Flask("shop")
        Observe(app)
        app.add_url_rule(
            "/reset/<token>", "reset", lambda token: _log.info("/reset/%s", token) or ""
        )
        call(app, f"/reset/{token}")
        record = handed_on(waiting.get_nowait())
        line = formatter().format(record)
        assert token not in line
        assert "[REDACTED]" in line

    def test_does_not_split_a_message_that_its_own_formatter_made(self) -> None:
        waiting: queue.Queue[logging.LogRecord] = queue.Queue()
        handler = logging.handlers.QueueHandler(waiting)
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        handler.addFilter(ContextFilter())
        try:
            raise KeyError("x")
        except KeyError:
            handler.handle(logging.LogRecord("shop", 40, "x.py", 1, "oh", (), sys.exc_info()))
        line = strict_json(JsonFormatter().format(waiting.get_nowait()).encode())
        assert line["message"].startswith("ERROR oh\nTraceback")
        assert line["exc_type"] == "KeyError"


def test_a_record_that_is_held_back_has_the_request_it_was_logged_in() -> None:
    target = logging.StreamHandler(io.StringIO())
    target.setFormatter(JsonFormatter())
    handler = logging.handlers.MemoryHandler(100, target=target, flushOnClose=False)
    handler.addFilter(ContextFilter())
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    try:
        first = call(logging_app({}), "/first", HTTP_X_REQUEST_ID="sent-twice")
        _log.info("between")

        def app(environ, start_response):
            handler.flush()
            return answering()(environ, start_response)

        call(observe(app), "/second", HTTP_X_REQUEST_ID="sent-twice")
    finally:
        _log.removeHandler(handler)
    lines = [strict_json(text.encode()) for text in target.stream.getvalue().splitlines()]
    assert [line.get("path") for line in lines] == ["/first", None]
    assert lines[0]["request_id"] == first.request_id


def test_a_record_of_another_thread_has_no_request_of_this_one() -> None:
    records = []

    def log() -> None:
        record = logging.LogRecord("shop", logging.INFO, "x.py", 1, "hello", (), None)
        ContextFilter().filter(record)
        records.append(record)

    thread = threading.Thread(target=log)
    thread.start()
    thread.join()
    with log_context("here"):
        assert "request_id" not in strict_json(JsonFormatter().format(records[0]).encode())


def test_a_formatter_that_dumps_every_attribute_can_and_tells_no_secret_of_the_path() -> None:
    dumped = []

    class Dumping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            dumped.append(json.dumps(record.__dict__))
            dumped.append(repr(record.__dict__))

    handler = Dumping()
    handler.addFilter(ContextFilter())
    app = Flask("shop")
    Observe(app)
    app.add_url_rule("/reset/<token>", "reset", lambda token: _log.info("asked") or "")
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    try:
        call(app, "/reset/tok-4242")
    finally:
        _log.removeHandler(handler)
    assert len(dumped) == 2
    assert "tok-4242" not in "".join(dumped)
