"""Dependencies: the services that the app's own code imports a client for."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass

from wsgi_observe.doctor.own_code import iter_imports

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
    found = [
        Dependency(package, place, package in _DATABASES)
        for package, place in iter_imports()
        if package in _DATABASES | _OTHERS
    ]
    with suppress(Exception):  # Django is not loaded, or not configured
        databases = sys.modules["django.db"].connections.settings.values()
        # SQLite is a file; Django's own template of a project has it.
        if not all(one["ENGINE"].endswith((".dummy", ".sqlite3")) for one in databases):
            found.append(Dependency("django.db", None, is_vital=True))
    return max(found, key=lambda one: one.is_vital, default=None)  # the first of them
