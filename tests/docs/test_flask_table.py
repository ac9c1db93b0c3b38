"""The table of what a Flask app's failures become: each of its rows happens."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import marshmallow
import pytest
from flask import Flask, Response, abort, redirect, request
from werkzeug.exceptions import HTTPException

from tests.calls import Server, call, environ
from tests.docs.pages import rows, section
from wsgi_observe.flask import InvalidAPIUsage, Observe

ROWS = [tuple(row) for row in rows(section("flask", "What the client gets"))]
KEYS = ["code", "name", "description", "request_id"]
OWN = b"<form>"


class ShelfIsFull(HTTPException):
    code = 507
    description = "The shelf is full."


class OrderSchema(marshmallow.Schema):
    name = marshmallow.fields.Str(required=True)


def raising(error: Exception) -> Callable[[], Any]:
    def view() -> Any:
        raise error

    return view


def stream(*chunks: str) -> Response:
    def body() -> Any:
        yield from chunks
        raise ValueError("secret-4242")

    return Response(body())


VIEWS: dict[str, Callable[[], Any]] = {
    '`abort(404, "No such order")`': lambda: abort(404, "No such order"),
    "an unknown URL": lambda: abort(404),
    "a method that the URL does not allow": lambda: "ok",
    "an `HTTPException` of yours with `code = 507`": raising(ShelfIsFull()),
    '`raise InvalidAPIUsage("Too many.", 409, {"limit": 10})`': raising(
        InvalidAPIUsage("Too many.", 409, {"limit": 10})
    ),
    "a validation error of marshmallow or pydantic": lambda: OrderSchema().load({}),
    "a body that is not JSON": lambda: request.get_json(force=True),
    "a body that is too large": lambda: request.get_data(),
    "any other exception": raising(ValueError("secret-4242")),
    "an error status without a body": lambda: ("", 404),
    "a page or a document of your own with an error status": lambda: (OWN, 401),
    "a redirect, `abort(Response(…))`": lambda: redirect("/"),
    "an exception in `teardown_request` or in a stream's first chunk": lambda: stream(),
    "an exception further on in a stream": lambda: stream("some"),
}
SAID = {"your description": ("No such order", "The shelf is full."), "your message": ("Too many.",)}


@pytest.fixture
def answer_of() -> Callable[[str], Server]:
    def ask(happens: str) -> Server:
        app = Flask("shop")
        app.config["MAX_CONTENT_LENGTH"] = 1
        app.add_url_rule("/it", "it", VIEWS[happens])
        Observe(app, validation_errors=(marshmallow.ValidationError,))
        path = "/nowhere" if "unknown URL" in happens else "/it"
        method = "POST" if "method" in happens else "GET"
        length = "2" if "too large" in happens else "0"
        return call(app, path, method, CONTENT_LENGTH=length, CONTENT_TYPE="text/plain")

    return ask


def test_every_row_is_here() -> None:
    assert [happens for happens, _, _ in ROWS] == list(VIEWS)


@pytest.mark.parametrize(("happens", "status", "gets"), ROWS, ids=[row[0] for row in ROWS])
def test_the_client_gets(happens: str, status: str, gets: str, answer_of: Any) -> None:
    if "breaks off" in gets:
        with pytest.raises(ValueError, match="secret"):
            answer_of(happens)
        return
    answer = answer_of(happens)
    assert answer.code == int(status)
    if gets == "what you wrote":
        assert answer.body == OWN or "location" in answer.headers
        return
    assert list(answer.json)[:4] == KEYS
    beside = set(re.findall(r"`([a-z]+)`", gets))
    assert set(answer.json) == {*KEYS, *beside}
    assert answer.json["request_id"] == answer.request_id
    for what, texts in SAID.items():
        assert what not in gets or answer.json["description"] in texts
    assert "`Allow`" not in gets or "allow" in answer.headers
    assert b"secret" not in answer.body


def test_what_a_redirect_is_an_aborted_response_is_too() -> None:
    app = Flask("shop")
    app.add_url_rule("/", "it", lambda: abort(Response("mine", 418)))
    Observe(app)
    assert Server().serve(app, environ("/")).body == b"mine"
