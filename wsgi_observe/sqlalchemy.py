"""SQLAlchemy: the statements of a request on its access line, and a readiness check."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import perf_counter
from typing import Any
from weakref import WeakSet

from sqlalchemy import Connection, Engine, ExceptionContext, event, select

from wsgi_observe.queries import QueryMonitor
from wsgi_observe.settings import Settings

_STARTED_KEY = "wsgi_observe.started"  # in the info of a connection
_instrumented: WeakSet[Engine] = WeakSet()


def instrument(engine: Any, settings: Settings | None = None, **overrides: Any) -> None:
    """Count and time the statements of `engine` on the access line of each request.

    The fields are ``db_queries`` and ``db_ms``. A statement that takes `slow_query_seconds`, and
    one that a request executes more than `many_queries` times, is one WARNING with the statement
    without its values and the place in the app. A second call for the same engine does nothing.

    :param engine: an engine, or an ``AsyncEngine``.
    :param settings: by default those of the environment.
    :param overrides: ``slow_query_seconds`` and ``many_queries``.
    :raises TypeError: for anything else than an engine.
    :raises SettingsError: for an invalid setting.
    """
    engine = getattr(engine, "sync_engine", engine)
    if not isinstance(engine, Engine):
        raise TypeError(f"engine must be a sqlalchemy.Engine or AsyncEngine, got {engine!r}")
    chosen = (settings or Settings.from_env(os.environ)).replace(**overrides)
    if engine not in _instrumented:
        _instrumented.add(engine)
        _listen(engine, QueryMonitor(chosen.slow_query_seconds, chosen.many_queries, engine.name))


def _listen(engine: Engine, monitor: QueryMonitor) -> None:
    def start(connection: Connection, *_: object) -> None:
        connection.info[_STARTED_KEY] = perf_counter()

    def record(connection: Connection, cursor: object, statement: str, *_: object) -> None:
        started = connection.info.pop(_STARTED_KEY, None)
        if started is not None:
            monitor.record(statement, perf_counter() - started)

    def record_failed(error: ExceptionContext) -> None:
        if error.connection is not None and error.statement is not None:
            record(error.connection, None, error.statement)

    event.listen(engine, "before_cursor_execute", start)
    event.listen(engine, "after_cursor_execute", record)
    event.listen(engine, "handle_error", record_failed)


def check(engine: Engine | Callable[[], Engine]) -> Callable[[], None]:
    """Return a readiness check that executes ``SELECT 1``.

    It uses one connection of the engine's own pool and returns it, also if the result comes after
    the check's timeout. So it opens no connection beyond the pool's limit, and fails while the
    app itself cannot get one.

    :param engine: an engine, or a callable that returns one, if it does not exist yet:
        ``check(lambda: db.engine)`` with Flask-SQLAlchemy.
    :raises TypeError: for anything else, an ``AsyncEngine`` included.
    """
    if not (isinstance(engine, Engine) or callable(engine)):
        raise TypeError(f"engine must be a sqlalchemy.Engine or return one, got {engine!r}")

    def select_one() -> None:
        connected_engine = engine if isinstance(engine, Engine) else engine()
        with connected_engine.connect() as connection:
            connection.execute(select(1))

    return select_one
