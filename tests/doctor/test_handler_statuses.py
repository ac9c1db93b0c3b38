"""Question 3 of the doctor: does each error handler return its status?"""

from pathlib import Path

import pytest

from tests.doctor.examining import ask_one
from tests.marks import slow_except
from wsgi_observe.doctor.answer import Result

HEAD = """\
from flask import Blueprint, Flask, abort, jsonify, redirect, render_template, request
from werkzeug.exceptions import HTTPException, NotFound
app = Flask(__name__)
api, inner = Blueprint("api", __name__), Blueprint("inner", __name__)
class OutOfStock(Exception): pass
class Shortage(Exception):
    def __init__(self, sku: str, available: int, *, status_code):
        self.sku, self.available, self.status_code = sku, available, status_code
class Full(HTTPException):
    code = 507
"""
TAIL = """
api.register_blueprint(inner)
app.register_blueprint(api)
"""
FIRST_LINE = HEAD.count("\n") + 1

FAULTS = {
    "code": ("app", "404", "return jsonify(code=404)", "404 (NotFound) is answered with 200"),
    "class": ("app", "NotFound", "return 'no'", "404 (NotFound) is answered with 200"),
    "server-error": (
        *("app", "500", "return 'sorry'"),
        "500 (InternalServerError) is answered with 200",
    ),
    "everything": (
        *("app", "Exception", "return {}, getattr(error, 'code', 200)"),
        "RuntimeError, handled by the handler for Exception, is answered with 200",
    ),
    "http": (
        *("app", "HTTPException", "return {}"),
        "NotFound, handled by the handler for HTTPException, is answered with 200; Conflict, "
        "handled by the handler for HTTPException, is answered with 200; ServiceUnavailable, "
        "handled by the handler for HTTPException, is answered with 200",
    ),
    "404-as-500": (
        *("app", "Exception", "app.logger.exception('x'); return {'error': 'sorry'}, 500"),
        "NotFound, handled by the handler for Exception, is answered with 500; "
        "MethodNotAllowed, handled by the handler for Exception, is answered with 500",
    ),
    "business": ("app", "OutOfStock", "return {}", "OutOfStock is answered with 200"),
    "business-with-arguments": (
        *("app", "Shortage", "return {'n': error.available + 1}"),
        "Shortage is answered with 200",
    ),
    "own-code": ("app", "Full", "return {}", "507 (Full) is answered with 200"),
    "blueprint": (
        *("api", "OutOfStock", "return {}"),
        "OutOfStock in the blueprint api is answered with 200",
    ),
    "nested-blueprint": (
        *("inner", "404", "return {}"),
        "404 (NotFound) in the blueprint api.inner is answered with 200",
    ),
    "wrong-class-of-status": (
        *("app", "404", "return {}, 500"),
        "404 (NotFound) is answered with 500",
    ),
    "crash-as-client-error": (
        *("app", "500", "return {}, 400"),
        "500 (InternalServerError) is answered with 400",
    ),
    "no-argument": (
        *("app", "404", "return {}, 404"),
        "the handler for 404 (NotFound) raises TypeError",
    ),
    "no-template": (
        *("app", "404", "return render_template('404.html'), 404"),
        "the handler for 404 (NotFound) raises TemplateNotFound: 404.html",
    ),
}


@pytest.mark.parametrize(
    "name",
    slow_except(FAULTS, "code", "nested-blueprint"),
)
def test_a_status_that_is_forgotten_or_wrong_is_named(tmp_path: Path, name: str) -> None:
    owner, error, body, seen = FAULTS[name]
    parameter = "" if name == "no-argument" else "error"
    handler = f"@{owner}.errorhandler({error})\ndef respond({parameter}): {body}\n"
    (fault,) = ask_one(tmp_path, HEAD + handler + TAIL, 3).faults
    assert fault.seen.startswith(seen)
    assert fault.where == f"shop.py:{FIRST_LINE}"
    assert not fault.is_warning


GOOD = (
    HEAD
    + """
def see(error): return error
def respond(error): return jsonify(code=error.code), error.code
app.register_error_handler(HTTPException, respond)
app.register_error_handler(401, lambda error: redirect("/login"))
app.register_error_handler(403, lambda error: ({}, 404))
app.register_error_handler(OutOfStock, lambda error: redirect("/cart"))
app.register_error_handler(Shortage, lambda error: ({}, error.status_code))
api.register_error_handler(404, lambda error: ({"code": 404}, 404))
inner.register_error_handler(Full, see)
@app.errorhandler(500)
def crash(error): raise error
@api.errorhandler(Exception)
async def any_error(error):
    app.logger.error("failed", exc_info=error)
    return {}, getattr(error, "code", 500)
"""
    + TAIL
)


@pytest.mark.slow
def test_handlers_that_return_their_status_pass(tmp_path: Path) -> None:
    answer = ask_one(tmp_path, GOOD, 3)
    assert (answer.result, answer.seen) == (Result.PASS, "9 tried")


@pytest.mark.slow
def test_one_function_for_several_errors_is_one_fault(tmp_path: Path) -> None:
    source = HEAD + "@app.errorhandler(404)\n@app.errorhandler(405)\ndef see(error): return 'no'\n"
    (fault,) = ask_one(tmp_path, source, 3).faults
    assert fault.seen.count("is answered with 200") == 2


PRINT = "print(repr(error)) or {}"


@pytest.mark.slow
def test_a_handler_for_everything_gets_what_no_other_takes(tmp_path: Path) -> None:
    source = HEAD + "app.register_error_handler(404, lambda error: ({}, 404))\n"
    source += f"app.register_error_handler(Exception, lambda error: ({PRINT}, 500))\n"
    (fault,) = ask_one(tmp_path, source, 3).faults
    assert (
        fault.seen == "MethodNotAllowed, handled by the handler for Exception, is answered with 500"
    )


@pytest.mark.slow
@pytest.mark.parametrize("owner", ["app", "inner"])
def test_handlers_behind_a_login_are_tried(tmp_path: Path, owner: str) -> None:
    login = "@app.before_request\ndef login(): return redirect('/login')\n"
    handler = f"@{owner}.errorhandler(OutOfStock)\ndef respond(error): return {{}}\n"
    (fault,) = ask_one(tmp_path, HEAD + login + handler + TAIL, 3).faults
    assert fault.seen.endswith("is answered with 200")


UNTRIED = {
    "unmakeable": (
        "class OutOfStock(Exception):\n    def __init__(self, item): self.sku = item.sku\n",
        "return {}",
        "AttributeError",
    ),
    "made-up": ("", "return {'sku': error.sku}", "it raises AttributeError"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*UNTRIED])
def test_a_handler_that_cannot_be_tried_is_not_accused(tmp_path: Path, name: str) -> None:
    before, body, reason = UNTRIED[name]
    handler = f"@app.errorhandler(OutOfStock)\ndef respond(error): {body}\n"
    answer = ask_one(tmp_path, HEAD + before + handler, 3)
    assert answer.result is Result.SKIP
    assert f"OutOfStock ({reason}" in answer.seen


@pytest.mark.slow
def test_the_doctor_does_not_make_an_app_handle_less(tmp_path: Path) -> None:
    source = HEAD + "app.register_error_handler(404, lambda error: ({}, 404))\n"
    assert ask_one(tmp_path, source, 3, is_observed=True).result is Result.PASS


@pytest.mark.slow
def test_a_redirect_from_an_unknown_page_is_a_warning(tmp_path: Path) -> None:
    source = HEAD + "app.register_error_handler(404, lambda error: redirect('/'))\n"
    assert ask_one(tmp_path, source, 3).result is Result.WARN


AFTER_REQUEST = """
@app.after_request
def add_version(response):
    response.headers["X-Version"] = version
    return response
"""
ERROR_HANDLER = "@app.errorhandler(404)\ndef respond(error): return {}, 404\n"
BEFORE_REQUEST = """
import socket
@app.before_request
def load_user():
    socket.create_connection(("192.0.2.1", 5432))
"""


@pytest.mark.slow
@pytest.mark.parametrize("is_observed", [False, True])
def test_a_hook_that_fails_in_each_request_hides_the_status(
    tmp_path: Path, is_observed: bool
) -> None:
    source = HEAD + ERROR_HANDLER + AFTER_REQUEST
    (fault,) = ask_one(tmp_path, source, 3, is_observed=is_observed).faults
    assert fault.seen == (
        "a request whose view does not fail is answered with 500: "
        "NameError: name 'version' is not defined"
    )
    assert fault.where == f"shop.py:{source[: source.index('X-Version')].count(chr(10)) + 1}"


@pytest.mark.slow
def test_a_hook_that_lacks_its_service_is_not_accused(tmp_path: Path) -> None:
    answer = ask_one(tmp_path, HEAD + ERROR_HANDLER + BEFORE_REQUEST, 3)
    assert (answer.result, answer.seen) == (Result.PASS, "1 tried")


SILENT = (
    "@{owner}.errorhandler(Exception)\ndef crash(error): return {{}}, getattr(error, 'code', 500)\n"
)
OBSERVE = """
from wsgi_observe import configure_logging
from wsgi_observe.flask import Observe
configure_logging()
Observe(app)
"""


@pytest.mark.slow
@pytest.mark.parametrize("owner", ["app", "inner"])
def test_an_exception_that_is_answered_and_not_logged_is_a_warning(
    tmp_path: Path, owner: str
) -> None:
    answer = ask_one(tmp_path, HEAD + SILENT.format(owner=owner) + TAIL, 3)
    assert answer.result is Result.WARN
    assert answer.faults[0].seen.startswith("RuntimeError is answered with 500 by the handler for")
    assert answer.faults[0].where == f"shop.py:{FIRST_LINE}"


REPORTED = {
    "logged": SILENT.replace("return", "app.logger.error('order failed'); return", 1),
    "printed": SILENT.replace("return", "print(error); return", 1),
    "sentry": "import sentry_sdk\nsentry_sdk.init('https://k@localhost/1')\n"
    + SILENT.replace("return", "sentry_sdk.capture_exception(error); return", 1),
    "observed": SILENT + OBSERVE,
    "login": SILENT + "@app.before_request\ndef login(): return redirect('/login')\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("source", REPORTED.values(), ids=REPORTED)
def test_an_exception_that_is_reported_somewhere_is_no_fault(tmp_path: Path, source: str) -> None:
    answer = ask_one(tmp_path, HEAD + source.format(owner="app") + TAIL, 3)
    assert (answer.result, answer.faults) == (Result.PASS, ())
