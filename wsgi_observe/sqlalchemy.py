"""A readiness check for a database that SQLAlchemy connects to."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine, select


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
