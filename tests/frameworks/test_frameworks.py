"""Frameworks that know nothing of us: their own error pages give way, the app's never do."""

from __future__ import annotations

import sys
import warnings
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

import bottle
import django.conf
import falcon
import flask
import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpResponse
from django.urls import path as django_path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from tests.calls import Server, environ
from tests.conftest import Log
from wsgi_observe import observe

TEXT = "Order <7> isn't paid: ask sales & wait"
SECRET = "secret-4242 SELECT password FROM users; /srv/shop/models.py"
OWN_PAGE = b"<!doctype html><title>Oh no</title><h1>404 Not Found</h1><p>Gone fishing.</p>"
FORM = b"<form method=post><input name=password></form>"
FRAGMENT = b'<li class="error">Too short</li>'


class PaymentError(Exception):
    pass


def fail() -> Any:
    raise PaymentError(SECRET)


def make_bottle() -> Any:
    app = bottle.Bottle()

    def answer(status: int, page: bytes) -> Any:
        return lambda: bottle.HTTPResponse(page, status)

    def stream() -> Any:
        yield fail()

    app.route("/crash", callback=fail)
    app.route("/stream", callback=stream)
    app.route("/forbidden", callback=lambda: bottle.abort(403))
    app.route("/upload", "POST", lambda: bottle.request.body.read())
    app.route("/told", callback=lambda: bottle.abort(409, TEXT))
    app.route("/form", callback=answer(401, FORM))
    app.route("/fragment", callback=answer(422, FRAGMENT))
    app.route("/own", callback=answer(404, OWN_PAGE))
    return app


def make_falcon() -> Any:
    class Resource:
        def __init__(self, error: Any, page: bytes = b"") -> None:
            self.error, self.page = error, page

        def on_get(self, request: Any, response: Any) -> None:
            if isinstance(self.error, Exception):
                raise self.error
            response.status, response.data = self.error, self.page
            response.content_type = "text/html"

    class Upload:
        def on_post(self, request: Any, response: Any) -> None:
            request.stream.read()

    app = falcon.App()
    app.add_route("/upload", Upload())
    app.add_route("/crash", Resource(PaymentError(SECRET)))
    app.add_route("/forbidden", Resource(falcon.HTTPForbidden()))
    app.add_route("/told", Resource(falcon.HTTPConflict(description=TEXT)))
    app.add_route("/form", Resource(401, FORM))
    app.add_route("/fragment", Resource(422, FRAGMENT))
    app.add_route("/own", Resource(404, OWN_PAGE))
    return app


def make_django() -> Any:
    from django.core.wsgi import get_wsgi_application

    def raising(error: Exception) -> Any:
        def view(_request: Any) -> Any:
            raise error

        return view

    def answer(status: int, page: bytes) -> Any:
        return lambda _request: HttpResponse(page, status=status)

    urls = ModuleType("tests_django_urls")
    urls.urlpatterns = [  # type: ignore[attr-defined]
        django_path("upload", csrf_exempt(lambda request: HttpResponse(request.body))),
        django_path("crash", raising(PaymentError(SECRET))),
        django_path("forbidden", raising(PermissionDenied(SECRET))),
        django_path("missing", raising(Http404(SECRET))),
        django_path("suspicious", raising(SuspiciousOperation(SECRET))),
        django_path("post-only", require_POST(answer(200, b"ok"))),
        django_path("csrf", answer(200, b"ok")),
        django_path("form", answer(401, FORM)),
        django_path("fragment", answer(422, FRAGMENT)),
        django_path("own", answer(404, OWN_PAGE)),
    ]
    sys.modules[urls.__name__] = urls
    _configure_django(urls.__name__)
    return get_wsgi_application()


@cache
def _configure_django(urlconf: str) -> None:
    """Configure this process, which other tests may have done for themselves."""
    if not django.conf.settings.configured:
        django.conf.settings.configure(SECRET_KEY="k", LOGGING_CONFIG=None)
        django.setup()
    django.conf.settings.ALLOWED_HOSTS = ["127.0.0.1"]
    django.conf.settings.ROOT_URLCONF = urlconf
    django.conf.settings.MIDDLEWARE = ["django.middleware.csrf.CsrfViewMiddleware"]


def make_pyramid() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they import what Python 3.13 has no more
        from pyramid.config import Configurator
        from pyramid.httpexceptions import HTTPConflict, HTTPForbidden
        from pyramid.response import Response

    def forbid(_request: Any) -> Any:
        raise HTTPForbidden

    def tell(_request: Any) -> Any:
        raise HTTPConflict(TEXT)

    views = {
        "upload": lambda request: Response(request.body),
        "crash": lambda _request: fail(),
        "forbidden": forbid,
        "told": tell,
        "form": lambda _request: Response(FORM, 401),
        "fragment": lambda _request: Response(FRAGMENT, 422),
        "own": lambda _request: Response(OWN_PAGE, 404),
    }
    with Configurator() as config:
        for name, view in views.items():
            config.add_route(name, f"/{name}")
            config.add_view(view, route_name=name)
        return config.make_wsgi_app()


def make_flask() -> Any:
    app = flask.Flask("shop")
    app.add_url_rule("/upload", "upload", lambda: flask.request.get_data(), methods=["POST"])
    return app


def bare(environ: Any, start_response: Any) -> Any:
    if environ["PATH_INFO"] == "/upload":
        environ["wsgi.input"].read()
    page, status = {
        "/form": (FORM, "401 Unauthorized"),
        "/fragment": (FRAGMENT, "422 Unprocessable Content"),
        "/own": (OWN_PAGE, "404 Not Found"),
        "/forbidden": (b"", "403 Forbidden"),
        "/crash": (b"", ""),
    }.get(environ["PATH_INFO"], (b"", "404 Not Found"))
    start_response(status or fail(), [("Content-Type", "text/html")])
    return [page] if page else []


MAKERS = {
    "Bottle": make_bottle,
    "Falcon": make_falcon,
    "Django": make_django,
    "Pyramid": make_pyramid,
    "a function": lambda: bare,
}


class Failure(NamedTuple):
    framework: str
    path: str
    code: int
    raised: str | None = None
    method: str = "GET"
    more: dict[str, Any] = {}  # noqa: RUF012


JSON = {"HTTP_ACCEPT": "application/json"}
XML = {"HTTP_ACCEPT": "text/xml"}
PAGE = {"HTTP_ACCEPT": "text/html"}
FAILURES = [
    *(Failure(name, "/forbidden", 403) for name in MAKERS),
    *(Failure(name, "/nowhere", 404) for name in MAKERS),
    *(Failure(name, "/nowhere", 404, more=JSON) for name in MAKERS),
    *(Failure(name, "/nowhere", 404, more=PAGE) for name in MAKERS),
    Failure("Falcon", "/nowhere", 404, more=XML),
    *(Failure(name, "/forbidden", 405, None, "POST") for name in ("Bottle", "Falcon")),
    Failure("Django", "/missing", 404),
    Failure("Django", "/suspicious", 400, "SuspiciousOperation"),  # Django logs it as an ERROR
    Failure("Django", "/post-only", 405),
    Failure("Django", "/csrf", 403, None, "POST"),
    Failure("Django", "/missing", 404, more={"HTTP_HOST": "127.0.0.1"}),
    Failure("Pyramid", "/forbidden", 403, more=JSON),
    Failure("Pyramid", "/forbidden", 403, more=PAGE),
    Failure("Pyramid", "/crash", 500, "PaymentError"),
    Failure("a function", "/crash", 500, "PaymentError"),
    Failure("Django", "/crash", 500, "PaymentError"),
    # It hands its exception to start_response, as PEP 3333 has it.
    Failure("Bottle", "/crash", 500, "PaymentError"),
    Failure("Bottle", "/stream", 500),  # nobody hears of this one: it is on no line of Bottle's
    Failure("Falcon", "/crash", 500),  # it writes the traceback to wsgi.errors, as text
]
KEYS = {
    "envelope": ["code", "name", "description", "request_id"],
    "problem": ["type", "title", "status", "detail", "request_id"],
}


def ask(name: str, path: str, method: str = "GET", more: Any = (), **settings: Any) -> Server:
    app = observe({**MAKERS, "Flask": make_flask}[name](), **settings)
    return Server().serve(app, environ(path, method, **dict(more)))


@pytest.mark.parametrize("error_format", ["envelope", "problem"])
@pytest.mark.parametrize(
    "failure", FAILURES, ids=[f"{f.framework} {f.method} {f.path} {f.more}" for f in FAILURES]
)
def test_a_failure_is_answered_in_the_one_shape(
    failure: Failure, error_format: str, log: Log
) -> None:
    name, path, code, raised, method, more = failure
    answer = ask(name, path, method, more, error_format=error_format)
    assert answer.code == code
    assert list(answer.json) == KEYS[error_format]
    assert answer.json["request_id"] == answer.request_id == log.access["request_id"]
    assert answer.headers["content-length"] == str(len(answer.body))
    assert not [word for word in SECRET.split() if word.encode() in answer.body]
    assert [line["exc_type"] for line in log.errors if "exc_type" in line] == [raised] * bool(
        raised
    )


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize(
    ("path", "code", "page"),
    [("/form", 401, FORM), ("/fragment", 422, FRAGMENT), ("/own", 404, OWN_PAGE)],
    ids=["a login form", "an htmx fragment", "a 404 page"],
)
class TestWhatTheAppWrote:
    def test_is_never_eaten(self, name: str, path: str, code: int, page: bytes) -> None:
        answer = ask(name, path)
        assert (answer.code, answer.body) == (code, page)

    @pytest.mark.parametrize("negotiate", [False, True])
    def test_gives_way_where_that_is_asked_for(
        self, name: str, path: str, code: int, page: bytes, negotiate: bool
    ) -> None:
        answer = ask(name, path, html_errors="replace", negotiate=negotiate)
        assert answer.json["code"] == code

    def test_stays_for_who_prefers_it(self, name: str, path: str, code: int, page: bytes) -> None:
        answer = ask(name, path, more=PAGE, html_errors="replace", negotiate=True)
        assert (answer.code, answer.body) == (code, page)


def test_the_headers_of_a_405_stay() -> None:
    assert ask("Django", "/post-only").headers["allow"] == "POST"
    assert "GET" in ask("Falcon", "/forbidden", "POST").headers["allow"]


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("Bottle", {}),
        *(("Falcon", more) for more in (JSON, XML)),
        *(("Pyramid", more) for more in ({}, PAGE, JSON)),
    ],
)
@pytest.mark.parametrize(
    ("error_format", "key"), [("envelope", "description"), ("problem", "detail")]
)
def test_what_the_author_tells_the_client_is_told(
    name: str, more: dict[str, Any], error_format: str, key: str
) -> None:
    answer = ask(name, "/told", more=more, error_format=error_format)
    assert (answer.code, answer.json[key]) == (409, TEXT)
    assert answer.json["request_id"] == answer.request_id


class Broken:
    """A server's stream whose client has gone."""

    def read(self, *_: Any) -> bytes:
        raise ConnectionResetError(104, "Connection reset by peer")

    readline = readlines = read


@pytest.mark.parametrize("name", [*MAKERS, "Flask"])
def test_a_client_that_breaks_its_upload_off_is_no_error_of_the_app(name: str, log: Log) -> None:
    more = {"wsgi.input": Broken(), "CONTENT_LENGTH": "10", "wsgi.input_terminated": True}
    answer = ask(name, "/upload", "POST", more)
    assert (answer.code, answer.json["code"]) == (400, 400)
    assert log.errors == []
    assert (log.access["outcome"], log.access["status_code"]) == ("aborted", 400)


def test_a_client_of_pyramids_json_finds_its_message() -> None:
    assert TEXT in ask("Pyramid", "/told", more=JSON).json["message"]


def test_a_form_without_its_token_is_told_so() -> None:
    said = ask("Django", "/csrf", "POST").json["description"]
    assert said == "CSRF verification failed. Request aborted."


def test_bottles_debug_page_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bottle, "DEBUG", True)
    for path in ("/crash", "/stream"):
        answer = ask("Bottle", path)
        assert answer.json["description"] == "An unexpected error occurred."
        assert not [word for word in SECRET.split() if word.encode() in answer.body]
