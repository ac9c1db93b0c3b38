"""Question 1 of the doctor: is every error JSON?"""

from pathlib import Path

import pytest

from tests.doctor.examining import ask_one
from wsgi_observe.doctor.answer import Result

HELLO = """
from flask import Flask
app = Flask(__name__)
"""

HANDLERS = """
from flask import Flask, jsonify
from werkzeug.exceptions import HTTPException
app = Flask(__name__)
@app.errorhandler(HTTPException)
def respond(error):
    return jsonify(code=error.code), error.code
"""


@pytest.mark.slow
def test_an_app_without_error_handlers_has_html_for_each_error(tmp_path: Path) -> None:
    answer = ask_one(tmp_path, HELLO, 1)
    assert answer.result is Result.FAIL
    assert answer.faults[0].seen == (
        "text/html for unknown URL (404), wrong method (405), malformed JSON (400), "
        "oversized body (413), exception in a view (500)"
    )


def test_handlers_of_the_app_do_not_see_what_fails_outside_its_views(tmp_path: Path) -> None:
    answer = ask_one(tmp_path, HANDLERS, 1)
    assert answer.result is Result.WARN
    assert [fault.seen for fault in answer.faults] == [
        "RuntimeError goes to the server, which sends a page of its own: "
        "exception before the first chunk of a stream, exception in a teardown "
        "(error handlers of most frameworks never see this)"
    ]


@pytest.mark.parametrize("source", [HELLO, HANDLERS], ids=["hello", "handlers"])
def test_an_observed_app_passes(tmp_path: Path, source: str) -> None:
    assert ask_one(tmp_path, source, 1, is_observed=True).result is Result.PASS


OBSERVED = """
from flask import Flask
from wsgi_observe.flask import Observe
app = Flask(__name__)
Observe(app)
"""
OWN_PAGE = """
@app.errorhandler(404)
def show(error):
    return "<h1>Our page</h1>", 404
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "remedy"),
    [(OWN_PAGE, 'html_errors="replace"'), ("\napp.testing = True\n", "switch off DEBUG, TESTING")],
    ids=["page", "raised"],
)
def test_the_remedy_for_an_observed_app_is_not_to_observe_it(
    tmp_path: Path, fault: str, remedy: str
) -> None:
    answer = ask_one(tmp_path, OBSERVED + fault, 1)
    assert answer.result is Result.FAIL
    for one in answer.faults:
        assert remedy in one.remedy
        assert "observe(app" not in one.remedy


LOGIN = """
@app.before_request
def log_in():
    return {"code": 401}, 401
"""


@pytest.mark.slow
def test_a_teardown_fails_behind_a_login_too(tmp_path: Path) -> None:
    (fault,) = ask_one(tmp_path, HELLO + LOGIN, 1).faults
    assert "exception in a teardown" in fault.seen
    assert fault.is_warning
