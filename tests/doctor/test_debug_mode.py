"""Question 2 of the doctor: are debug mode, the debugger and the reloader off?"""

from pathlib import Path

import pytest

from tests.doctor.examining import ask_one
from wsgi_observe.doctor.answer import Result

FLASK = "from flask import Flask\napp = Flask(__name__)\n"
HANDLER = "@app.errorhandler(500)\ndef crash(error): return {}, 500\n"

CASES = {
    "flask": (FLASK + "app.debug = True", "DEBUG is on in Flask", "shop.py:3"),
    "config": (FLASK + "app.config.update(DEBUG=True)", "DEBUG is on in Flask", "shop.py:3"),
    "debugger": (
        FLASK
        + "from werkzeug.debug import DebuggedApplication\n"
        + "app.wsgi_app = DebuggedApplication(app.wsgi_app, evalex=True)",
        "the app is wrapped in Werkzeug's debugger",
        "shop.py:4",
    ),
    "mounted-debugger": (
        FLASK
        + "from werkzeug.debug import DebuggedApplication\n"
        + "from werkzeug.middleware.dispatcher import DispatcherMiddleware\n"
        + "app = DispatcherMiddleware(app, {'/admin': DebuggedApplication(Flask('admin'))})",
        "the app is wrapped in Werkzeug's debugger",
        "shop.py:5",
    ),
    "testing": (FLASK + "app.testing = True", "TESTING is on", "shop.py:3"),
    "propagated": (
        FLASK + HANDLER + "app.config['PROPAGATE_EXCEPTIONS'] = True",
        "PROPAGATE_EXCEPTIONS is on: exceptions go to the server, past after_request and the "
        "handler for 500",
        "shop.py:5",
    ),
    "trapped": (
        FLASK + "app.config['TRAP_HTTP_EXCEPTIONS'] = True",
        "TRAP_HTTP_EXCEPTIONS is on: abort(404) and an unknown URL are answered with 500",
        "shop.py:3",
    ),
    "bad-requests": (
        FLASK + "app.config['TRAP_BAD_REQUEST_ERRORS'] = True",
        "TRAP_BAD_REQUEST_ERRORS is on",
        "shop.py:3",
    ),
}
SLOW = {"config", "mounted-debugger", "testing", "bad-requests", "trapped"}


@pytest.mark.parametrize(
    ("source", "seen", "where"),
    [
        pytest.param(*case, id=name, marks=[pytest.mark.slow] if name in SLOW else [])
        for name, case in CASES.items()
    ],
)
def test_what_is_for_development_is_named(
    tmp_path: Path, source: str, seen: str, where: str
) -> None:
    answer = ask_one(tmp_path, source, 2)
    (fault,) = answer.faults
    assert fault.seen.startswith(seen)
    assert fault.where == where
    assert answer.result is Result.FAIL


@pytest.mark.slow
def test_a_variable_that_switches_debug_on_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASK_DEBUG", "1")
    (fault,) = ask_one(tmp_path, FLASK, 2).faults
    assert fault.seen == "FLASK_DEBUG=1 in the environment"


@pytest.mark.slow
def test_gunicorns_reloader_is_named(tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("workers = 2\nreload = True\n")
    (fault,) = ask_one(tmp_path, FLASK, 2, config="gunicorn.conf.py").faults
    assert (fault.seen, fault.where) == ("reload is on in Gunicorn", "gunicorn.conf.py:2")


@pytest.mark.slow
@pytest.mark.parametrize(
    "source",
    [
        FLASK + "if __name__ == '__main__':\n    app.run(debug=True)",
        pytest.param(FLASK + "app.config['DEBUG'] = False", marks=pytest.mark.slow),
        pytest.param(
            FLASK + "app.config['TRAP_HTTP_EXCEPTIONS'] = True\n"
            "from werkzeug.exceptions import HTTPException\n"
            "app.register_error_handler(HTTPException, lambda error: ({}, error.code))",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["main", "off", "trapped-for-a-handler"],
)
def test_what_does_no_harm_is_not_named(tmp_path: Path, source: str) -> None:
    assert ask_one(tmp_path, source, 2).result is Result.PASS


@pytest.mark.slow
def test_exceptions_that_no_handler_would_get_are_a_warning(tmp_path: Path) -> None:
    source = FLASK + "app.config['PROPAGATE_EXCEPTIONS'] = True"
    assert ask_one(tmp_path, source, 2).result is Result.WARN
