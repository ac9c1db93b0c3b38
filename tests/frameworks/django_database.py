"""A Django project in one file, whose views execute statements in the database at `DATABASE`."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from typing import Any

import django
from asgiref.sync import sync_to_async
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={"default": json.loads(os.environ["DATABASE"])},
    INSTALLED_APPS=["wsgi_observe.django", "django.contrib.contenttypes"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="k" * 50,
)
django.setup()

from django.contrib.contenttypes.models import ContentType  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import DatabaseError, connection, transaction  # noqa: E402
from django.http import HttpResponse, StreamingHttpResponse  # noqa: E402
from django.urls import path  # noqa: E402

from wsgi_observe.django import instrument  # noqa: E402

call_command("migrate", verbosity=0)


def execute(*statements: Any) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def two() -> None:
    execute("SELECT 1", "SELECT 2")


def many_rows() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE numbers (number integer)")
        cursor.executemany("INSERT INTO numbers VALUES (%s)", [[1], [2], [3]])
        cursor.execute("DROP TABLE numbers")


def failing() -> None:
    with suppress(DatabaseError):
        execute("SELECT * FROM nowhere")


def slow() -> None:
    connection.ensure_connection()
    connection.connection.create_function("pause", 1, time.sleep)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pause(0.25), 'o''hara', 4711, %s", ["hunter2-canary"])


def repeated() -> None:
    for number in range(10):
        ContentType.objects.filter(pk=number).exists()


def in_thread() -> None:
    _run_in_thread(copy_context(), execute, "SELECT 1")


def detached() -> None:
    _run_in_thread(Context(), repeated)


def _run_in_thread(context: Context, *call: Any) -> None:
    thread = threading.Thread(target=context.run, args=call)
    thread.start()
    thread.join()


def wrapped() -> None:
    """Connect inside a wrapper of the app's own, which Django takes away from the list's end."""
    connection.close()
    connection.execute_wrappers.clear()
    seen: list[str] = []

    def wrapper(execute: Any, sql: str, *rest: Any) -> Any:
        seen.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(wrapper):
        execute("SELECT 1")
    execute("SELECT 2")
    assert seen == ["SELECT 1"]


def reconnecting() -> None:
    for _ in range(3):
        connection.close()
        execute("SELECT 1")


def again() -> None:
    instrument()
    execute("SELECT 1")


def composed() -> None:
    from psycopg import sql

    text = sql.SQL("SELECT {}, pg_sleep(0.25)").format(sql.Literal("it's hunter2-canary"))
    execute(text)


def nothing() -> None:
    pass


async def async_view(request: Any) -> HttpResponse:
    await sync_to_async(execute)("SELECT 1")
    await ContentType.objects.acount()
    return HttpResponse("ok")


def stream(request: Any) -> StreamingHttpResponse:
    return StreamingHttpResponse(str(number) for number in map(_streamed, range(2)))


def _streamed(number: int) -> int:
    execute("SELECT 1")
    return number


def view_of(act: Callable[[], None]) -> Callable[[Any], HttpResponse]:
    def view(request: Any) -> HttpResponse:
        act()
        return HttpResponse("ok")

    return view


ACTS = (
    *(two, many_rows, failing, slow, repeated, in_thread, wrapped, reconnecting, again, composed),
    *(detached, nothing),
)
urlpatterns = [
    *(path(act.__name__, view_of(act)) for act in ACTS),
    path("async", async_view),
    path("stream", stream),
]
application = get_wsgi_application()
