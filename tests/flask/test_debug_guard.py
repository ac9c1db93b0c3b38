"""The debug guard: Werkzeug's debugger never meets a production server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.debug import DebuggedApplication
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from tests.calls import call
from tests.conftest import Log
from tests.support import running
from wsgi_observe.flask import Observe


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a Gunicorn worker looks like from inside."""
    monkeypatch.setenv("SERVER_SOFTWARE", "gunicorn/27.0.1")
    monkeypatch.setitem(sys.modules, "gunicorn.arbiter", sys)


def debugged(app: Any) -> DebuggedApplication:
    return DebuggedApplication(app, evalex=True, pin_security=False)


def with_a_function(app: Any) -> Any:
    @wraps(app)
    def middleware(environ: Any, start_response: Any) -> Any:
        return app(environ, start_response)

    return middleware


WRAPPED = [
    pytest.param(debugged, id="alone"),
    pytest.param(lambda app: ProxyFix(debugged(app)), id="below ProxyFix"),
    pytest.param(lambda app: with_a_function(debugged(app)), id="below a function"),
    pytest.param(lambda app: DispatcherMiddleware(app, {"/d": debugged(app)}), id="mounted"),
]


@pytest.mark.parametrize("wrap", WRAPPED)
@pytest.mark.parametrize("settings", [{}, {"allow_debug": True}], ids=str)
def test_the_debugger_in_production_refuses_to_start(
    wrap: Any, settings: Any, production: None
) -> None:
    app = Flask("shop")
    app.wsgi_app = wrap(app.wsgi_app)  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match=r"DebuggedApplication .* Gunicorn.* Remove it"):
        Observe(app, **settings)
    assert "wsgi_observe" not in app.extensions


@pytest.mark.parametrize("wrap", WRAPPED[:3])
def test_the_debugger_put_round_it_later_is_refused_each_request(
    wrap: Any, production: None, log: Log
) -> None:
    app = Flask("shop")
    app.add_url_rule("/", "hello", lambda: "hello")
    Observe(app)
    app.wsgi_app = wrap(app.wsgi_app)  # type: ignore[method-assign]
    for _ in range(2):
        assert call(app).code == 500
    line, access = log.errors
    assert "DebuggedApplication" in line["message"]
    assert access["logger"] == "wsgi_observe.access"  # of the second: its reason is said once


def test_debug_in_production_refuses_to_start(production: None) -> None:
    app = Flask("shop")
    app.debug = True
    with pytest.raises(RuntimeError, match="DEBUG is on under Gunicorn"):
        Observe(app)
    Observe(app, allow_debug=True)


@pytest.mark.parametrize("module", ["uwsgi", "mod_wsgi"])
def test_these_servers_are_known_by_their_module(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, sys)
    app = Flask("shop")
    app.debug = True
    with pytest.raises(RuntimeError, match=module):
        Observe(app)


def test_elsewhere_nothing_is_refused() -> None:
    app = Flask("shop")
    app.debug = True
    app.wsgi_app = debugged(app.wsgi_app)  # type: ignore[method-assign]
    app.add_url_rule("/", "hello", lambda: "hello")
    Observe(app)
    assert call(app).body == b"hello"


def test_trapping_leaves_one_warning(log: Log) -> None:
    app = Flask("shop")
    app.config["TRAP_HTTP_EXCEPTIONS"] = True
    Observe(app)
    (line,) = log.warnings
    assert "TRAP_HTTP_EXCEPTIONS" in line["message"]
    assert call(app, "/nowhere").json["code"] == 500  # as Flask has it


SHOP = """
from flask import Flask
from wsgi_observe.flask import Observe

app = Flask("shop")
app.debug = {debug}
Observe(app)


@app.get("/crash")
def crash():
    raise ValueError("secret-4242")
"""


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    def write(debug: bool) -> Path:
        (tmp_path / "shop.py").write_text(SHOP.format(debug=debug))
        return tmp_path

    return write


GUNICORN = (sys.executable, "-m", "gunicorn", "--bind=127.0.0.1:0", "shop:app")


@pytest.mark.parametrize("option", ["--workers=1", "--preload"])
def test_gunicorn_refuses_to_boot_with_debug_on(option: str, shop: Any) -> None:
    done = subprocess.run(
        [*GUNICORN, option], cwd=shop(debug=True), capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "DEBUG is on under Gunicorn" in done.stderr


def test_gunicorn_with_reload_may_have_debug_on(shop: Any) -> None:
    with running(*GUNICORN, "--reload", cwd=shop(debug=True)) as server:
        assert server.get("/nowhere").json["code"] == 404


def test_gunicorn_serves_it_without(shop: Any) -> None:
    with running(*GUNICORN, cwd=shop(debug=False)) as server:
        assert server.get("/crash").json["code"] == 500


@pytest.mark.parametrize("reload", ["--reload", "--no-reload"])
def test_flask_run_with_debug_has_its_debugger(reload: str, shop: Any) -> None:
    command = (sys.executable, "-m", "flask", "--app=shop", "run", "--debug", "--port=0", reload)
    with running(*command, cwd=shop(debug=True)) as server:
        answer = server.get("/crash")
        assert answer.status == 500
        assert b"secret-4242" in answer.body
        assert b"Werkzeug Debugger" in answer.body or b"debugger" in answer.body
        server.stop(signal.SIGINT)


def test_flask_run_answers_with_the_envelope(shop: Any) -> None:
    command = (sys.executable, "-m", "flask", "--app=shop", "run", "--port=0")
    with running(*command, cwd=shop(debug=False)) as server:
        answer = server.get("/crash")
        assert answer.json["code"] == 500
        assert answer.json["request_id"] == answer.headers["X-Request-ID"]
        server.stop(signal.SIGINT)


def test_a_child_process_of_gunicorns_is_not_gunicorn() -> None:
    code = "from wsgi_observe.flask.debug_guard import get_production_server as p; print(p())"
    env = {**os.environ, "SERVER_SOFTWARE": "gunicorn/27.0.1"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.stdout.strip() == "None"
