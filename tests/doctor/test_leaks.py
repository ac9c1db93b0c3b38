"""Question 6 of the doctor: does the client get a word of an exception?"""

from pathlib import Path

import pytest

from tests.doctor.examining import ask_one
from tests.marks import slow_except
from wsgi_observe.doctor.answer import Result

HEAD = """\
import sqlite3, traceback
from flask import Blueprint, Flask, jsonify, request
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
app = Flask(__name__)
api = Blueprint("api", __name__)
class Declined(Exception): pass
"""
TAIL = "app.register_blueprint(api)\n"
LINE = HEAD.count("\n") + 1
JSON = "in the body of the {} response (application/json)"

FAULTS = {
    "text": ("app", "Exception", "return {'error': str(error)}, 500", JSON.format(500)),
    "original": (
        *("app", "500", "return {'error': str(error.original_exception)}, 500"),
        JSON.format(500),
    ),
    "traceback": (
        *("app", "Exception", "return traceback.format_exc(), 500"),
        "the traceback is in the body of the 500 response (text/html)",
    ),
    "value": ("app", "ValueError", "return {'error': str(error)}, 400", JSON.format(400)),
    "cause": (
        *("app", "RuntimeError", "return {'error': str(error.__cause__)}, 500"),
        "cause of an exception: " + JSON.format(500),
    ),
    "path": (
        *("app", "OSError", "return {'error': 'no ' + error.filename}, 404"),
        "path of a file: " + JSON.format(404),
    ),
    "sql": (
        *("app", "SQLAlchemyError", "return {'error': str(error)}, 500"),
        "error of a database: " + JSON.format(500),
    ),
    "driver": (
        *("app", "IntegrityError", "return {'error': str(error.orig)}, 409"),
        "error of a database: " + JSON.format(409),
    ),
    "header": (
        *("app", "ValueError", "return {}, 400, {'X-Error': str(error)}"),
        "text of a ValueError: in the header X-Error of the 400 response (application/json)",
    ),
    "page": (
        *(
            *("app", "Exception"),
            "return (f'<p>{error}', 500) if 'html' in request.headers['Accept'] else ({}, 500)",
        ),
        "in the body of the 500 response (text/html)",
    ),
    "blueprint": ("api", "KeyError", "return {'error': str(error)}, 400", JSON.format(400)),
    "business": (
        *("app", "Declined", "return {'error': repr(error.__cause__)}, 402"),
        "cause of Declined: " + JSON.format(402),
    ),
}


@pytest.mark.parametrize(
    "name",
    slow_except(FAULTS, "text"),
)
def test_what_comes_out_is_named(tmp_path: Path, name: str) -> None:
    owner, error, body, seen = FAULTS[name]
    handler = f"@{owner}.errorhandler({error})\ndef respond(error): {body}\n"
    (fault,) = ask_one(tmp_path, HEAD + handler + TAIL, 6).faults
    assert seen in fault.seen
    assert fault.where == f"shop.py:{LINE}"


GOOD = (
    HEAD
    + """
@app.errorhandler(Exception)
def crash(error):
    app.logger.exception("a request failed")
    return {"error": "please try again"}, getattr(error, "code", 500)
@app.errorhandler(Declined)
def declined(error): return {"error": str(error)}, 402
"""
    + TAIL
)


@pytest.mark.slow
@pytest.mark.parametrize("source", [HEAD, GOOD], ids=["flask", "handlers"])
def test_an_app_that_sends_words_of_its_own_passes(tmp_path: Path, source: str) -> None:
    assert ask_one(tmp_path, source, 6).result is Result.PASS


@pytest.mark.slow
def test_debug_mode_sends_what_it_knows(tmp_path: Path) -> None:
    source = HEAD + "from werkzeug.debug import DebuggedApplication\n"
    source += "app.debug = True\napp.wsgi_app = DebuggedApplication(app.wsgi_app)\n"
    assert ask_one(tmp_path, source, 6).result is Result.FAIL


@pytest.mark.slow
def test_an_app_that_lets_no_view_be_reached_is_not_judged(tmp_path: Path) -> None:
    source = HEAD + "@app.before_request\ndef login(): return {'error': 'log in'}, 401\n"
    assert ask_one(tmp_path, source, 6).result is Result.SKIP
