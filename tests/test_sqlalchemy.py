"""The check of a database, and its statements in requests, against a real one."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool

from tests.calls import call, doing
from tests.conftest import Log
from tests.support import eventually
from wsgi_observe import observe
from wsgi_observe.health import Readiness
from wsgi_observe.queries import QueryMonitor
from wsgi_observe.sqlalchemy import check, instrument


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


def request_that(act: Callable[[], object]) -> None:
    call(observe(doing(act)))


def execute(engine: Engine, *statements: str) -> None:
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_the_access_line_has_how_many_statements_there_were_and_how_long_they_took(
    engine: Engine, log: Log
) -> None:
    instrument(engine)
    request_that(lambda: execute(engine, "SELECT 1", "SELECT 2"))
    assert log.access["db_queries"] == 2
    assert log.access["db_ms"] > 0


def test_a_second_call_counts_nothing_twice(engine: Engine, log: Log) -> None:
    instrument(engine)
    instrument(engine)
    request_that(lambda: execute(engine, "SELECT 1"))
    assert log.access["db_queries"] == 1


def test_outside_a_request_nothing_is_recorded(engine: Engine, log: Log) -> None:
    instrument(engine, slow_query_seconds=1e-9)
    execute(engine, "SELECT 1")
    assert log.lines == []


def test_a_statement_that_fails_counts_too(engine: Engine, log: Log) -> None:
    instrument(engine)

    def act() -> None:
        with pytest.raises(OperationalError):
            execute(engine, "SELECT * FROM nowhere")

    request_that(act)
    assert log.access["db_queries"] == 1


def test_a_slow_statement_is_logged_without_its_values_and_with_its_place(
    engine: Engine, log: Log
) -> None:
    instrument(engine, slow_query_seconds=1e-9, many_queries=0)

    def read_order() -> None:
        with engine.connect() as connection:
            connection.execute(
                text("SELECT :name,  'o''hara', 4711 WHERE 1 = :number"),
                {"name": "hunter2-canary", "number": 1},
            )

    request_that(read_order)
    (warning,) = log.warnings
    assert warning["db_statement"] == "SELECT ?, ?, ? WHERE ? = ?"
    assert warning["at"].startswith(f"{__file__}:")
    assert warning["at"].endswith("read_order")
    assert "hunter2" not in str(log.lines)
    assert warning["request_id"] == log.access["request_id"]


def test_the_same_statement_many_times_in_a_request_is_logged_once(
    engine: Engine, log: Log
) -> None:
    instrument(engine, many_queries=3)
    request_that(lambda: execute(engine, *["SELECT 1"] * 10))
    (warning,) = log.warnings
    assert "more than 3 times" in warning["message"]
    request_that(lambda: execute(engine, *["SELECT 1"] * 3))
    assert len(log.warnings) == 1


def test_settings_come_from_the_environment(
    engine: Engine, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WSGI_OBSERVE_MANY_QUERIES", "1")
    instrument(engine)
    request_that(lambda: execute(engine, *["SELECT 1"] * 2))
    assert "more than 1 times" in log.warnings[0]["message"]


@pytest.mark.parametrize("thing", [None, "sqlite://", object()])
def test_only_an_engine_is_instrumented(thing: object) -> None:
    with pytest.raises(TypeError, match="engine must be"):
        instrument(thing)


@pytest.mark.parametrize(
    ("statement", "dialect", "shown"),
    [
        ("SELECT 'a', 1", "sqlite", "SELECT ?, ?"),
        ('SELECT "a column"', "postgresql", 'SELECT "a column"'),
        ('SELECT "a value"', "mysql", "SELECT ?"),
        ("SELECT 'not closed", "sqlite", "SELECT ?"),
        ("SELECT t1.c2 FROM t1", "sqlite", "SELECT t1.c2 FROM t1"),
        ("SELECT\n  x", "sqlite", "SELECT x"),
    ],
)
def test_values_in_the_text_of_a_statement_are_left_out(
    statement: str, dialect: str, shown: str, log: Log
) -> None:
    monitor = QueryMonitor(slow_seconds=1e-9, many=0, dialect=dialect)
    request_that(lambda: monitor.record(statement, 1.0))
    assert log.warnings[0]["db_statement"] == shown
