"""What stands beside the four keys: fields that do not fit, a payload, whatever it holds."""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import Any

import marshmallow
import pydantic
import pytest
from flask import Flask, abort
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import HTTPException

from tests.calls import Server, call, environ
from tests.conftest import Log
from wsgi_observe import log_context
from wsgi_observe.errors import Error
from wsgi_observe.flask import InvalidAPIUsage, Observe

KEYS = {"code", "name", "description", "request_id"}


class ItemSchema(marshmallow.Schema):
    name = marshmallow.fields.Str(required=True)
    count = marshmallow.fields.Int()


class OrderSchema(marshmallow.Schema):
    email = marshmallow.fields.Email(required=True)
    items = marshmallow.fields.List(marshmallow.fields.Nested(ItemSchema))
    tags = marshmallow.fields.List(marshmallow.fields.Int())


class Item(pydantic.BaseModel):
    name: str
    count: int = 0


class Order(pydantic.BaseModel):
    email: str
    items: list[Item] = []
    tags: list[int] = []

    @pydantic.model_validator(mode="after")
    def _has_items(self) -> Order:
        if not self.items:
            raise ValueError("needs items")
        return self


SENT = {"items": [{"name": "a"}, {"count": "secret-4242"}], "tags": [1, "secret-4242"]}
VALIDATION = (marshmallow.ValidationError, pydantic.ValidationError)


def answer_of(view: Any, **settings: Any) -> Server:
    app = Flask("shop")
    Observe(app, validation_errors=VALIDATION, **settings)
    app.add_url_rule("/", "view", view)
    return call(app)


@pytest.mark.parametrize("error_format", ["envelope", "problem"])
@pytest.mark.parametrize(
    "view",
    [lambda: OrderSchema().load(SENT), lambda: Order(**SENT)],
    ids=["marshmallow", "pydantic"],
)
def test_a_validation_error_is_a_422_with_messages_per_field(
    view: Any, error_format: str, log: Log
) -> None:
    answer = answer_of(view, error_format=error_format)
    assert answer.code == 422
    errors = answer.json["errors"]
    assert set(errors) == {"email", "items.1.name", "items.1.count", "tags.1"}
    assert all(isinstance(text, str) for messages in errors.values() for text in messages)
    assert b"secret-4242" not in answer.body
    assert log.errors == []


@pytest.mark.parametrize(
    ("view", "errors"),
    [
        pytest.param(
            lambda: Order(email="a"), {"_schema": ["Value error, needs items"]}, id="pydantic"
        ),
        pytest.param(
            lambda: OrderSchema().load([]), {"_schema": ["Invalid input type."]}, id="marshmallow"
        ),
        pytest.param(
            lambda: ItemSchema(many=True).load([{"name": "a"}, {}]),
            {"1.name": ["Missing data for required field."]},
            id="a list of them",
        ),
    ],
)
def test_what_is_wrong_with_no_field_has_a_name_too(view: Any, errors: Any) -> None:
    assert answer_of(view).json["errors"] == errors


def test_a_validation_error_that_says_nothing_is_a_422_all_the_same() -> None:
    app = Flask("shop")
    Observe(app, validation_errors=[KeyError])
    app.add_url_rule("/", "view", lambda: {}["secret"])
    assert call(app).json["errors"] == {}


def raising(error: Exception) -> Any:
    def view() -> Any:
        raise error

    return view


def test_a_payload_stands_beside_the_keys_and_never_over_them() -> None:
    payload = {"limit": 3, "code": 1, "request_id": "x", "extra_code": 2}
    made = answer_of(raising(InvalidAPIUsage("Too many.", 409, payload)))
    assert made.code == 409
    assert made.json == {
        "code": 409,
        "name": "Conflict",
        "description": "Too many.",
        "request_id": made.request_id,
        "limit": 3,
        "extra_code": 2,
        "extra_extra_code": 1,
        "extra_request_id": "x",
    }


def test_a_payload_is_said_as_the_apps_json_says_it() -> None:
    payload = {
        "day": datetime.date(2026, 1, 2),
        "price": decimal.Decimal("1.50"),
        "id": uuid.UUID(int=1),
    }
    made = answer_of(raising(InvalidAPIUsage("No.", payload=payload))).json
    assert (made["price"], made["id"]) == ("1.50", str(uuid.UUID(int=1)))
    assert "2026" in made["day"]


def test_what_json_cannot_say_is_left_out_and_said_once(log: Log) -> None:
    payload = {"good": 1, "bad": ValueError("secret-4242"), "nan": float("nan")}
    made = answer_of(raising(InvalidAPIUsage("No.", payload=payload)))
    assert set(made.json) == KEYS | {"good"}
    assert len(log.warnings) == 1


def test_a_mapping_for_a_description_stands_beside_the_keys() -> None:
    made = answer_of(lambda: abort(400, {"field": "is missing"})).json
    assert made["field"] == "is missing"
    assert made["description"] == "The request could not be understood."


@pytest.mark.parametrize("status", [200, 302, 600, "400", None, 0])
def test_a_usage_error_has_the_status_of_an_error(status: Any) -> None:
    with pytest.raises(ValueError, match="400 to 599"):
        InvalidAPIUsage("No.", status)


@pytest.mark.parametrize("payload", [[1], "text", 5])
def test_a_payload_is_a_mapping(payload: Any) -> None:
    with pytest.raises(TypeError, match="mapping"):
        InvalidAPIUsage("No.", payload=payload)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.integers() | st.tuples(st.text()), inner)
    ),
    max_leaves=5,
)


class Custom(HTTPException):
    def __init__(self, code: Any, description: Any) -> None:
        super().__init__(description)
        self.code = code


ERRORS = (
    st.builds(
        InvalidAPIUsage,
        st.text(),
        st.integers(400, 599),
        st.dictionaries(st.text() | st.sampled_from(sorted(KEYS)), VALUES),
    )
    | st.builds(Custom, st.integers(400, 599), VALUES)
    | st.builds(ValueError, VALUES)
    | st.builds(KeyError, st.text())
)


@given(ERRORS, st.sampled_from(["envelope", "problem"]))
def test_any_exception_is_answered_with_a_well_formed_document(
    error: Exception, error_format: str
) -> None:
    app = Flask("shop.silent")  # a logger of its own, since it stays disabled
    Observe(app, error_format=error_format)
    app.logger.disabled = True
    app.add_url_rule("/", "view", raising(error))
    answer = Server().serve(app, environ("/"))
    status, text = ("code", "description") if error_format == "envelope" else ("status", "detail")
    assert answer.json[status] == answer.code == (getattr(error, "code", None) or 500)
    assert answer.json["request_id"] == answer.request_id
    assert isinstance(answer.json[text], str)


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "in a log_context"])
def test_a_document_of_ours_is_rendered_once_even_if_it_looks_like_a_frameworks(
    wrapped: bool,
) -> None:
    rendered = []

    def like_falcon(error: Error) -> dict[str, object]:
        rendered.append(error)
        status_line = f"{error.code} {error.name}".upper()
        return {"title": status_line, "description": str(error.extra)}

    def view() -> str:
        raise InvalidAPIUsage("Too many.", 409, {"limit": 10})

    def in_log_context() -> str:
        with log_context():
            return view()

    answer = answer_of(in_log_context if wrapped else view, render_error=like_falcon)
    assert answer.json == {"title": "409 CONFLICT", "description": "{'limit': 10}"}
    assert len(rendered) == 1
