"""Question 4 of the doctor: does a handler of the app see routing errors?"""

from pathlib import Path

import pytest

from tests.doctor.examining import ask_one
from wsgi_observe.doctor.answer import Result

HEAD = """\
from flask import Blueprint, Flask, abort, jsonify, redirect
from werkzeug.exceptions import HTTPException
app = Flask(__name__)
api = Blueprint("api", __name__, url_prefix="/api")
@api.get("/orders/<int:number>")
def get_order(number): return "ok"
def respond(error): return jsonify(code=error.code), error.code
"""
RESPOND = "shop.py:7"
TAIL = "app.register_blueprint(api)\n"
ON_BLUEPRINT = "api.register_error_handler({}, respond)\n"
FOR_APP = "app.register_error_handler({}, respond)\n"


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        (
            ON_BLUEPRINT.format(404),
            ["only the blueprint api handles 404, and Flask never asks it for a routing error"],
        ),
        (
            ON_BLUEPRINT.format(405) + FOR_APP.format(404),
            ["only the blueprint api handles 405, and Flask never asks it for a routing error"],
        ),
        pytest.param(
            "inner = Blueprint('inner', __name__)\n"
            "inner.register_error_handler(404, respond)\n"
            "api.register_blueprint(inner)\n",
            ["only the blueprint api.inner handles 404"],
            marks=pytest.mark.slow,
        ),
    ],
    ids=["404", "405", "nested"],
)
def test_a_handler_that_is_only_on_a_blueprint_is_named(
    tmp_path: Path, source: str, seen: list[str]
) -> None:
    answer = ask_one(tmp_path, HEAD + source + TAIL, 4)
    assert [fault.seen.partition(";")[0][: len(seen[0])] for fault in answer.faults] == seen
    assert [fault.where for fault in answer.faults] == [RESPOND]
    assert answer.result is Result.FAIL


@pytest.mark.slow
def test_an_app_without_handlers_fails(tmp_path: Path) -> None:
    (fault,) = ask_one(tmp_path, HEAD + TAIL, 4).faults
    assert fault.seen == "unknown URL: 404 text/html; the app has no handler for it"


CATCH_ALL = "@app.route('/<path:rest>')\ndef page(rest): return 'ok'\n"
BLUEPRINTS_CATCH_ALL = "@api.route('/<path:rest>')\ndef page(rest): abort(404)\n"
LOGIN = "@app.before_request\ndef login(): return redirect('/login')\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "source",
    [
        FOR_APP.format(404) + ON_BLUEPRINT.format(404),
        pytest.param(FOR_APP.format("HTTPException") + ON_BLUEPRINT.format(405), id="general"),
        pytest.param(
            "api.app_errorhandler(404)(respond)\n" + ON_BLUEPRINT.format(404), id="app-errorhandler"
        ),
        pytest.param(
            FOR_APP.format(405) + ON_BLUEPRINT.format(404) + BLUEPRINTS_CATCH_ALL + LOGIN,
            marks=pytest.mark.slow,
            id="catch-all-of-the-blueprint",
        ),
        pytest.param(ON_BLUEPRINT.format(404) + LOGIN, marks=pytest.mark.slow, id="login"),
    ],
)
def test_a_handler_for_the_app_passes(tmp_path: Path, source: str) -> None:
    assert ask_one(tmp_path, HEAD + source + TAIL, 4).result is Result.PASS


@pytest.mark.slow
def test_a_catch_all_route_leaves_no_routing_errors(tmp_path: Path) -> None:
    source = HEAD + ON_BLUEPRINT.format(404) + CATCH_ALL + TAIL
    assert ask_one(tmp_path, source, 4).result is Result.SKIP


@pytest.mark.slow
def test_an_observed_app_answers_what_blueprints_do_not_see(tmp_path: Path) -> None:
    source = HEAD + ON_BLUEPRINT.format(404) + TAIL
    assert ask_one(tmp_path, source, 4, is_observed=True).result is Result.WARN
    assert ask_one(tmp_path, HEAD + TAIL, 4, is_observed=True).result is Result.PASS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "seen"),
    [
        (404, "the app has handlers for 404"),
        (405, "unknown URL: 404 application/json, without a handler of the app"),
    ],
)
def test_what_handles_is_named(tmp_path: Path, code: int, seen: str) -> None:
    source = f"""{HEAD}{FOR_APP.format(code)}
from wsgi_observe import observe
app.wsgi_app = observe(app.wsgi_app)
"""
    assert ask_one(tmp_path, source, 4).seen == seen
