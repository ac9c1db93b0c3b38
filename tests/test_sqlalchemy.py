"""The check of a database, against a real one."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool

from tests.support import eventually
from wsgi_observe.health import Readiness
from wsgi_observe.sqlalchemy import check


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(
        f"sqlite:///{tmp_path}/shop.db", poolclass=QueuePool, pool_size=1, max_overflow=0
    )
    yield engine
    engine.dispose()


def test_a_database_that_answers_is_ready(engine: Engine) -> None:
    assert Readiness({"db": check(engine)}).report().ready


def test_the_database_is_asked_to_select_one(engine: Engine) -> None:
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *what: asked.append(what[2]))
    check(engine)()
    assert asked == ["SELECT 1"]


def test_an_engine_that_does_not_exist_yet_is_found_when_the_check_runs(engine: Engine) -> None:
    engines: list[Engine] = []
    readiness = Readiness({"db": check(lambda: engines[0])}, ttl=0)
    assert not readiness.report().ready
    engines.append(engine)
    assert readiness.report().ready


def test_a_database_that_cannot_be_opened_is_not_ready(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/no/such/directory/shop.db")
    with pytest.raises(OperationalError, match="unable to open"):
        check(engine)()
    engine.dispose()


def test_one_connection_serves_every_run(engine: Engine) -> None:
    opened: list[object] = []
    event.listen(engine, "connect", lambda connection, _: opened.append(connection))
    readiness = Readiness({"db": check(engine)}, ttl=0)
    for _ in range(20):
        readiness.report()
    assert len(opened) == 1
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_a_connection_is_given_back_when_the_answer_comes_too_late(engine: Engine) -> None:
    gate = threading.Event()
    event.listen(engine, "before_cursor_execute", lambda *_: gate.wait())
    pool: Any = engine.pool
    readiness = Readiness({"db": check(engine)}, timeout=0.1, ttl=0)
    assert [readiness.report().ready for _ in range(5)] == [False] * 5
    assert pool.checkedout() == 1
    gate.set()
    eventually(lambda: pool.checkedout() == 0)
    assert eventually(lambda: readiness.report().ready)


@pytest.mark.parametrize("given", [None, "sqlite://"], ids=repr)
def test_what_is_no_engine_is_refused_at_start(given: Any) -> None:
    with pytest.raises(TypeError, match=r"engine must be a sqlalchemy\.Engine or return one"):
        check(given)
