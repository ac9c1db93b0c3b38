"""Question 12: does liveness touch nothing, and does readiness depend on what the app needs?"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic, sleep

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.app.subject import Subject
from wsgi_observe.doctor.own_code import iter_imports
from wsgi_observe.doctor.question import Faults, NotApplicable
from wsgi_observe.doctor.recording.touches import Kind, Touch, has_threads_of_its_own
from wsgi_observe.doctor.trials.probes import (
    PROBE_TIMEOUT,
    ProbeResponse,
    find_probe_paths,
    probe,
)
from wsgi_observe.health import Readiness
from wsgi_observe.middleware.health import Health
from wsgi_observe.problems import check_probe_paths, check_readiness, find_probes
from wsgi_observe.settings import Settings, SettingsError
from wsgi_observe.wsgi.middleware import find_middlewares

_OBSERVE = 'app.wsgi_app = observe(app.wsgi_app, checks={"db": ping_database})'
_REMEDY = f"{_OBSERVE}\n# serves /health and /ready; from wsgi_observe import observe"
_LIVE_REMEDY = (
    f'liveness returns a constant, such as "ok"; move the rest to /ready, or:\n{_OBSERVE}'
)
_READY_REMEDY = f"answer 503 if a check raises or has no connection, or:\n{_OBSERVE}"
_LOGIN_REMEDY = "let probes through without a login: they send neither cookies nor tokens"
_ROUTE_REMEDY = (
    "have a route there that answers 200, or name another path, by --live-path or --ready-path"
)
_TIME_REMEDY = f"ask with a timeout below that (connect_timeout=…), in parallel, or:\n{_OBSERVE}"

_MAX_SHOWN = 3
_UNNAMED = ("a socket", "a TLS connection", "an SQLite database")  # of which more is known, mostly
_CACHE_SECONDS = 3.0
_REFUSALS = (401, 403, 404, 405)

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
class _Dependency:
    """A client that the app imports.

    :ivar is_vital: whether it is for a database or the like.
    """

    package: str
    place: str | None
    is_vital: bool


def find_faults(subject: Subject) -> Faults:
    """Send requests to the probes, and watch what the app touches for them."""
    live, ready = find_probe_paths(subject)
    dependency = _find_dependency()
    yield from _ask_about_paths(live, ready, dependency)
    if live:
        yield from _ask_about_liveness(subject, live)
    if ready:
        yield from _ask_about_readiness(subject, ready, dependency)
    yield from _ask_about_settings(subject)
    seen = f"{live} touches nothing"
    if not ready:
        return seen
    if dependency is None:
        return f"{seen}; {ready} answers; no client of a service is imported"
    return f"{seen}; {ready} fails with what it asks"


def _find_dependency() -> _Dependency | None:
    """Return a dependency of the app, a vital one if there is any."""
    found = [
        _Dependency(package, place, package in _DATABASES)
        for package, place in iter_imports()
        if package in _DATABASES | _OTHERS
    ]
    with suppress(Exception):  # Django is not loaded, or not configured
        databases = sys.modules["django.db"].connections.settings.values()
        # SQLite is a file; Django's own template of a project has it.
        if not all(one["ENGINE"].endswith((".dummy", ".sqlite3")) for one in databases):
            found.append(_Dependency("django.db", None, is_vital=True))
    return max(found, key=lambda one: one.is_vital, default=None)  # the first of them


def _ask_about_paths(live: str, ready: str, dependency: _Dependency | None) -> Iterator[Fault]:
    if not live and not ready:
        yield Fault("no probes: no route at /health, /healthz, /ready or the like", _REMEDY)
    elif not live:
        yield Fault("no liveness probe: no route at /health, /livez or the like", _REMEDY)
    elif not ready and dependency is not None:
        seen = "no readiness probe: no route at /ready, /readyz or the like; the app uses "
        is_warning = not dependency.is_vital
        yield Fault(seen + dependency.package, _REMEDY, dependency.place, is_warning)


def _ask_about_liveness(subject: Subject, path: str) -> Iterator[Fault]:
    first, second = probe(subject, path), probe(subject, path)
    # A file that only the first request reads is cached.
    touches = [*first.services, *second.touches]
    reads = [one for one in touches if one.kind is Kind.READ_FILE]
    others = [one for one in touches if one.kind is not Kind.READ_FILE]
    is_late = first.is_late and second.is_late
    if others:
        seen = f"GET {path} touches {_list(others)}: the app is restarted when that fails"
        yield Fault(seen, _LIVE_REMEDY, _find_place(others))
    elif is_late:
        yield _report_late(second, _LIVE_REMEDY)
    elif not second.is_success or second.is_redirect:
        yield _report_refusal(subject, second)
    if reads:
        yield Fault(
            f"GET {path} reads {_list(reads)} each time", _LIVE_REMEDY, _find_place(reads), True
        )


def _ask_about_readiness(
    subject: Subject, path: str, dependency: _Dependency | None
) -> Iterator[Fault]:
    up = None
    if subject.options.allows_network:
        up = _probe_twice_if_late(subject, path)
        if up.is_late:
            yield _report_late(up, _TIME_REMEDY)
        elif not up.is_success:
            seen = f"{up.describe()}, with connections allowed"
            yield Fault(seen, "start what it asks for, as production has it", is_warning=True)
    down = _probe_twice_if_late(subject, path, denies=True)
    end = monotonic() + _CACHE_SECONDS
    while up is not None and up.services and not down.services and monotonic() < end:
        sleep(0.25)  # the result of the first request is cached
        down = probe(subject, path, denies=True)
    if down.services or up is None or not up.services:
        yield from _judge_readiness(subject, down, dependency)
    if any(one.path == path and one.owner != "app" for one in find_probes(subject.app)):
        yield from _fail_a_check(subject, path)


def _probe_twice_if_late(subject: Subject, path: str, *, denies: bool = False) -> ProbeResponse:
    """Send a request, and another if the first one takes long: this machine may be busy."""
    first = probe(subject, path, denies=denies)
    return probe(subject, path, denies=denies) if first.is_late else first


def _judge_readiness(
    subject: Subject, down: ProbeResponse, dependency: _Dependency | None
) -> Iterator[Fault]:
    """Yield a fault for a response while all that the app uses is down."""
    if down.services:
        if down.is_success:
            yield from _explain_success(down)
    elif down.is_late:
        yield _report_late(down, _TIME_REMEDY)
    elif down.is_redirect or down.response.status_code in _REFUSALS:
        yield _report_refusal(subject, down)
    elif down.is_success and dependency is not None:
        # A thread may have asked before, or have been handed the question.
        yield Fault(
            f"{down.describe()} and asks nothing; the app uses {dependency.package}",
            _READY_REMEDY,
            dependency.place,
            is_warning=has_threads_of_its_own() or not dependency.is_vital,
        )


def _explain_success(down: ProbeResponse) -> Iterator[Fault]:
    report = down.response.json()
    is_degraded = isinstance(report, dict) and report.get("status") == "degraded"
    checks = report.get("checks") if isinstance(report, dict) else None
    if is_degraded and isinstance(checks, dict) and "ok" in checks.values():
        return  # it is unknown which of the checks has failed
    seen = f"{down.describe()} while {_list(down.services)} fails"
    if is_degraded:
        yield Fault(f"{seen}: no check is critical", "leave critical=False out", None, True)
    else:
        yield Fault(seen, _READY_REMEDY, _find_place(down.services))


def _fail_a_check(subject: Subject, path: str) -> Iterator[Fault]:
    """Replace the checks of our middlewares by one that fails, and send a request."""
    failing = Readiness({"doctor": lambda: False}, ttl=0)
    before = {health: health.readiness for health in find_middlewares(subject.app, Health)}
    try:
        for health in before:
            health.readiness = failing
        result = probe(subject, path)
    finally:
        for health, its_own in before.items():
            health.readiness = its_own
    if result.is_success:
        seen = f"{result.describe()} while a check fails: a middleware outside changes it"
        yield Fault(seen, "have observe() outside of the other middlewares")


def _ask_about_settings(subject: Subject) -> Iterator[Fault]:
    """Yield the problems of our own middlewares, which the boot line reports too."""
    healths = find_middlewares(subject.app, Health)
    seconds = max((one.readiness.max_timeout for one in healths), default=0.0)
    if seconds > PROBE_TIMEOUT:
        seen = f"a check may take {seconds:g} s; a probe waits for {PROBE_TIMEOUT:g} s by default"
        yield Fault(seen, "lower check_timeout, or raise timeoutSeconds", is_warning=True)
    with suppress(SettingsError):
        settings = Settings.from_env(os.environ)
        gunicorn = subject.gunicorn or {}
        timeout = float(str(gunicorn.get("timeout") or 0))
        problems = [
            *check_readiness(subject.app, settings, timeout, gunicorn.get("worker_class_str")),
            *check_probe_paths(subject.app, settings),
        ]
        for problem in problems if healths else ():
            seen, _, remedy = problem.partition(": ")
            yield Fault(seen, remedy, is_warning=True)


def _report_refusal(subject: Subject, refused: ProbeResponse) -> Fault:
    is_named = refused.path in (subject.options.live_path, subject.options.ready_path)
    if refused.response.status_code == 404 and not is_named:
        raise NotApplicable(f"{refused.describe()}: its route is another host's")
    is_login = refused.is_redirect or refused.response.status_code in (401, 403)
    return Fault(refused.describe(), _LOGIN_REMEDY if is_login else _ROUTE_REMEDY)


def _report_late(late: ProbeResponse, remedy: str) -> Fault:
    seen = f"GET {late.path} takes {late.seconds:.1f} s; a probe waits for {PROBE_TIMEOUT:g} s"
    return Fault(seen, remedy)


def _list(touches: Iterable[Touch]) -> str:
    named = list(dict.fromkeys(one.what for one in touches))
    whats = [one for one in named if one not in _UNNAMED] or named
    more = len(whats) - _MAX_SHOWN
    return ", ".join(whats[:_MAX_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _find_place(touches: Iterable[Touch]) -> str | None:
    return next((one.place for one in touches if one.place is not None), None)
