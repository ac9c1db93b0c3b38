"""The app's own error handlers win over ours, in every order of registration."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    got_request_exception,
    redirect,
    request,
)
from werkzeug.exceptions import HTTPException, InternalServerError, NotFound

from tests.calls import call
from tests.conftest import Log
from wsgi_observe import configure_logging, observe
from wsgi_observe.errors import Error
from wsgi_observe.flask import InvalidAPIUsage, Observe, register_error_handlers


class DomainError(Exception):
    pass


class MissingError(NotFound, DomainError):
    pass


class FieldError(ValueError):
    messages = {"name": ["too short"]}  # noqa: RUF012


def shop() -> Flask:
    app = Flask("shop")
    for path, error in {
        "/crash": DomainError("secret"),
        "/404": NotFound("No such order"),
        "/missing": MissingError(),
        "/usage": InvalidAPIUsage("No.", 409),
        "/field": FieldError(),
    }.items():
        app.add_url_rule(path, path, _raising(error))
    return app


def _raising(error: Exception) -> Callable[[], Any]:
    def view() -> Any:
        raise error

    return view


def own(error: Any) -> Any:
    return f"own: {type(error).__name__}", getattr(error, "code", None) or 500


OBSERVED = [
    pytest.param(Observe, id="Observe"),
    pytest.param(register_error_handlers, id="register_error_handlers"),
]


@pytest.mark.parametrize("observed", OBSERVED)
@pytest.mark.parametrize("ours_first", [True, False], ids=["ours first", "the app's first"])
@pytest.mark.parametrize(
    ("kind", "path", "body"),
    [
        (HTTPException, "/404", "own: NotFound"),
        (HTTPException, "/nowhere", "own: NotFound"),
        (HTTPException, "/usage", "own: InvalidAPIUsage"),
        (HTTPException, "/crash", "own: InternalServerError"),
        (404, "/404", "own: NotFound"),
        (NotFound, "/nowhere", "own: NotFound"),
        (500, "/crash", "own: InternalServerError"),
        (InternalServerError, "/crash", "own: InternalServerError"),
        (Exception, "/crash", "own: DomainError"),
        (Exception, "/404", "own: NotFound"),
        (Exception, "/nowhere", "own: NotFound"),
        (DomainError, "/crash", "own: DomainError"),
        (DomainError, "/missing", "own: MissingError"),
        (InvalidAPIUsage, "/usage", "own: InvalidAPIUsage"),
        (FieldError, "/field", "own: FieldError"),
    ],
)
def test_the_apps_own_handler_wins(
    observed: Any, ours_first: bool, kind: Any, path: str, body: str
) -> None:
    app = shop()
    if ours_first:
        observed(app, validation_errors=(FieldError,))
        app.register_error_handler(kind, own)
    else:
        app.register_error_handler(kind, own)
        observed(app, validation_errors=(FieldError,))
    assert call(app, path).body.decode() == body


@pytest.mark.parametrize("kind", [404, NotFound, HTTPException, Exception])
def test_a_blueprints_handler_wins_before_the_apps(kind: Any) -> None:
    app, blueprint = shop(), Blueprint("b", "b", url_prefix="/b")
    blueprint.add_url_rule("/404", "b404", lambda: abort(404))
    blueprint.register_error_handler(kind, lambda error: ("the blueprint's", 404))
    app.register_error_handler(Exception, own)
    Observe(app)
    app.register_blueprint(blueprint)
    assert call(app, "/b/404").body == b"the blueprint's"
    assert call(app, "/b/nowhere").body == b"own: NotFound"


def test_an_async_handler_of_the_apps_wins_too() -> None:
    app = shop()
    Observe(app)

    @app.errorhandler(Exception)
    async def handle(error: Exception) -> Any:
        return own(error)

    assert call(app, "/404").body == b"own: NotFound"


def test_a_handler_for_500_sees_the_original_exception() -> None:
    app, seen = shop(), []
    Observe(app)

    @app.errorhandler(500)
    def handle(error: Any) -> Any:
        seen.append(error.original_exception)
        return "sorry", 500

    assert call(app, "/crash").body == b"sorry"
    assert [type(error) for error in seen] == [DomainError]


def test_flasks_signal_is_sent_for_a_crash() -> None:
    app, seen = shop(), []
    Observe(app)

    def note(_app: Flask, exception: BaseException) -> None:
        seen.append(exception)

    got_request_exception.connect(note, app)
    assert call(app, "/crash").json["code"] == 500
    assert [type(error) for error in seen] == [DomainError]


def test_without_a_request_id_above_there_is_none() -> None:
    app = shop()
    register_error_handlers(app)
    register_error_handlers(app, error_format="problem")  # the later one holds
    answer = call(app, "/404")
    assert answer.json["request_id"] is None
    assert answer.headers["content-type"] == "application/problem+json"


class OwnBody(HTTPException):
    code = 409

    def get_body(self, *_arguments: Any) -> str:
        return "<p>mine</p>"


class OwnJSON(NotFound):
    def get_headers(self, *_arguments: Any) -> list[tuple[str, str]]:
        return [("Content-Type", "application/json")]

    def get_body(self, *_arguments: Any) -> str:
        return '{"mine": 1}'


@pytest.mark.parametrize(
    ("view", "code", "body"),
    [
        pytest.param(lambda: abort(Response("gone", 410)), 410, b"gone", id="abort(Response)"),
        pytest.param(lambda: abort(Response("fine", 200)), 200, b"fine", id="a fine Response"),
        pytest.param(_raising(NotFound(response=Response("r", 404))), 404, b"r", id="response="),
        pytest.param(_raising(OwnBody()), 409, b"<p>mine</p>", id="a page of its own"),
        pytest.param(_raising(OwnJSON()), 404, b'{"mine": 1}', id="JSON of its own"),
        pytest.param(lambda: ("<p>form</p>", 401), 401, b"<p>form</p>", id="a login form"),
        pytest.param(lambda: ("<li>x</li>", 422), 422, b"<li>x</li>", id="an htmx fragment"),
        pytest.param(lambda: ({"no": 1}, 400), 400, b'{"no":1}\n', id="a JSON error"),
    ],
)
def test_what_somebody_wrote_is_left_alone(view: Any, code: int, body: bytes, log: Log) -> None:
    app = shop()
    app.add_url_rule("/", "view", view)
    Observe(app)
    answer = call(app, "/")
    assert (answer.code, answer.body) == (code, body)
    assert log.warnings == []


class TestHTMLErrors:
    BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"

    @pytest.mark.parametrize("path", ["/404", "/nowhere", "/crash"])
    def test_keep_keeps_flasks_pages(self, path: str) -> None:
        app = shop()
        Observe(app, html_errors="keep")
        assert call(app, path).body.startswith(b"<!doctype html>")

    @pytest.mark.parametrize("path", ["/404", "/nowhere", "/crash"])
    def test_negotiate_gives_html_to_browsers_only(self, path: str) -> None:
        app = shop()
        Observe(app, negotiate=True)
        page, document = call(app, path, HTTP_ACCEPT=self.BROWSER), call(app, path)
        assert page.body.startswith(b"<!doctype html>")
        assert document.json["request_id"] == document.request_id
        assert page.headers["vary"] == document.headers["vary"] == "Accept"

    def test_what_is_said_to_an_api_client_is_never_html(self) -> None:
        app = shop()
        Observe(app, html_errors="keep")
        assert call(app, "/usage").json["description"] == "No."


class TestAForgottenStatus:
    @pytest.mark.parametrize("kind", [DomainError, Exception, 500, HTTPException])
    def test_leaves_one_warning_that_names_handler_and_exception(self, kind: Any, log: Log) -> None:
        app = shop()
        Observe(app)

        @app.errorhandler(kind)
        def forgetful(_error: Exception) -> Any:
            return {"error": "no"}

        for _ in range(3):
            assert call(app, "/crash").code == 200
        (line,) = log.warnings
        assert f"{__name__}." in line["message"]
        assert "forgetful answered DomainError with status 200" in line["message"]

    def test_is_seen_for_a_404_too(self, log: Log) -> None:
        app = shop()
        app.register_error_handler(404, lambda error: "not here")
        Observe(app)
        call(app, "/nowhere")
        assert "<lambda> answered NotFound" in log.warnings[0]["message"]

    @pytest.mark.parametrize(
        "answer",
        [
            lambda error: ("no", 500),
            lambda error: redirect("/login"),
            lambda error: Response("no", 418),
            lambda error: error,
        ],
        ids=["a tuple", "a redirect", "a Response", "the exception"],
    )
    def test_is_none_where_there_is_a_status(self, answer: Any, log: Log) -> None:
        app = shop()
        app.register_error_handler(HTTPException, answer)
        Observe(app)
        assert call(app, "/crash").code >= 300
        assert call(app, "/404").code >= 300
        assert log.warnings == []


class BrokenOff:
    """The stream of a request whose client has disconnected."""

    def read(self, *_: object) -> bytes:
        raise ConnectionResetError(104, "reset")

    readline = readlines = read

    def __iter__(self) -> Any:
        return iter(self.read, b"")


def drop_all(record: logging.LogRecord) -> bool:
    return False


def own_and_log(error: Any) -> Any:
    current_app.logger.exception("mine")
    return own(error)


class TestA500OfTheAppsOwnHandler:
    @pytest.mark.parametrize(
        ("handler", "path", "logger"),
        [
            pytest.param(own, "/crash", "wsgi_observe.errors", id="not logged"),
            pytest.param(own_and_log, "/crash", "shop", id="logged by the handler"),
            pytest.param(own, "/503", "wsgi_observe.access", id="an HTTPException"),
        ],
    )
    def test_is_one_error_with_the_traceback_that_there_is(
        self, handler: Any, path: str, logger: str, log: Log, clean_logging: None
    ) -> None:
        configure_logging(log_format="json")
        app = shop()
        app.add_url_rule("/503", "/503", lambda: abort(503))
        app.register_error_handler(Exception, handler)
        Observe(app)
        call(app, path)
        assert log.error["logger"] == logger
        assert ("exc_info" in log.error) is (path == "/crash")

    def test_is_not_logged_for_a_client_that_breaks_off(
        self, log: Log, clean_logging: None
    ) -> None:
        configure_logging(log_format="json")
        app = shop()
        app.add_url_rule("/raw", "/raw", lambda: request.environ["wsgi.input"].read(9))
        app.register_error_handler(Exception, own)
        Observe(app)
        answer = call(app, "/raw", CONTENT_LENGTH="9", **{"wsgi.input": BrokenOff()})
        assert (answer.code, log.access["level"]) == (400, "INFO")
        assert log.lines == [log.access]

    def test_is_named_on_the_access_line_where_logging_is_not_ours(self, log: Log) -> None:
        app = shop()
        app.register_error_handler(Exception, own)
        Observe(app)
        call(app, "/crash")
        assert log.error == log.access
        assert log.access["exc_type"] == "DomainError"


def test_a_crash_whose_record_the_app_drops_is_logged_with_its_traceback(
    log: Log, clean_logging: None
) -> None:
    configure_logging(log_format="json")
    app = shop()
    Observe(app)
    app.logger.addFilter(drop_all)
    try:
        call(app, "/crash")
    finally:
        app.logger.removeFilter(drop_all)
    assert (log.error["logger"], log.error["exc_type"]) == ("wsgi_observe.errors", "DomainError")


@pytest.mark.parametrize("bad", [ValueError(), "ValueError", int, None])
def test_a_validation_error_is_an_exception_class(bad: Any) -> None:
    with pytest.raises(TypeError, match="validation_errors must be exception classes"):
        Observe(shop(), validation_errors=(bad,))


def test_a_document_of_the_handlers_is_sent_as_it_is_whatever_it_looks_like() -> None:
    def like_falcons(error: Error) -> dict[str, object]:
        return {"title": f"{error.code} NOT FOUND", "description": f"<{error.description}>"}

    app = shop()
    Observe(app, render_error=like_falcons)
    assert call(app, "/404").json["description"] == "<No such order>"
    assert call(app, "/404", method="HEAD").body == b""


def test_a_page_that_a_middleware_sends_in_place_of_the_handlers_document_is_replaced() -> None:
    app = shop()
    register_error_handlers(app)
    flask_app = app.wsgi_app

    def replaces(environ: Any, start_response: Any) -> Any:
        body = flask_app(environ, lambda *_: None)
        getattr(body, "close", dict)()
        start_response("404 NOT FOUND", [("Content-Type", "text/html")])
        return [NotFound().get_response().get_data()]

    assert call(observe(replaces), "/404").json["code"] == 404
