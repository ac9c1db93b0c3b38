"""Dependencies: the services that the app's own code imports a client for."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wsgi_observe.doctor.own_code import format_place, iter_own_modules

# Without these, an app can hardly serve a request.
_DATABASES = {
    *("sqlalchemy", "flask_sqlalchemy", "flask_sqlalchemy_lite", "sqlmodel", "peewee", "pony"),
    *("psycopg", "psycopg2", "psycopg_pool", "asyncpg", "MySQLdb", "pymysql", "mysql", "pyodbc"),
    *("oracledb", "cx_Oracle", "pymssql", "records", "dataset", "clickhouse_driver"),
    *("redis", "valkey", "flask_redis", "pymemcache", "pylibmc", "memcache", "cassandra"),
    *("pymongo", "flask_pymongo", "mongoengine", "flask_mongoengine", "neo4j", "elasticsearch"),
    *("opensearchpy", "influxdb_client", "clickhouse_connect", "ldap", "ldap3"),
}
# These may be for what a few requests need, or for what is done later.
_OTHERS = {
    *("requests", "httpx", "urllib3", "aiohttp", "grpc", "boto3", "botocore", "minio", "hvac"),
    *("celery", "rq", "kombu", "pika", "kafka", "confluent_kafka", "smtplib", "suds", "zeep"),
}


@dataclass(frozen=True)
class Dependency:
    """A client that the app imports.

    :ivar is_vital: whether it is for a database or the like.
    """

    package: str
    place: str | None
    is_vital: bool


def find_dependency() -> Dependency | None:
    """Return a dependency of the app, a vital one if there is any."""
    found = list(_iter_dependencies())
    return next((one for one in found if one.is_vital), found[0] if found else None)


def _iter_dependencies() -> Iterator[Dependency]:
    for module in iter_own_modules():
        with suppress(OSError, SyntaxError, ValueError):
            file = str(module.__file__)
            for package, line in _iter_imports(ast.parse(Path(file).read_bytes())):
                if package in _DATABASES | _OTHERS:
                    place = format_place(file, line)
                    yield Dependency(package, place, package in _DATABASES)
    django = sys.modules.get("django.db")
    with suppress(Exception):  # Django is not configured
        for database in [] if django is None else django.connections.settings.values():
            # SQLite is a file; Django's own template of a project has it.
            if not database["ENGINE"].endswith((".dummy", ".sqlite3")):
                yield Dependency("django.db", None, is_vital=True)


def _iter_imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the top-level packages that are imported, with the line, but not those for types."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0], node.lineno
        elif not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            yield from _iter_imports(node)
