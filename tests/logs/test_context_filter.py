"""ContextFilter: the running request's fields, for people with a logging set-up of their own."""

import io
import logging
from collections.abc import Iterator

import pytest

from tests.calls import answering, call
from wsgi_observe import ContextFilter, bind, log_context, observe
from wsgi_observe.logs.error_reports import handled_by_framework

_log = logging.getLogger("own.set.up")
FORMAT = "%(request_id)s %(method)s %(path)s %(remote_addr)s %(trace_id)s %(span_id)s %(message)s"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(ContextFilter({"service": "shop"}))
    handler.setFormatter(logging.Formatter(FORMAT))
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    yield stream
    _log.removeHandler(handler)


def test_outside_a_request_the_fields_are_dashes(stream: io.StringIO) -> None:
    _log.info("hello")
    assert stream.getvalue() == "- - - - - - hello\n"


def test_within_a_request_they_are_its_own(stream: io.StringIO) -> None:
    def app(environ, start_response):
        _log.info("hello")
        return answering()(environ, start_response)

    answer = call(observe(app), "/orders", "POST")
    assert stream.getvalue() == f"{answer.request_id} POST /orders 127.0.0.1 - - hello\n"


def test_within_a_log_context_there_is_an_id_alone(stream: io.StringIO) -> None:
    with log_context("mine"):
        _log.info("hello")
    assert stream.getvalue() == "mine - - - - - hello\n"


def make_record(**extra) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "x", "msg": "hello", "levelno": 20, **extra})


def test_every_record_passes() -> None:
    assert ContextFilter().filter(make_record()) is True


def test_static_and_bound_fields_are_attributes() -> None:
    record = make_record()
    with log_context("mine"):
        bind(order=7)
        ContextFilter({"service": "shop"}).filter(record)
    assert (record.service, record.order, record.request_id) == ("shop", 7, "mine")


@pytest.mark.parametrize("name", ["trace_id", "request_id", "path", "level", "service", "order"])
def test_an_attribute_that_is_there_already_is_kept(name: str) -> None:
    record = make_record(**{name: "mine"})
    ContextFilter({"service": "shop"}).filter(record)
    assert getattr(record, name) == "mine"
    with log_context("first", order=7):
        ContextFilter({"service": "shop"}).filter(record)
    assert getattr(record, name) == "mine"


@pytest.mark.parametrize("name", ["name", "levelname", "process", "msg"])
def test_an_attribute_of_loggings_own_is_kept(name: str) -> None:
    record = make_record()
    before = getattr(record, name)
    with log_context(**{name: "theirs"}):
        ContextFilter({name: "theirs"}).filter(record)
    assert getattr(record, name) == before


def test_a_record_met_twice_has_the_request_of_the_first_time() -> None:
    record = make_record(level=3)
    with log_context("first"):
        ContextFilter().filter(record)
    with log_context("second"):
        ContextFilter().filter(record)
    assert (record.request_id, record.level) == ("first", 3)
    assert not [name for name in record.__dict__ if name.startswith("extra_")]


def test_it_adds_what_a_request_has_and_nothing_of_the_line() -> None:
    record = make_record()
    before = set(record.__dict__)
    ContextFilter({"service": "shop"}).filter(record)
    added = {name for name in set(record.__dict__) - before if not name.startswith("_")}
    assert added == {
        *("request_id", "method", "path", "remote_addr"),
        *("trace_id", "span_id", "trace_flags", "service"),
    }


@pytest.mark.parametrize("level", [logging.INFO, logging.ERROR])
def test_errors_pass_whose_arguments_cannot_be_compared(level: int) -> None:
    class Array:
        def __eq__(self, other: object) -> bool:
            raise ValueError("the truth value of an array is ambiguous")

    first, second = ValueError(Array()), ValueError(Array())
    with log_context("job-7"), handled_by_framework(first, "shop"):
        record = logging.makeLogRecord({"name": "shop", "levelno": level, "msg": "failed"})
        record.exc_info = (ValueError, second, None)
        assert ContextFilter().filter(record)
