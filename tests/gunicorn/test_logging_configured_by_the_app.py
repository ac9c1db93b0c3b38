"""Apps that configure logging themselves: no failure is silent, no line is plain text."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, IncompleteRead
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent, indent
from typing import Any

import pytest

from tests.gunicorn.serving import (
    BY_LOGGER,
    ROOT,
    access_of,
    bare,
    boots,
    gunicorn,
    lines_with,
    reload,
)
from tests.support import Server, eventually, strict_json

pytestmark = pytest.mark.slow

A_FEW_SECONDS = 2.6  # two comparisons are two seconds apart

# What apps do, on the loggers `shop`, which exists by then, and `shop.db`.
CONFIGURATIONS = {
    "dictConfig": """
        logging.config.dictConfig({"version": 1, "root": {"handlers": ["console"], "level": "INFO"},
            "handlers": {"console": {"class": "logging.StreamHandler"}}})
    """,
    "fileConfig, as Alembic calls it": """
        with open("alembic.ini", "w") as file:
            file.write("[loggers]\\nkeys=root\\n[handlers]\\nkeys=console\\n[formatters]\\nkeys=plain\\n"
                "[logger_root]\\nlevel=WARNING\\nhandlers=console\\n[handler_console]\\n"
                "class=StreamHandler\\nargs=(sys.stderr,)\\nlevel=NOTSET\\nformatter=plain\\n"
                "[formatter_plain]\\nformat=%(levelname)-5.5s [%(name)s] %(message)s\\n")
        logging.config.fileConfig("alembic.ini")
    """,
    "basicConfig": """
        logging.basicConfig(force=True, level="INFO", format="%(message)s")
    """,
    "a console handler with a filter": """
        handler = logging.StreamHandler()
        handler.addFilter(lambda record: False)
        log.addHandler(handler)
    """,
    "no propagation": """
        log.propagate = False
    """,
    "Gunicorn's own handlers": """
        log.handlers = logging.getLogger("gunicorn.error").handlers
        log.setLevel(logging.getLogger("gunicorn.error").level)
        log.propagate = False
    """,
    "a file for its errors": """
        log.addHandler(logging.FileHandler("errors"))
        log.propagate = False
    """,
    "Flask's documentation": """
        logging.config.dictConfig({"version": 1, "root": {"handlers": ["wsgi"], "level": "INFO"},
            "handlers": {"wsgi": {"class": "logging.StreamHandler",
                "stream": "ext://flask.logging.wsgi_errors_stream"}}})
    """,
    "a filter that raises for records of others": """
        def of_shop(record):
            if not record.name.startswith("shop"): raise RuntimeError("no request")
            return True
        handler = logging.StreamHandler()
        handler.addFilter(of_shop)
        logging.getLogger().addHandler(handler)
        kept = logging.NullHandler()
        kept.handle = of_shop
        logging.getLogger().addHandler(kept)
    """,
    "a loop over root's handlers": """
        for handler in logging.getLogger().handlers:
            handler.setFormatter(logging.Formatter("%(message)s"))
            handler.setLevel(logging.CRITICAL)
            handler.addFilter(lambda record: False)
    """,
    "a queue": """
        import logging.handlers, queue
        handler = logging.handlers.QueueHandler(queue.SimpleQueue())
        logging.handlers.QueueListener(handler.queue, logging.StreamHandler()).start()
        logging.basicConfig(force=True, handlers=[handler], level="INFO")
    """,
    "prints that are logged": """
        class Prints:
            def __init__(self): self.logger = log
            def write(self, text): self.logger.warning(text)
            def flush(self): pass
        sys.stdout = Prints()
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
    """,
    "no handlers": """
        logging.getLogger().handlers.clear()
    """,
    "everything off": """
        logging.disable(logging.CRITICAL)
    """,
    "all but warnings off": """
        logging.disable(logging.INFO)
    """,
    "a level that hides errors": """
        logging.getLogger().setLevel(logging.CRITICAL)
    """,
}

APP = """
import logging, logging.config, sys
log = logging.getLogger("shop")
def configure():
    pass
{configuration}
{at_import}
def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/configure": configure()
    if path == "/boom": raise ValueError("boom")
    if path == "/logged":
        try: {{}}["order"]
        except KeyError: log.exception("no order, password=hunter22")
        start_response("500 Oops", [("Content-Type", "application/json")])
        return [b'{{"failed": true}}']
    start_response("200 OK", [("Content-Type", "text/plain")])
    def chunks():
        yield b"half"
        raise RuntimeError("in the middle")
    return chunks() if path == "/half" else [b"fine"]
"""


def write_app(place: Path, configuration: str, *, at_import: bool) -> None:
    """Write an app that configures logging when it is imported, or at `/configure`."""
    body = indent(dedent(configuration), "    ")
    call = "configure()" if at_import else ""
    (place / "shop_app.py").write_text(APP.format(configuration=body, at_import=call))


@pytest.fixture(params=CONFIGURATIONS)
def configuration(request: pytest.FixtureRequest) -> str:
    return CONFIGURATIONS[request.param]


def errors_of(server: Server, request_id: str) -> list[dict[str, Any]]:
    return [line for line in server.log_of(request_id) if line["level"] == "ERROR"]


def assert_no_failure_is_silent(server: Server) -> None:
    assert server.get("/fine", {"X-Request-ID": "fine"}).status == 200
    assert access_of(server, "fine")["level"] == "INFO"
    for path, kind in (("/boom", "ValueError"), ("/logged", "KeyError")):
        assert server.get(path, {"X-Request-ID": path}).status == 500
        (error,) = errors_of(server, path)
        assert error["exc_type"] == kind
        assert "Traceback" in error["exc_info"]
        assert "hunter22" not in str(error)
    with suppress(IncompleteRead):
        server.get("/half", {"X-Request-ID": "half"})
    (error,) = errors_of(server, "half")
    assert error["exc_type"] == "RuntimeError"
    assert access_of(server, "half")["outcome"] == "broken"
    assert [line for line in server.lines if not line.startswith("{")] == []


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
def test_an_app_that_configures_logging_at_import_silences_nothing(
    configuration: str, preload: tuple[str, ...], tmp_path: Path
) -> None:
    write_app(tmp_path, configuration, at_import=True)
    with gunicorn(*preload, app="shop_app:app", cwd=tmp_path) as server:
        assert_no_failure_is_silent(server)
        worker = access_of(server, "fine")["pid"]
        os.kill(worker, signal.SIGKILL)
        server.wait_for(lambda: len(boots(server)) == 2)


@pytest.mark.parametrize("kind", ["sync", "gevent"])
def test_an_app_that_configures_logging_in_a_request_silences_nothing_some_seconds_later(
    configuration: str, kind: str, tmp_path: Path
) -> None:
    write_app(tmp_path, configuration, at_import=False)
    with gunicorn("-k", kind, app="shop_app:app", cwd=tmp_path) as server:
        server.get("/configure")
        time.sleep(A_FEW_SECONDS)
        assert_no_failure_is_silent(server)
        assert len(lines_with(server, "logging is configured by other code")) <= 1


def test_what_an_app_changed_is_reported_once(tmp_path: Path) -> None:
    write_app(tmp_path, CONFIGURATIONS["basicConfig"], at_import=False)
    with gunicorn(app="shop_app:app", cwd=tmp_path) as server:
        for _ in range(3):
            server.get("/configure")
        server.wait_for(lambda: lines_with(server, "logging is configured by other code"))
        (line,) = lines_with(server, "logging is configured by other code")
        assert (line["level"], line["logger"]) == ("WARNING", "wsgi_observe.logs")
        assert "was replaced by StreamHandler" in line["message"]


def test_an_app_whose_first_request_disables_loggers_still_logs_its_failure(
    tmp_path: Path,
) -> None:
    (tmp_path / "late_app.py").write_text(
        "import logging.config\n"
        "def app(environ, start_response):\n"
        "    logging.config.dictConfig({'version': 1})\n"
        "    raise ValueError('boom')\n"
    )
    with gunicorn(app="late_app:app", cwd=tmp_path) as server:
        assert server.get("/", {"X-Request-ID": "first"}).status == 500
        (error,) = errors_of(server, "first")
        assert error["exc_type"] == "ValueError"


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
def test_a_request_that_dies_is_named_where_the_app_disabled_every_logger(
    preload: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "dying_app.py").write_text(
        "import logging.config, os\n"
        "logging.config.dictConfig({'version': 1})\n"
        "def app(environ, start_response):\n"
        "    os._exit(7)\n"
    )
    with gunicorn(*preload, app="dying_app:app", cwd=tmp_path) as server:
        with suppress(OSError, HTTPException):
            server.get("/", {"X-Request-ID": "dies"})
        (line,) = server.wait_for(lambda: server.lines_of("dies"))
        assert (line["level"], line["outcome"]) == ("ERROR", "died")


def test_lines_of_an_app_that_is_imported_are_ours(tmp_path: Path) -> None:
    (tmp_path / "talking_app.py").write_text(
        "import logging, sys\n"
        "for name in ('', 'shop', 'shop.db'):\n"
        "    handler = logging.StreamHandler(sys.stdout)\n"
        "    logger = logging.getLogger(name)\n"
        "    logger.addHandler(handler)\n"
        "    logger.propagate = False\n"
        "    logger.warning('said by %r', name)\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [b'']\n"
    )
    for preload in ((), ("--preload",)):
        with gunicorn(*preload, app="talking_app:app", cwd=tmp_path) as server:
            lines = [line["message"] for line in lines_with(server, "said by")]
            assert lines == ["said by ''", "said by 'shop'", "said by 'shop.db'"]
            assert [line for line in server.lines if not line.startswith("{")] == []


@pytest.mark.parametrize(
    ("env", "levels"),
    [
        ({"WSGI_OBSERVE_LOG_LEVEL": "INFO"}, ["INFO", "WARNING", "INFO"]),
        ({}, ["WARNING", "INFO"]),
    ],
    ids=["asked for", "not asked for"],
)
def test_a_level_of_the_environment_counts_over_that_of_the_app(
    env: dict[str, str], levels: list[str], tmp_path: Path
) -> None:
    (tmp_path / "quiet_app.py").write_text(
        "import logging\n"
        "logging.getLogger().setLevel('WARNING')\n"
        "def app(environ, start_response):\n"
        "    logging.getLogger('shop').info('info')\n"
        "    logging.getLogger('shop').warning('warning')\n"
        "    start_response('200 OK', [])\n"
        "    return [b'']\n"
    )
    with gunicorn(app="quiet_app:app", cwd=tmp_path, env=env) as server:
        server.get("/", {"X-Request-ID": "quiet"})
        assert [line["level"] for line in server.log_of("quiet")] == levels
        problems = boots(server)[0].get("problems", [])
        assert any("log_level asks for INFO" in one for one in problems) is bool(env)


FAILING = """
from flask import Flask
app = Flask("shop")
@app.get("/boom")
def boom(): raise ValueError("boom")
"""


def test_a_daemon_logs_to_the_error_log(tmp_path: Path) -> None:
    (tmp_path / "failing_app.py").write_text(FAILING)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = str(Path(sys.executable).with_name("gunicorn"))
    options = ("--daemon", "--error-logfile", "errors", "--pid", "pid", "-b", f"127.0.0.1:{port}")
    subprocess.run(
        [sys.executable, script, *options, *BY_LOGGER, "failing_app:app"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_RUNTIME_DIR": str(tmp_path)},
        check=True,
        timeout=20,
    )
    log = tmp_path / "errors"

    def lines() -> list[dict[str, Any]]:
        return [strict_json(line) for line in log.read_text().splitlines()] if log.exists() else []

    try:
        eventually(lambda: [one for one in lines() if one["message"].startswith("worker booted")])
        asking = HTTPConnection("127.0.0.1", port, timeout=20)
        asking.request("GET", "/boom", headers={"X-Request-ID": "daemon"})
        assert asking.getresponse().status == 500
        asking.close()
        found = eventually(lambda: [one for one in lines() if one["level"] == "ERROR"])
        assert [(one["request_id"], one["exc_type"]) for one in found] == [("daemon", "ValueError")]
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)
        eventually(lambda: not (tmp_path / "pid").exists())


@pytest.mark.parametrize("redirected", [True, False], ids=["", "without access lines"])
def test_syslog_gets_our_lines_and_no_query(redirected: bool, tmp_path: Path) -> None:
    (tmp_path / "failing_app.py").write_text(FAILING)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as syslog:
        syslog.bind(("127.0.0.1", 0))
        syslog.settimeout(20)
        to = "udp://{}:{}".format(*syslog.getsockname())
        options = ("--log-syslog", "--log-syslog-to", to)
        more = () if redirected else ("--disable-redirect-access-to-syslog",)
        with gunicorn(*options, *more, app="failing_app:app", cwd=tmp_path) as server:
            assert server.get("/boom?token=hunter22", {"X-Request-ID": "sys"}).status == 500
            server.log_of("sys")
        received = b""
        while b"Shutting down" not in received:
            received += syslog.recv(65536) + b"\n"
    assert b"hunter22" not in received
    texts = re.findall(rb"<\d+>gunicorn\.failing_app\.app: (\{.*?\})\x00", received)
    lines = [line for line in map(strict_json, texts) if line.get("request_id") == "sys"]
    access = ["wsgi_observe.access"] if redirected else []
    assert [line["logger"] for line in lines] == ["shop", *access]
    assert lines[0]["exc_type"] == "ValueError"


OBSERVED_ITSELF = {
    "configure_logging": "from wsgi_observe import configure_logging\nconfigure_logging()\n",
    "dictConfig": (
        "from logging.config import dictConfig\n"
        "from wsgi_observe.logs import logging_config\n"
        "dictConfig(logging_config())\n"
    ),
}


@pytest.mark.parametrize("kind", OBSERVED_ITSELF)
@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
def test_syslog_gets_the_lines_of_an_app_that_configures_our_logging_itself(
    kind: str, preload: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "own_app.py").write_text(OBSERVED_ITSELF[kind] + FAILING)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as syslog:
        syslog.bind(("127.0.0.1", 0))
        syslog.settimeout(20)
        options = ("--log-syslog", "--log-syslog-to", "udp://{}:{}".format(*syslog.getsockname()))
        with gunicorn(*options, *preload, app="own_app:app", cwd=tmp_path) as server:
            for request_id in ("before", "after"):
                server.get("/boom", {"X-Request-ID": request_id})
                server.log_of(request_id)
                received = b""
                while b"GET /boom 500" not in received:
                    received += syslog.recv(65536)
                assert received.count(b'"exc_info"') == 1
                if request_id == "before":
                    reload(server)


def can_run_as_nobody() -> bool:
    """Whether another user may run this very Python."""
    if os.geteuid() != 0:
        return False
    program = [sys.executable, "-c", "import http.server, wsgi_observe"]
    try:
        return subprocess.run(program, user=65534, capture_output=True).returncode == 0
    except PermissionError:
        return False


@pytest.mark.skipif(not can_run_as_nobody(), reason="takes root, and a Python that all may run")
def test_a_log_file_belongs_to_the_workers_user_after_a_rotation_too() -> None:
    with TemporaryDirectory() as place:
        log = Path(place, "app.log")
        log.parent.chmod(0o755)
        env = {"WSGI_OBSERVE_LOG_STREAM": str(log)}
        options = ("--user", "65534", "--group", "65534")
        with bare(*BY_LOGGER, *options, env=env, app="tests.gunicorn.talking:app") as server:
            assert (log.stat().st_uid, log.stat().st_gid) == (65534, 65534)
            log.rename(Path(place, "app.log.1"))
            os.kill(server.process.pid, signal.SIGUSR1)
            eventually(log.exists)
            assert (log.stat().st_uid, log.stat().st_gid) == (65534, 65534)
            server.get("/", {"X-Request-ID": "rotated"})
            eventually(lambda: "GET / 200" in log.read_text())
