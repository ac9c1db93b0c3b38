"""Question 9 of the doctor: is a request ID in each response and on each line?"""

from pathlib import Path

import pytest

from tests.doctor.examining import ask_one
from tests.marks import slow_except
from wsgi_observe.doctor.answer import Answer, Result

HELLO = """
from flask import Flask
app = Flask(__name__)
"""

RECIPE = """
import json, logging
from uuid import uuid4
from flask import Flask, g, has_request_context, request

class JsonFormatter(logging.Formatter):
    def format(self, record):
        fields = {"level": record.levelname, "message": record.getMessage()}
        if has_request_context():
            fields["request_id"] = g.request_id
        if record.exc_info:
            fields["exc_info"] = self.formatException(record.exc_info)
        return json.dumps(fields)

handler = logging.StreamHandler()
handler.setFormatter(JsonFormatter())
logging.basicConfig(level="INFO", handlers=[handler])
app = Flask(__name__)

@app.before_request
def take_over():
    g.request_id = request.headers.get("X-Request-ID") or uuid4().hex

@app.after_request
def echo(response):
    response.headers["X-Request-ID"] = g.request_id
    return response
"""

FORMAT = 'handler.setFormatter(logging.Formatter("[%(levelname)s] %(message)s"))'
THREAD_LOCAL = """
import threading
current = threading.local()
logging.root.handlers[0].formatter.format = lambda record: json.dumps({
    "message": record.getMessage(), "exc_info": str(record.exc_info),
    "request_id": getattr(current, "id", None),
})
@app.before_request
def keep():
    current.id = g.request_id
"""
LOGIN = """
from flask import abort
@app.before_request
def demand_login():
    abort(401)
"""


def see(answer: Answer) -> list[str]:
    return [fault.seen for fault in answer.faults]


@pytest.mark.slow
def test_an_app_without_ids_fails_for_responses_and_lines(tmp_path: Path) -> None:
    responses, lines = see(ask_one(tmp_path, HELLO, 9))
    assert responses == "X-Request-ID of a request is not in the response: no ID is"
    assert lines.startswith("no request ID on the lines of ERROR, an exception in a view: [")


FAULTS = {
    "always-new": ('request.headers.get("X-Request-ID") or ', "", "replaced by another ID: "),
    "not-made": ("or uuid4().hex", 'or ""', "the response to a request without an ID has none"),
    "always-equal": ("uuid4().hex", '"none"', "several requests get the same ID: none"),
    "not-on-errors": (
        "    response.headers",
        "    if response.status_code < 400: response.headers",
        "X-Request-ID of a request is not in the response: 500, 404",
    ),
    "not-echoed": (
        "    response.headers",
        "    if False: response.headers",
        "X-Request-ID of a request is not in the response: 200, 500, a stream, 404",
    ),
    "not-on-errors-lines": (
        "if has_request_context()",
        "if record.levelname == 'INFO' and has_request_context()",
        "no request ID on the lines of ERROR, an exception in a view: ",
    ),
    "not-on-lines": (
        "handler.setFormatter(JsonFormatter())",
        FORMAT,
        "no request ID on the lines of INFO, ERROR, an exception in a view: [INFO] ",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    FAULTS,
)
def test_what_lacks_the_id_is_named(tmp_path: Path, fault: str) -> None:
    good, bad, expected = FAULTS[fault]
    answer = ask_one(tmp_path, RECIPE.replace(good, bad), 9)
    assert answer.result is Result.FAIL
    assert expected in answer.faults[0].seen


@pytest.mark.slow
def test_that_only_a_threads_line_lacks_the_id_is_a_warning(tmp_path: Path) -> None:
    answer = ask_one(tmp_path, RECIPE + THREAD_LOCAL, 9)
    assert answer.result is Result.WARN
    assert "a thread that runs in a copy" in answer.faults[0].seen


PASSING = {
    "hello-observed": (HELLO, True),
    "recipe": (RECIPE, False),
    "recipe-observed": (RECIPE, True),
    "another-header": (RECIPE.replace("X-Request-ID", "X-Correlation-ID"), False),
    "another-form": (RECIPE.replace("g.request_id)", 'g.request_id.replace("-", ""))'), False),
    "its-own-form-only": (
        RECIPE.replace(
            '("X-Request-ID")', '("X-Request-ID") if X in request.headers else ""'
        ).replace("X in request.headers", 'len(request.headers.get("X-Request-ID", "")) == 32'),
        False,
    ),
    "a-header-of-its-own": (RECIPE.replace('["X-Request-ID"]', '["X-Shop-Request"]'), False),
    "in-plain-text": (
        RECIPE.replace(
            "json.dumps(fields)", '" ".join(map(str, reversed(fields.values())))'
        ).replace('fields["exc_info"] =', 'fields["message"] +='),
        False,
    ),
    "bottle-observed": ("from bottle import Bottle\napp = Bottle()", True),
    "no-framework-observed": (
        "def app(environ, start_response):\n    start_response('200 OK', [])\n    return []",
        True,
    ),
    "no-id-is-trusted": (
        HELLO + "from wsgi_observe import observe, configure_logging\nconfigure_logging()\n"
        "app.wsgi_app = observe(app.wsgi_app, trust_request_id=False)",
        False,
    ),
}


@pytest.mark.parametrize(
    "name",
    slow_except(PASSING, "hello-observed", "recipe"),
)
def test_an_app_with_ids_passes(tmp_path: Path, name: str) -> None:
    source, is_observed = PASSING[name]
    answer = ask_one(tmp_path, source, 9, is_observed=is_observed)
    assert (answer.result, answer.faults) == (Result.PASS, ())


@pytest.mark.slow
def test_views_behind_a_login_are_not_asked_about(tmp_path: Path) -> None:
    answer = ask_one(tmp_path, RECIPE + LOGIN, 9)
    assert answer.result is Result.PASS


OBSERVED = f"""{HELLO}
from wsgi_observe import configure_logging
from wsgi_observe.flask import Observe
configure_logging()
Observe(app)
"""
OUTER = """
def refuse(environ, start_response, inner=app.wsgi_app):
    if not environ["PATH_INFO"].endswith("nothing-is-here"):
        return inner(environ, start_response)
    start_response("404 Not Found", [])
    return []
refuse.app = app.wsgi_app
app.wsgi_app = refuse
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "missing", "remedy"),
    [
        ("app.testing = True\n", ": 500", "switch off DEBUG, TESTING"),
        (OUTER, ": 404", "round all other middlewares"),
    ],
    ids=["raised", "outer"],
)
def test_the_remedy_for_an_observed_app_is_not_to_observe_it(
    tmp_path: Path, fault: str, missing: str, remedy: str
) -> None:
    (response,) = ask_one(tmp_path, OBSERVED + fault, 9).faults
    assert response.seen.endswith(missing)
    assert remedy in response.remedy
