"""Records made by hand: what `logging` itself would have made."""

import logging
import multiprocessing
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.calls import answering, call
from tests.conftest import Log
from tests.support import strict_json
from wsgi_observe import observe
from wsgi_observe.logs import JsonFormatter

VARIES = {"created", "msecs", "relativeCreated", "lineno", "funcName", "pathname", "filename"}


def access_record(log: Log) -> logging.LogRecord:
    log.clear()
    call(observe(answering()))
    (record,) = log.records
    return record


def test_an_access_record_has_what_every_record_has(log: Log) -> None:
    mine = access_record(log).__dict__
    theirs = logging.getLogger("wsgi_observe.access").makeRecord(
        "wsgi_observe.access", logging.INFO, "x.py", 0, "GET / 200", (), None
    )
    same = {name: mine[name] for name in theirs.__dict__ if name not in VARIES}
    assert same == {n: v for n, v in theirs.__dict__.items() if n not in VARIES} | {
        "module": "access_log"
    }


def test_its_times_are_its_own(log: Log) -> None:
    first, second = access_record(log), access_record(log)
    assert second.created >= first.created
    assert second.relativeCreated >= first.relativeCreated
    assert abs(first.msecs - first.created % 1 * 1000) < 1


def test_it_names_the_thread_and_process_that_it_was_made_in(log: Log) -> None:
    made = []
    thread = threading.Thread(target=lambda: made.append(access_record(log)), name="mine")
    thread.start()
    thread.join()
    assert (made[0].threadName, made[0].thread) == ("mine", thread.ident)
    assert made[0].processName == multiprocessing.current_process().name


def test_two_records_share_nothing(log: Log) -> None:
    first = access_record(log)
    first.mine = 1
    assert not hasattr(access_record(log), "mine")


class Record(logging.LogRecord):
    """A record of the user's own kind."""


@pytest.fixture
def own_records() -> Iterator[None]:
    factory = logging.getLogRecordFactory()
    logging.setLogRecordFactory(Record)
    yield
    logging.setLogRecordFactory(factory)


def test_a_record_factory_of_the_users_is_asked(own_records: None, log: Log) -> None:
    assert isinstance(access_record(log), Record)
    assert log.access["status_code"] == 200


class RecordOfATenant(logging.LogRecord):
    """A record that has an attribute of its own before those of `logging`."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        self.tenant = "acme"
        super().__init__(*arguments, **keywords)


def test_an_attribute_that_a_record_class_sets_first_is_on_the_line(log: Log) -> None:
    factory = logging.getLogRecordFactory()
    logging.setLogRecordFactory(RecordOfATenant)
    try:
        logging.getLogger("shop").info("hello", extra={"order": 7})
    finally:
        logging.setLogRecordFactory(factory)
    (line,) = log.lines
    assert (line["tenant"], line["order"], line["message"]) == ("acme", 7, "hello")


def test_a_record_of_the_apps_on_the_access_logger_is_a_line_like_any_other() -> None:
    logger = logging.getLogger("wsgi_observe.access")
    record = logger.makeRecord(logger.name, 30, "x.py", 1, "mine", (), None, extra={"order": 7})
    line = strict_json(JsonFormatter().format(record))
    assert (line["message"], line["order"]) == ("mine", 7)
