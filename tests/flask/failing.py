"""A Flask app that fails in every way, each with a secret in what it raises."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, Response, abort, render_template_string, request, session
from werkzeug.exceptions import (
    HTTPException,
    MethodNotAllowed,
    NotFound,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
)
from werkzeug.routing import BaseConverter, ValidationError

SECRET = "secret-4242 SELECT password FROM users; /srv/shop/models.py"


class PaymentError(Exception):
    pass


class QuotaError(HTTPException):
    code = 507
    description = "The shelf is full."


class OddError(HTTPException):
    code = 499
    description = "The client has left."


class SilentError(HTTPException):
    code = 409


class BrokenConverter(BaseConverter):
    def to_python(self, value: str) -> str:
        raise ValidationError if value == "unfit" else PaymentError(SECRET)


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError(SECRET)


class HandledError(Exception):
    pass


def raising(error: Any) -> Any:
    def view(**_arguments: Any) -> Any:
        raise error if isinstance(error, BaseException) else error(SECRET)

    return view


def chained() -> Any:
    try:
        raise KeyError(SECRET)
    except KeyError as error:
        raise PaymentError(SECRET) from error


def streaming(after: int) -> Response:
    def chunks() -> Any:
        yield from ["chunk"] * after
        raise PaymentError(SECRET)

    return Response(chunks(), mimetype="text/csv")


def closing() -> Response:
    response = Response("whole")
    response.call_on_close(raising(PaymentError))
    return response


RAISED: dict[str, Any] = {
    "view": PaymentError,
    "key": KeyError,
    "group": lambda text: ExceptionGroup(text, [ValueError(text)]),
    "recursion": RecursionError,
    "memory": MemoryError,
    "exit": SystemExit,
    "unprintable": Unprintable,
    "os-error": lambda text: FileNotFoundError(2, text, "/srv/shop/models.py"),
    "handled": HandledError,
    "custom": QuotaError(),
    "odd": OddError(),
    "silent": SilentError(),
    "unauthorized": Unauthorized(www_authenticate=None),
    "slow-down": TooManyRequests(retry_after=7),
    "away": ServiceUnavailable(retry_after=7),
    "method": MethodNotAllowed(valid_methods=["PUT"]),
    "described": NotFound("No such order"),
    "chained-http": NotFound(),
}


def make_app() -> Flask:
    app = Flask("shop")
    app.secret_key = "k"
    app.config["MAX_CONTENT_LENGTH"] = 10
    app.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost"]
    app.url_map.converters["broken"] = BrokenConverter
    for name, error in RAISED.items():
        app.add_url_rule(f"/{name}", name, raising(error))
    app.add_url_rule("/chained", "chained", chained)
    app.add_url_rule("/stream", "stream", lambda: streaming(0))
    app.add_url_rule("/broken-stream", "broken-stream", lambda: streaming(2))
    app.add_url_rule("/close", "close", closing)
    app.add_url_rule("/convert/<broken:it>", "convert", lambda it: "ok")
    app.add_url_rule("/number/<int:n>", "number", lambda n: "ok")
    app.add_url_rule("/slashed/", "slashed", lambda: "ok")
    app.add_url_rule("/none", "none", lambda: None)
    app.add_url_rule("/set", "set", lambda: {1, 2})
    app.add_url_rule("/tuple", "tuple", lambda: ())
    app.add_url_rule("/unjson", "unjson", lambda: {"a": object()})
    app.add_url_rule("/template", "template", lambda: render_template_string("{{ a.b.c }}"))
    app.add_url_rule("/no-template", "no-template", lambda: render_template_string("{% x %}"))
    app.add_url_rule("/json", "json", lambda: request.get_json(), methods=["POST"])
    app.add_url_rule("/data", "data", lambda: request.get_data(), methods=["POST"])
    app.add_url_rule("/form", "form", lambda: request.form["missing"], methods=["POST"])
    app.add_url_rule("/args", "args", lambda: request.args["missing"])
    app.add_url_rule("/abort-500", "abort-500", lambda: abort(500))
    app.add_url_rule("/abort-403", "abort-403", lambda: abort(403))
    app.add_url_rule("/abort-410", "abort-410", lambda: abort(410, "It was sold."))
    app.add_url_rule("/empty", "empty", lambda: ("", 404))
    app.add_url_rule("/session", "session", lambda: session.update(a=object()) or "ok")
    app.add_url_rule("/async", "async", _async)
    app.add_url_rule("/before", "before", lambda: "ok")
    app.add_url_rule("/after", "after", lambda: "ok")
    app.add_url_rule("/teardown", "teardown", lambda: "ok")
    _add_hooks(app)
    _add_blueprint(app)
    return app


async def _async() -> Any:
    raise PaymentError(SECRET)


def _add_hooks(app: Flask) -> None:
    @app.before_request
    def before() -> None:
        if request.path == "/before":
            raise PaymentError(SECRET)

    @app.after_request
    def after(response: Response) -> Response:
        if request.path == "/after":
            raise PaymentError(SECRET)
        return response

    @app.teardown_request
    def teardown(_error: BaseException | None) -> None:
        if request.path == "/teardown":
            raise PaymentError(SECRET)

    @app.errorhandler(HandledError)
    def handle(_error: HandledError) -> Any:
        raise PaymentError(SECRET)


def _add_blueprint(app: Flask) -> None:
    blueprint = Blueprint("admin", "admin", url_prefix="/admin")
    blueprint.add_url_rule("/crash", "crash", raising(PaymentError))
    blueprint.add_url_rule("/gone", "gone", lambda: abort(410))
    blueprint.register_error_handler(404, lambda error: ("the blueprint's", 404))
    app.register_blueprint(blueprint)
