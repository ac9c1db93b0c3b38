"""Question 5 of the doctor: do all errors have one shape?"""

from pathlib import Path

import pytest

from tests.doctor.examining import ask_one
from tests.marks import slow_except
from wsgi_observe.doctor.answer import Result

HEAD = """\
import marshmallow
import pydantic
from flask import Blueprint, Flask, jsonify
from werkzeug.exceptions import HTTPException
app = Flask(__name__)
class OutOfStock(Exception): pass
def respond(code, name, description, **more):
    return jsonify(code=code, name=name, description=description, **more), code
@app.errorhandler(HTTPException)
def http(error): return respond(error.code, error.name, error.description)
"""
LINE = HEAD.count("\n") + 1
GOOD = (
    HEAD
    + """
@app.errorhandler(marshmallow.ValidationError)
def invalid(error): return respond(422, "Invalid", "see the errors", errors=error.messages)
@app.errorhandler(pydantic.ValidationError)
def refused(error): return respond(422, "Invalid", "see there", fields=error.errors())
@app.errorhandler(OutOfStock)
def conflict(error): return respond(409, "Conflict", "it is gone", reason="out_of_stock", sku="A 1")
@app.errorhandler(Exception)
def crash(error): return respond(500, "Error", "please try again", request_id="x y")
"""
)

FAULTS = {
    "marshmallow": (
        *("marshmallow.ValidationError", "return {'errors': error.messages}, 422"),
        "ValidationError of marshmallow: {errors}; most errors: {code, description, name}",
    ),
    "pydantic": (
        *("pydantic.ValidationError", "return {'detail': 'it is invalid'}, 422"),
        "ValidationError of pydantic: {detail}; most errors: {code, description, name}",
    ),
    "business": (
        *("OutOfStock", "return {'status': 'error', 'error': 'it is gone'}, 409"),
        "OutOfStock: {error, status}; most errors: {code, description, name}",
    ),
    "other-text": (
        *("OutOfStock", "return {'code': 409, 'name': 'Gone', 'message': 'it is gone'}, 409"),
        "OutOfStock: {code, message, name}",
    ),
    "nested": (
        *("OutOfStock", "return {'error': {'code': 409, 'description': 'it is gone'}}, 409"),
        "OutOfStock: {error.code, error.description}",
    ),
    "text-as-object": (
        *("OutOfStock", "return {'code': 409, 'description': {'sku': 'is gone'}}, 409"),
        "OutOfStock: {code, description.sku}",
    ),
    "crash": (
        *("Exception", "return {'message': 'please try again'}, 500"),
        "ValidationError of marshmallow, ValidationError of pydantic, RuntimeError: {message}",
    ),
    "list": ("OutOfStock", "return ['it is gone'], 409", "OutOfStock: {}"),
    "problem": (
        *(
            "OutOfStock",
            "return {'title': 'no'}, 409, {'Content-Type': 'application/problem+json'}",
        ),
        "OutOfStock: problem {title}",
    ),
}


@pytest.mark.parametrize(
    "name",
    slow_except(FAULTS, "business", "crash"),
)
def test_an_origin_with_a_shape_of_its_own_is_named(tmp_path: Path, name: str) -> None:
    error, body, seen = FAULTS[name]
    source = f"{HEAD}@app.errorhandler({error})\ndef other(error): {body}\n"
    (fault,) = ask_one(tmp_path, source, 5).faults
    assert fault.seen.startswith(seen)
    assert fault.where == f"shop.py:{LINE}"


@pytest.mark.slow
def test_a_blueprints_shape_is_compared_too(tmp_path: Path) -> None:
    source = (
        HEAD
        + """
api = Blueprint("api", __name__)
@api.errorhandler(404)
def missing(error): return {"msg": "it is not there"}, 404
app.register_blueprint(api)
"""
    )
    (fault,) = ask_one(tmp_path, source, 5).faults
    assert fault.seen.startswith("abort(404) in the blueprint api: {msg}")


@pytest.mark.slow
def test_more_members_beside_the_common_ones_pass(tmp_path: Path) -> None:
    answer = ask_one(tmp_path, GOOD, 5)
    assert answer.result is Result.PASS
    assert answer.seen.startswith("{code, description, name} for ")


SHAPES = {
    "nested": "return {'error': {'code': error.code, 'message': error.description}}, error.code",
    "one-text": "return {'error': error.name}, error.code",
    "one-sentence": "return {'error': 'something went wrong'}, error.code",
    "problem": (
        "return {'title': error.name, 'status': error.code}, error.code, "
        "{'Content-Type': 'application/problem+json'}"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPES)
def test_any_shape_will_do(tmp_path: Path, name: str) -> None:
    body = HEAD.partition("def http(error):")[0]
    assert ask_one(tmp_path, f"{body}def http(error): {SHAPES[name]}", 5).result is Result.PASS


@pytest.mark.slow
@pytest.mark.parametrize("is_observed", [False, True], ids=["hello", "observed"])
def test_pages_have_no_shape(tmp_path: Path, is_observed: bool) -> None:
    answer = ask_one(
        tmp_path, "from flask import Flask\napp = Flask('x')", 5, is_observed=is_observed
    )
    assert answer.result is (Result.PASS if is_observed else Result.FAIL)
    if not is_observed:
        assert answer.faults[0].seen.startswith("they have none: text/html for unknown URL, ")


FALCON = """
import falcon
class OutOfStock(Exception): pass
def respond(request, response, error, params):
    response.status, response.media = 409, {"error": "it is gone"}
app = falcon.App()
app.add_error_handler(OutOfStock, respond)
"""
PYRAMID = """
from pyramid.config import Configurator
class OutOfStock(Exception): pass
def respond(error, request):
    request.response.status_int = 409
    return {"error": "it is gone"}
with Configurator() as config:
    config.add_exception_view(respond, context=OutOfStock, renderer="json")
    app = config.make_wsgi_app()
"""


@pytest.mark.slow
@pytest.mark.parametrize("source", [FALCON, PYRAMID], ids=["falcon", "pyramid"])
def test_exceptions_that_other_frameworks_handle_are_compared(tmp_path: Path, source: str) -> None:
    (fault,) = ask_one(tmp_path, source, 5).faults
    assert fault.seen.startswith("OutOfStock: {error}; most errors: {")


@pytest.mark.slow
def test_pages_count_where_question_1_does_not_ask(tmp_path: Path) -> None:
    source = """
from flask import Flask
app = Flask(__name__)
for code in (400, 404, 405, 413, 500):
    app.register_error_handler(code, lambda error: ({"code": error.code}, error.code))
"""
    assert ask_one(tmp_path, source, 1).result is Result.WARN
    (fault,) = ask_one(tmp_path, source, 5).faults
    assert fault.seen == "text/html for abort(409), abort(422); most errors: {code}"
