"""Records made by hand: what `logging` itself would have made."""

import logging
import multiprocessing
import threading
from collections.abc import Iterator

import pytest

from tests.calls import answering, call
from tests.conftest import Log
from wsgi_observe import observe

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
