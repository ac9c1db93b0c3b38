"""The statements of Django's connections, of a real project on Gunicorn with a real database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.gunicorn.serving import access_of, gunicorn
from tests.servers.postgres import binaries, postgres
from tests.support import Server

PROJECT = "tests.frameworks.django_database:application"


@contextmanager
def project(**database: object) -> Iterator[Server]:
    env = {
        "DATABASE": json.dumps(database),
        "WSGI_OBSERVE_MANY_QUERIES": "3",
        "WSGI_OBSERVE_SLOW_QUERY_SECONDS": "0.2",
    }
    with gunicorn(app=PROJECT, env=env) as server:
        yield server


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    path = tmp_path_factory.mktemp("database") / "shop.db"
    with project(ENGINE="django.db.backends.sqlite3", NAME=str(path)) as server:
        yield server


def get(server: Server, path: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the access line of a request, and its WARNINGs."""
    request_id = f"{path[1:]}-{len(server.records)}"
    assert server.get(path, {"X-Request-ID": request_id}).status == 200
    access = access_of(server, request_id)
    return access, [line for line in server.log_of(request_id) if line["level"] == "WARNING"]


@pytest.mark.parametrize(
    ("path", "number"),
    [
        pytest.param("/two", 2, id="each statement"),
        pytest.param("/many_rows", 4, id="executemany is one, beside BEGIN, CREATE and DROP"),
        pytest.param("/failing", 1, id="one that fails"),
        pytest.param("/in_thread", 1, id="in a thread of the request"),
        pytest.param("/async", 2, id="in an async view"),
        pytest.param("/stream", 2, id="while the response streams"),
        pytest.param("/wrapped", 2, id="inside a wrapper of the app's"),
        pytest.param("/reconnecting", 3, id="on connections that are opened again"),
        pytest.param("/again", 1, id="where it is instrumented twice"),
    ],
)
def test_the_access_line_has_how_many_statements_there_were(
    path: str, number: int, sqlite: Server
) -> None:
    access, warnings = get(sqlite, path)
    assert access["db_queries"] == number
    assert 0 < access["db_ms"] < access["duration_ms"]
    assert warnings == []


def test_a_request_without_statements_has_no_such_field(sqlite: Server) -> None:
    assert "db_queries" not in get(sqlite, "/nothing")[0]


def test_a_slow_statement_is_logged_without_its_values_and_with_its_place(sqlite: Server) -> None:
    access, (warning,) = get(sqlite, "/slow")
    assert access["db_ms"] >= 250
    assert warning["db_statement"] == "SELECT pause(?), ?, ?, %s"
    place, _, function = warning["at"].rpartition(" in ")
    assert (Path(place.rpartition(":")[0]).name, function) == ("django_database.py", "slow")
    assert "hunter2" not in str(sqlite.lines)


def test_a_query_in_a_loop_is_logged_once_with_its_place(sqlite: Server) -> None:
    access, (warning,) = get(sqlite, "/repeated")
    assert access["db_queries"] == 10
    assert "more than 3 times" in warning["message"]
    assert warning["at"].endswith("in repeated")


def test_outside_a_request_nothing_is_recorded(sqlite: Server) -> None:
    access, warnings = get(sqlite, "/detached")
    assert ("db_queries" in access, warnings) == (False, [])
    assert all("request_id" in line for line in sqlite.records if "db_statement" in line)


@pytest.mark.slow
def test_a_composed_statement_of_psycopg_is_logged_as_its_text() -> None:
    if binaries() is None:
        pytest.skip("there is no PostgreSQL here")
    with (
        postgres() as database,
        project(
            ENGINE="django.db.backends.postgresql",
            HOST="127.0.0.1",
            PORT=database.port,
            USER="shop",
            NAME="postgres",
        ) as server,
    ):
        access, (warning,) = get(server, "/composed")
    assert access["db_queries"] == 1
    assert warning["db_statement"] == "SELECT ?, pg_sleep(?)"
