"""The process in which the doctor loads an app: its limits, and what goes wrong there."""

import os
from pathlib import Path
from textwrap import dedent

import pytest

from tests.doctor.examining import ask_about
from tests.support import eventually
from wsgi_observe.doctor.answer import Result
from wsgi_observe.doctor.process import DoctorError

HELLO = """
from flask import Flask
app = Flask(__name__)
"""
FACTORY = """
from flask import Flask
def create_app(name="shop"):
    return Flask(name)
"""


@pytest.mark.slow
@pytest.mark.parametrize("target", ["shop:create_app", "shop:create_app()", "shop:create_app('x')"])
def test_an_app_may_be_made_by_a_factory(tmp_path: Path, target: str) -> None:
    assert ask_about(tmp_path, FACTORY, 1, target=target)[1].result is Result.FAIL


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        (HELLO, "shop:nothing", "shop has no nothing"),
        (HELLO, "shop:app.wsgi_app", "app.wsgi_app is neither a name nor a call"),
        (HELLO, "nothing:app", "there is no module nothing in "),
        (HELLO, "shop:__name__", "shop:__name__ is not a WSGI app, but str"),
        ("x = 1", "shop", "shop has no app, application or create_app; name it"),
        ("import nothing", "shop:app", "ModuleNotFoundError: No module named 'nothing'"),
        ("raise SystemExit('no DATABASE_URL')", "shop:app", "no DATABASE_URL"),
        (
            "import socket; socket.create_connection(('127.0.0.1', 9))",
            "shop:app",
            "the app connects to 127.0.0.1:9 while it is loaded",
        ),
        ("import os; print('out of ink', flush=True); os._exit(3)", "shop:app", "out of ink"),
        ("print('out of paper'); raise SystemExit(1)", "shop:app", "its output:\nout of paper"),
    ],
    ids=[
        *("no-attribute", "expression", "no-module", "no-app", "no-name", "import-error", "exit"),
        *("connects", "ends", "prints"),
    ],
)
def test_why_an_app_cannot_be_loaded_is_reported(
    tmp_path: Path, source: str, target: str, reason: str
) -> None:
    with pytest.raises(DoctorError, match=reason.replace("(", "\\(")):
        ask_about(tmp_path, source, target=target)


def test_an_app_that_does_not_load_in_time_is_ended(tmp_path: Path) -> None:
    source = "import time; time.sleep(60)"
    with pytest.raises(DoctorError, match=r"not loaded within 0\.5 s"):
        ask_about(tmp_path, source, timeout=0.5)


@pytest.mark.slow
def test_a_question_that_hangs_leaves_the_answers_before_it(tmp_path: Path) -> None:
    source = """
    import time
    from flask import Flask, request
    app = Flask(__name__)
    @app.before_request
    def wait():
        if "/8/" in request.path:
            time.sleep(60)
    """
    answers = ask_about(tmp_path, dedent(source), 1, 8, timeout=1.5)
    assert answers[1].result is Result.FAIL
    assert answers[8].result is Result.SKIP
    assert answers[8].seen.startswith("no answer within 1.5 s")


def test_processes_that_an_app_has_started_are_ended(tmp_path: Path) -> None:
    source = """
    import subprocess, pathlib
    from flask import Flask
    app = Flask(__name__)
    child = subprocess.Popen(["sleep", "60"])
    pathlib.Path("pid").write_text(str(child.pid))
    """
    ask_about(tmp_path, source, 8)
    pid = int((tmp_path / "pid").read_text())
    eventually(lambda: not is_running(pid))


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_a_thread_of_an_app_does_not_keep_the_doctor(tmp_path: Path) -> None:
    source = """
    import threading, time
    from flask import Flask
    app = Flask(__name__)
    threading.Thread(target=time.sleep, args=(60,)).start()
    """
    assert ask_about(tmp_path, source, 8)[8].result is Result.FAIL


@pytest.mark.slow
def test_what_an_app_cleans_up_at_its_exit_is_cleaned_up(tmp_path: Path) -> None:
    source = """
    import atexit, pathlib
    from flask import Flask
    app = Flask(__name__)
    atexit.register(pathlib.Path("cleaned").touch)
    """
    ask_about(tmp_path, source, 8)
    assert (tmp_path / "cleaned").exists()


def test_routes_of_the_app_are_not_called(tmp_path: Path) -> None:
    source = """
    import pathlib
    from flask import Flask
    app = Flask(__name__)
    @app.route("/", defaults={"path": ""}, methods=["GET", "POST", "DELETE"])
    @app.route("/<path:path>", methods=["GET", "POST", "DELETE"])
    def any_path(path):
        with pathlib.Path("called").open("a") as file:
            file.write(path + "\\n")
        return "ok"
    """
    ask_about(tmp_path, source)
    called = tmp_path / "called"
    assert not called.exists(), called.read_text()


@pytest.mark.slow
def test_this_process_is_not_affected(tmp_path: Path) -> None:
    before = dict(os.environ)
    ask_about(tmp_path, "import os; os.environ['SHOP'] = '1'\n" + HELLO, 8)
    assert dict(os.environ) == before
