"""Question 12 of the doctor: does liveness touch nothing, and does readiness ask what is needed?"""

import socket
from pathlib import Path

import pytest

from tests.doctor.examining import ask_one
from tests.marks import slow_except
from wsgi_observe.doctor.answer import Result

HELLO = """
from flask import Flask
app = Flask(__name__)
"""

LIVE = """
@app.get("/health")
def live():
    return "ok"
"""

DATABASE = (
    HELLO
    + LIVE
    + """
from sqlalchemy import create_engine, text
engine = create_engine("sqlite:///shop.db")
def ping():
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
"""
)

READY = """
@app.get("/ready")
def ready():
    try:
        ping()
    except Exception:
        return "no", 503
    return "ok"
"""

OBSERVE = """
from wsgi_observe import Check, observe
app.wsgi_app = observe(app.wsgi_app, checks={"db": ping})
"""


def live(*lines: str) -> str:
    """Return an app whose liveness probe runs these lines."""
    return HELLO + "@app.get('/health')\ndef live():\n    " + "\n    ".join(lines)


MISSING = {
    "both": (HELLO, "no probes: no route at /health, /healthz, /ready or the like"),
    "readiness": (
        DATABASE,
        "no readiness probe: no route at /ready, /readyz or the like; the app uses sqlalchemy",
    ),
    "liveness": (
        DATABASE.replace("/health", "/orders") + READY,
        "no liveness probe: no route at /health, /livez or the like",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["both", "readiness", "liveness"])
def test_a_probe_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    source, seen = MISSING[name]
    answer = ask_one(tmp_path, source, 12)
    assert answer.result is Result.FAIL
    assert [fault.seen for fault in answer.faults] == [seen]


TOUCHING = {
    "sqlalchemy": (
        DATABASE.replace('return "ok"', 'ping(); return "ok"') + READY,
        "the SQLite database {folder}/shop.db",
    ),
    "sqlite": (
        live("import sqlite3", "return str(sqlite3.connect(':memory:').execute('SELECT 1'))"),
        "the SQLite database :memory:",
    ),
    "open-connection": (
        "import sqlite3\ndb = sqlite3.connect(':memory:')"
        + live("return str(db.execute('SELECT 1').fetchone())"),
        "an SQLite database",
    ),
    "open-socket": (
        """
import socket, threading
server = socket.create_server(("127.0.0.1", 0))
client = socket.socket()
client.setblocking(False)
"""
        + live(
            "try:",
            "    client.send(b'PING')",
            "except OSError:",
            "    pass",
            "return 'ok'",
        ),
        "a socket",
    ),
    "psycopg": (live("import psycopg", "return psycopg.connect('host=127.0.0.1')"), "PostgreSQL"),
    "redis": (live("import redis", "return redis.Redis().ping()"), "Redis"),
    "requests": (
        live("import requests", "return requests.get('http://shop.example').text"),
        "a connection to shop.example:80",
    ),
    "socket": (
        live("import socket", "return str(socket.create_connection(('127.0.0.1', 9)))"),
        "a connection to 127.0.0.1:9",
    ),
    "process": (
        live("import subprocess", "return subprocess.check_output(['true'])"),
        "a process: true",
    ),
    "written-file": (
        live("import pathlib", "return str(pathlib.Path('beat').write_text('1'))"),
        "the file beat",
    ),
    "touched-file": (
        live("import pathlib", "pathlib.Path('beat').touch()", "return 'ok'"),
        "the file beat",
    ),
    "fork": (
        live("import os", "os.waitpid(os.fork() or os._exit(0), 0)", "return 'ok'"),
        "a process",
    ),
    "thread": (
        live(
            "import threading",
            "thread = threading.Thread(target=lambda: open('beat', 'w').close())",
            "thread.start(); thread.join()",
            "return 'ok'",
        ),
        "the file beat",
    ),
}


@pytest.mark.parametrize("name", slow_except(TOUCHING, "sqlalchemy"))
def test_what_liveness_touches_is_named(tmp_path: Path, name: str) -> None:
    source, touched = TOUCHING[name]
    answer = ask_one(tmp_path, source, 12)
    fault = next(fault for fault in answer.faults if fault.seen.startswith("GET /health"))
    expected = touched.format(folder=tmp_path)
    assert fault.seen == (f"GET /health touches {expected}: the app is restarted when that fails")
    assert fault.where is not None
    assert fault.where.startswith("shop.py:")


SWALLOWING_CHECK = """
def suppressed():
    try:
        ping()
    except Exception:
        pass
"""
LOGIN = """
from flask import redirect, request
@app.before_request
def login():
    if request.path == "/ready":
        return redirect("/login")
"""
ALWAYS_200 = """
class Always200:
    def __init__(self, app):
        self.app = app
    def __call__(self, environ, start_response):
        return self.app(environ, lambda status, *rest: start_response("200 OK", *rest))
app.wsgi_app = Always200(app.wsgi_app)
"""
NOT_FAILING = {
    "swallowed": (
        DATABASE + READY.replace('"no", 503', '"no"'),
        "answers 200 text/html while the SQLite database {folder}/shop.db fails",
    ),
    "swallowed-in-a-check": (
        DATABASE + SWALLOWING_CHECK + OBSERVE.replace(": ping", ": suppressed"),
        "answers 200 application/json while the SQLite database {folder}/shop.db fails",
    ),
    "asks-nothing": (
        DATABASE + READY.replace("ping()", "pass"),
        "answers 200 text/html and asks nothing; the app uses sqlalchemy",
    ),
    "no-checks": (
        DATABASE + OBSERVE.replace('checks={"db": ping}', ""),
        "answers 200 application/json and asks nothing; the app uses sqlalchemy",
    ),
    "login": (DATABASE + READY + LOGIN, "answers 302 text/html to /login"),
    "late": (
        DATABASE + READY.replace("ping()", "import time; time.sleep(1.3)"),
        "takes ",
    ),
    "changed-outside": (
        DATABASE + OBSERVE + ALWAYS_200,
        "answers 200 application/json while a check fails: a middleware outside changes it",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NOT_FAILING)
def test_readiness_that_does_not_fail_is_named(tmp_path: Path, name: str) -> None:
    source, seen = NOT_FAILING[name]
    answer = ask_one(tmp_path, source, 12)
    assert answer.result is Result.FAIL
    expected = f"GET /ready {seen.format(folder=tmp_path)}"
    assert any(fault.seen.startswith(expected) for fault in answer.faults)
    assert not (tmp_path / "shop.db").exists()


EVENT_LOOP = """import asyncio
    await asyncio.to_thread(int)
    """
BACKGROUND = """
import sqlite3, threading, time
def poll():
    while True:
        sqlite3.connect(":memory:").execute("SELECT 1")
        open("beat", "w").close()
        time.sleep(0.01)
threading.Thread(target=poll, daemon=True).start()
"""
WARNED = {
    "optional-client": (
        HELLO + LIVE + "import requests" + READY.replace("ping()", "pass"),
        "GET /ready answers 200 text/html and asks nothing; the app uses requests",
    ),
    "asked-before": (
        BACKGROUND + DATABASE + READY.replace("ping()", "pass"),
        "GET /ready answers 200 text/html and asks nothing; the app uses sqlalchemy",
    ),
    "no-critical-check": (
        DATABASE + OBSERVE.replace("ping}", "Check(ping, critical=False)}"),
        "fails: no check is critical",
    ),
    "long-check": (
        DATABASE + OBSERVE.replace("ping}", "Check(ping, timeout=5)}"),
        "a check may take 5 s; a probe waits for 1 s by default",
    ),
    "read-file": (live("return open('shop.txt').read()"), "reads the file shop.txt each time"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WARNED)
def test_what_depends_on_more_than_the_app_is_a_warning(tmp_path: Path, name: str) -> None:
    source, seen = WARNED[name]
    (tmp_path / "shop.txt").write_text("1")
    answer = ask_one(tmp_path, source, 12)
    assert answer.result is Result.WARN
    assert answer.faults[0].seen.endswith(seen)


DJANGO = """
from django.conf import settings
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["shop.example"], DATABASES={
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.db"},
})
from django.core.wsgi import get_wsgi_application
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.urls import include, path
def ready(request):
    try:
        connection.cursor().execute("SELECT 1")
    except OperationalError:
        return HttpResponse("no", status=503)
    return HttpResponse("ok")
urlpatterns = [path("shop/", include([
    path("healthz/", lambda request: HttpResponse("ok")), path("readyz/", ready),
]))]
app = get_wsgi_application()
"""
BOTTLE = """
import redis
from bottle import Bottle
app = Bottle()
app.get("/ping", callback=lambda: "ok")
@app.get("/health")
def ready():
    redis.Redis().ping()
"""
FALCON = """
import falcon, psycopg
class Live:
    def on_get(self, request, response): response.text = "ok"
class Ready:
    def on_get(self, request, response):
        try:
            psycopg.connect("host=127.0.0.1", connect_timeout=1).execute("SELECT 1")
        except psycopg.OperationalError:
            raise falcon.HTTPServiceUnavailable()
app = falcon.App()
app.add_route("/livez", Live())
app.add_route("/readyz", Ready())
"""
PYRAMID = """
from pyramid.config import Configurator
from pyramid.response import Response
config = Configurator()
config.add_route("live", "/health/live")
config.add_view(lambda request: Response("ok"), route_name="live")
app = config.make_wsgi_app()
"""
LOGGED = """
import logging, pathlib
from flask import render_template
pathlib.Path("templates").mkdir()
pathlib.Path("templates/health.html").write_text("ok")
app.config["TEMPLATES_AUTO_RELOAD"] = True
logging.root.addHandler(logging.FileHandler("shop.log", delay=True))
@app.get("/health")
def live():
    app.logger.error("called")
    logging.root.handlers[0].close()
    return render_template("health.html")
"""
MOUNTED = (
    DATABASE
    + READY
    + """
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
app = DispatcherMiddleware(NotFound(), {"/shop": app})
"""
)
PASSING = {
    "hello-observed": (HELLO, {"is_observed": True}),
    "database": (DATABASE + READY, {}),
    "database-connected": (DATABASE + READY, {"allows_network": True}),
    "checks": (DATABASE + OBSERVE, {}),
    "checks-connected": (DATABASE + OBSERVE, {"allows_network": True}),
    "no-dependency": (HELLO + LIVE, {}),
    "paths-given": (
        (DATABASE + READY).replace("/health", "/a").replace("/ready", "/b"),
        {"live_path": "/a", "ready_path": "/b"},
    ),
    "with-a-slash": ((DATABASE + READY).replace("/health", "/health/"), {}),
    "django": (DJANGO, {}),
    "bottle": (BOTTLE, {}),
    "falcon": (FALCON, {}),
    "pyramid": (PYRAMID, {}),
    "log-and-template": (HELLO + LOGGED, {}),
    "mounted": (MOUNTED, {}),
    "variable-path": (
        HELLO + "@app.get('/healthz/<name>')\ndef probe(name):\n    return 'ok'",
        {},
    ),
    "event-loop": (
        HELLO + LIVE.replace("def live", "async def live").replace("return", EVENT_LOOP + "return"),
        {},
    ),
    "another-thread": (
        BACKGROUND + HELLO + LIVE.replace("return", "time.sleep(0.2)\n    return"),
        {},
    ),
}


@pytest.mark.parametrize("name", slow_except(PASSING, "hello-observed", "database"))
def test_probes_that_ask_what_is_needed_pass(tmp_path: Path, name: str) -> None:
    source, options = PASSING[name]
    answer = ask_one(tmp_path, source, 12, **options)
    assert (answer.result, answer.faults) == (Result.PASS, ())


@pytest.mark.slow
def test_a_driver_in_c_opens_no_connection_without_leave(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.0)
        address = f"host=127.0.0.1 port={server.getsockname()[1]}"
        source = live("import psycopg", f"return psycopg.connect({address!r})")
        answer = ask_one(tmp_path, source, 12)
        assert "touches PostgreSQL" in answer.faults[-1].seen
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.slow
def test_a_probe_of_another_host_is_not_judged(tmp_path: Path) -> None:
    source = HELLO.replace("__name__", "__name__, subdomain_matching=True") + LIVE
    source += "app.config['SERVER_NAME'] = 'shop.example'"
    answer = ask_one(tmp_path, source.replace('health"', 'health", subdomain="api"'), 12)
    assert answer.result is Result.SKIP


@pytest.mark.slow
def test_routes_of_an_unknown_app_are_not_guessed(tmp_path: Path) -> None:
    source = """
def app(environ, start_response):
    raise AssertionError("called by the doctor")
"""
    answer = ask_one(tmp_path, source, 12)
    assert answer.result is Result.SKIP


@pytest.mark.slow
def test_a_probe_that_does_not_answer_is_one_fault(tmp_path: Path) -> None:
    source = """
import time
from flask import Flask
app = Flask(__name__)
@app.get("/health")
def health():
    time.sleep(60)
"""
    (fault,) = ask_one(tmp_path, source, 12).faults
    assert fault.seen == "GET /health takes 5.0 s; a probe waits for 1 s"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "result"), [("sqlite3", Result.PASS), ("postgresql", Result.FAIL)]
)
def test_readiness_of_a_django_project_asks_for_its_server_but_not_for_a_file(
    tmp_path: Path, engine: str, result: Result
) -> None:
    source = f"""
    from django.conf import settings
    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["shop.example"], DATABASES={{
        "default": {{"ENGINE": "django.db.backends.{engine}", "NAME": "shop"}},
    }})
    from django.core.wsgi import get_wsgi_application
    urlpatterns = []
    app = get_wsgi_application()
    """
    assert ask_one(tmp_path, source, 12, is_observed=True).result is result
