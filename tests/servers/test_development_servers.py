"""The development servers of Flask and Django: their own access lines are not lines beside ours."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.marks import first_by_default
from tests.support import eventually, running

ROOT = Path(__file__).parents[2]

FLASK = """
from flask import Flask
from wsgi_observe import configure_logging
from wsgi_observe.flask import Observe

configure_logging(log_format="json")
app = Flask("shop")
Observe(app)

@app.get("/")
def index(): return "fine"

@app.get("/boom")
def boom(): raise ValueError("boom")
"""

DJANGO = """
import os, sys
from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
from wsgi_observe import configure_logging, observe

def boom(request): raise ValueError("boom")
urlpatterns = [path("", lambda request: HttpResponse("fine")), path("boom", boom)]
settings.configure(
    DEBUG=False, ALLOWED_HOSTS=["127.0.0.1"], SECRET_KEY="k", ROOT_URLCONF=__name__,
    WSGI_APPLICATION="program.application", USE_TZ=True,
)
configure_logging(log_format="json")
if __name__ == "__main__":
    sys.modules["program"] = sys.modules["__main__"]
    application = observe(get_wsgi_application())
    execute_from_command_line(["manage", "runserver", "--noreload", sys.argv[1]])
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.parametrize(
    ("source", "command"),
    [
        pytest.param(FLASK, ["-m", "flask", "--app", "program", "run", "--port", "{}"], id="Flask"),
        pytest.param(DJANGO, ["program.py", "127.0.0.1:{}"], id="Django"),
    ],
)
def test_each_request_has_one_access_line_and_no_colours(
    source: str, command: list[str], tmp_path: Path
) -> None:
    (tmp_path / "program.py").write_text(source)
    port = free_port()
    arguments = [each.format(port) for each in command]
    env = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)]), "PYTHONUNBUFFERED": "1"}
    with running(sys.executable, *arguments, cwd=tmp_path, env=env) as server:
        eventually(lambda: accepts(port))
        for path, status in (("/", 200), ("/nowhere", 404), ("/boom", 500)):
            assert server.get(path, {"X-Request-ID": path}).status == status
            server.log_of(path)
        (error,) = [line for line in server.records if line["level"] == "ERROR"]
        assert (error["request_id"], error["exc_type"]) == ("/boom", "ValueError")
        assert not [line for line in server.records if '"GET /' in line["message"]]
        assert not [line for line in server.lines if line.startswith("{") and "\\u001b" in line]


STOPPED = """
import signal, sys, time
from wsgi_observe import configure_logging, observe

configure_logging(log_format="json")

def app(environ, start_response):
    print("begun", flush=True)
    for _ in range(1000):
        time.sleep(0.02)
    return []

def exit(number, frame):
    sys.exit(0)

app = observe(app)
port = int(sys.argv[2])
"""

STARTS = {
    "Werkzeug": """
from werkzeug.serving import run_simple
run_simple("127.0.0.1", port, app)
""",
    "Werkzeug with threads": """
from werkzeug.serving import run_simple
run_simple("127.0.0.1", port, app, threaded=True)
""",
    "Waitress": """
from waitress import serve
signal.signal(signal.SIGTERM, exit)
serve(app, host="127.0.0.1", port=port, _quiet=True)
""",
    "gevent": """
from gevent.pywsgi import WSGIServer
signal.signal(signal.SIGTERM, exit)
WSGIServer(("127.0.0.1", port), app).serve_forever()
""",
}


@pytest.mark.parametrize(
    "number", first_by_default([signal.SIGINT, signal.SIGTERM]), ids=["Ctrl-C", "SIGTERM"]
)
@pytest.mark.parametrize("server", STARTS)
def test_a_signal_stops_the_server_although_a_request_runs(
    server: str, number: signal.Signals, tmp_path: Path
) -> None:
    (tmp_path / "program.py").write_text(STOPPED + STARTS[server])
    port = free_port()
    program = f"print('http://127.0.0.1:{port}', flush=True); import program"
    command = [sys.executable, "-c", program, "run", str(port)]
    env = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
    with running(*command, cwd=tmp_path, env=env) as started:
        eventually(lambda: accepts(port))
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            started.wait_for(lambda: "begun" in started.lines)
            started.stop(number)
    assert not [line for line in started.records if line["level"] == "ERROR"]


def accepts(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
