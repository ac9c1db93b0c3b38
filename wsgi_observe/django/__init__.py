"""Django integration: the database statements of a request on its access line."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import perf_counter
from typing import Any

from django.db import connections
from django.db.backends.signals import connection_created

from wsgi_observe._safely import call_safely
from wsgi_observe.queries import QueryMonitor
from wsgi_observe.settings import Settings

__all__ = ["instrument"]


def instrument(settings: Settings | None = None, **overrides: Any) -> None:
    """Count and time the statements of every Django connection on the access line of each request.

    ``"wsgi_observe.django"`` in ``INSTALLED_APPS`` calls it. The fields are ``db_queries`` and
    ``db_ms``. A statement that takes `slow_query_seconds`, and one that a request executes more
    than `many_queries` times, is one WARNING with the statement without its values and the place
    in the app. A second call does nothing.

    :param settings: by default those of the environment.
    :param overrides: ``slow_query_seconds`` and ``many_queries``.
    :raises SettingsError: for an invalid setting.
    """
    chosen = (settings or Settings.from_env(os.environ)).replace(**overrides)

    def observe_connection(connection: Any, **_: object) -> None:
        wrappers = connection.execute_wrappers
        if not any(isinstance(wrapper, _StatementRecorder) for wrapper in wrappers):
            # First: Django takes that of a `with connection.execute_wrapper(…)` away from the end.
            wrappers.insert(0, _StatementRecorder(chosen, connection.vendor))

    # Each thread has connections of its own. Django ignores a second receiver with the same uid.
    connection_created.connect(observe_connection, weak=False, dispatch_uid=__name__)
    for connection in connections.all(initialized_only=True):
        observe_connection(connection)


class _StatementRecorder:
    """The ``execute_wrapper`` of one connection."""

    def __init__(self, settings: Settings, vendor: str) -> None:
        self._monitor = QueryMonitor(settings.slow_query_seconds, settings.many_queries, vendor)

    def __call__(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any
    ) -> Any:
        started = perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            seconds = perf_counter() - started
            call_safely("recording a database statement", self._record, sql, seconds, context)

    def _record(self, sql: Any, seconds: float, context: Any) -> None:
        # The ``psycopg.sql`` objects are no texts.
        is_composed = hasattr(sql, "as_string")
        statement = sql.as_string(context["cursor"].cursor) if is_composed else str(sql)
        self._monitor.record(statement, seconds)
