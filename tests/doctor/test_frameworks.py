"""The doctor's views in apps of each framework: they run within the app's own error handling."""

from pathlib import Path

import pytest

from tests.doctor.examining import ask_about, ask_one
from wsgi_observe.doctor.answer import Result

DJANGO = """
import logging
from django.conf import settings
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["shop.example"], {settings})
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path
urlpatterns = {urlpatterns}
handler404 = lambda request, exception: JsonResponse({{"code": 404}}, status=404)
handler500 = lambda request: JsonResponse({{"code": 500}}, status=500)
app = get_wsgi_application()
"""

BOTTLE = """
import json
from bottle import Bottle, response
app = Bottle()
def respond(error):
    response.content_type = "application/json"
    return json.dumps({"code": error.status_code})
app.default_error_handler = respond
"""

FALCON = """
import falcon
app = falcon.App()
"""

PYRAMID = """
from pyramid.config import Configurator
def respond(error, request):
    request.response.status = getattr(error, "status", 500)
    return {"code": request.response.status_code}
config = Configurator()
config.add_view(respond, context=Exception, renderer="json")
config.add_notfound_view(respond, renderer="json")
app = config.make_wsgi_app()
"""

STREAM = "exception before the first chunk of a stream"

DJANGO_SECURED = DJANGO.format(
    settings="""
    SECURE_SSL_REDIRECT=True, PREPEND_WWW=False, APPEND_SLASH=True,
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
    """,
    urlpatterns="(path('orders', lambda request: None),)",
)
DJANGO_LANGUAGES = DJANGO.format(
    settings="USE_I18N=True, MIDDLEWARE=['django.middleware.locale.LocaleMiddleware']",
    urlpatterns="""__import__("django.conf.urls.i18n").conf.urls.i18n.i18n_patterns(
        path('orders', lambda request: None)
    )""",
)

TO_SERVER = "goes to the server, which sends a page of its own"
NEVER_SEEN = "(error handlers of most frameworks never see this)"
BEYOND = f"RuntimeError {TO_SERVER}: {STREAM} {NEVER_SEEN}"
BARE = {
    "django": (
        DJANGO.replace("handler", "unused").format(settings="", urlpatterns="[]"),
        [
            "text/html for unknown URL (404), wrong method (405), oversized body (400), "
            "exception in a view (500)",
            BEYOND,
        ],
    ),
    "bottle": (
        "from bottle import Bottle\napp = Bottle()",
        [
            "text/html for unknown URL (404), wrong method (405), malformed JSON (400), "
            "oversized body (413), exception in a view (500)",
            f"text/html for {STREAM} (500) {NEVER_SEEN}",
        ],
    ),
    "falcon": (FALCON, [BEYOND]),
    "pyramid": (
        "from pyramid.config import Configurator\napp = Configurator().make_wsgi_app()",
        [
            f"JSONDecodeError {TO_SERVER}: malformed JSON; "
            f"RuntimeError {TO_SERVER}: exception in a view",
            BEYOND,
        ],
    ),
}


@pytest.mark.parametrize("framework", BARE)
def test_errors_of_a_framework_are_caused_in_its_own_ways(tmp_path: Path, framework: str) -> None:
    source, expected = BARE[framework]
    assert [fault.seen for fault in ask_one(tmp_path, source, 1).faults] == expected


IN_DJANGO = ["text/html for wrong method (405), oversized body (400)", BEYOND]
HANDLED = {
    "django": (DJANGO_SECURED, IN_DJANGO),
    "django-languages": (DJANGO_LANGUAGES, IN_DJANGO),
    "bottle": (BOTTLE, []),
    "pyramid": (PYRAMID, [BEYOND]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HANDLED)
def test_handlers_of_the_app_respond_to_the_errors_of_the_doctors_views(
    tmp_path: Path, name: str
) -> None:
    source, left = HANDLED[name]
    assert [fault.seen for fault in ask_one(tmp_path, source, 1).faults] == left


OBSTACLES = {
    "django": """
import django
LOGIN_REQUIRED = ["django.contrib.auth.middleware.LoginRequiredMiddleware"]
LOGIN_REQUIRED *= django.VERSION >= (5, 1)
"""
    + DJANGO.format(
        settings="""
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "HOST": "127.0.0.1", "ATOMIC_REQUESTS": True,
    }},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
    LOGIN_URL="/login",
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ] + LOGIN_REQUIRED,
    """,
        urlpatterns="[path('<path:anything>', lambda request, anything: 1 / 0)]",
    ),
    "bottle": BOTTLE
    + """
@app.route("/<path:path>", method="ANY")
def serve(path):
    raise AssertionError("called by the doctor")
""",
    "falcon": FALCON
    + """
def serve(request, response):
    raise AssertionError("called by the doctor")
app.add_sink(serve)
""",
    "pyramid": """
from pyramid.authorization import ACLAuthorizationPolicy
from pyramid.config import Configurator
from pyramid.security import Denied
class Policy:
    def permits(self, request, context, permission): return Denied("no")
    def identity(self, request): return None
    def authenticated_userid(self, request): return None
def make_root(request):
    raise AssertionError("called by the doctor")
config = Configurator(root_factory=make_root, security_policy=Policy())
config.set_default_permission("view")
config.set_default_csrf_options(require_csrf=True)
config.add_route("all", "/*path")
config.add_view(make_root, route_name="all")
app = config.make_wsgi_app()
""",
}


@pytest.mark.slow
@pytest.mark.parametrize("framework", OBSTACLES)
def test_views_are_reached_past_catch_all_routes_logins_and_transactions(
    tmp_path: Path, framework: str
) -> None:
    answer = ask_one(tmp_path, OBSTACLES[framework], 1, is_observed=True)
    assert answer.faults == ()
    assert "exception in a view" in answer.seen
    assert "unknown URL" not in answer.seen


WRAPPERS = {
    "proxy-fix": """
from werkzeug.middleware.proxy_fix import ProxyFix
app = ProxyFix(app, x_for=1, x_host=1)
""",
    "a-closure": """
def wrap(inner):
    def call(environ, start_response):
        return inner(environ, start_response)
    return call
app = wrap(app)
""",
    "dispatcher": """
from werkzeug.middleware.dispatcher import DispatcherMiddleware
app = DispatcherMiddleware(app, {"/metrics": lambda environ, start_response: 1 / 0})
""",
    "mounted": """
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
app = DispatcherMiddleware(NotFound(), {"/shop": app})
""",
    "static-files": """
class WhiteNoise:
    def __init__(self, application):
        self.application = application
    def __call__(self, environ, start_response):
        return self.application(environ, start_response)
app = WhiteNoise(app)
""",
}


@pytest.mark.slow
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_views_are_within_an_app_that_other_middlewares_wrap(tmp_path: Path, wrapper: str) -> None:
    fault, _ = ask_one(tmp_path, BARE["bottle"][0] + WRAPPERS[wrapper], 1).faults
    assert fault.seen.startswith("text/html for unknown URL (404), wrong method (405), ")


LOGGING = """
import logging, sys
logging.basicConfig(level="INFO", stream=sys.stdout, format='{"message": "%(message)s"}')
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "source",
    [BOTTLE, FALCON, PYRAMID, DJANGO_SECURED],
    ids=["bottle", "falcon", "pyramid", "django"],
)
def test_lines_are_looked_at_whatever_the_framework(tmp_path: Path, source: str) -> None:
    assert ask_one(tmp_path, source, 8).result is Result.FAIL
    assert ask_one(tmp_path, LOGGING + source, 8).result is Result.PASS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("framework", "name"), [("django", "application"), ("bottle", "app"), ("falcon", "app")]
)
def test_remedies_are_for_the_framework(tmp_path: Path, framework: str, name: str) -> None:
    answers = ask_about(tmp_path, BARE[framework][0], 1, 9, 12)
    remedies = [fault.remedy for answer in answers.values() for fault in answer.faults]
    assert not any("wsgi_app" in remedy for remedy in remedies)
    assert sum(f"{name} = observe({name}" in remedy for remedy in remedies) >= 3


def test_json_that_cannot_be_parsed_and_a_status_of_success_are_named(tmp_path: Path) -> None:
    source = """
from pyramid.config import Configurator
from pyramid.response import Response
def broken(error, request): return Response(b"{'code'}", 404, content_type="application/json")
def crash(error, request): return Response(json_body={"code": 500})
with Configurator() as config:
    config.add_notfound_view(broken)
    config.add_exception_view(crash, context=Exception)
    app = config.make_wsgi_app()
"""
    (fault, _) = ask_one(tmp_path, source, 1).faults
    assert "application/json that cannot be parsed for unknown URL (404)" in fault.seen
    assert "application/json without an error's status for malformed JSON (200)" in fault.seen
    assert fault.where == "shop.py:4"


# The part of Flask-RESTX and Flask-RESTful that handles errors: of their own endpoints alone.
FLASK_API = """
from functools import partial
from flask import Blueprint, Flask, jsonify, make_response, request
class Api:
    def __init__(self, app, blueprint=None):
        self.endpoints, self.blueprint = set(), blueprint
        app.handle_exception = partial(self.route_error, app.handle_exception)
        app.handle_user_exception = partial(self.route_error, app.handle_user_exception)
    def route_error(self, handler, error):
        endpoint = request.url_rule.endpoint if request.url_rule else "405"
        if self.blueprint is not None:
            endpoint = endpoint.removeprefix(self.blueprint.name + ".")
        if endpoint not in {*self.endpoints, "405"}:
            return handler(error)
        code = getattr(error, "code", 500)
        return make_response(jsonify(message=getattr(error, "name", "Error")), code)
app = Flask(__name__)
"""
APIS = {
    "app": "api = Api(app)",
    "blueprint": "v1 = Blueprint('v1', __name__)\napp.register_blueprint(v1)\napi = Api(app, v1)",
}


@pytest.mark.slow
@pytest.mark.parametrize("api", APIS.values(), ids=APIS.keys())
def test_errors_are_caused_in_the_api_of_an_extension(tmp_path: Path, api: str) -> None:
    answers = ask_about(tmp_path, FLASK_API + api, 1, 5)
    assert all(fault.is_warning for fault in answers[1].faults), answers
    assert answers[5].faults == ()


OBSERVED_BOTTLE = """
from bottle import Bottle, response
from wsgi_observe import observe
bottle = Bottle()
@bottle.error(500)
def show(error):
    response.content_type = "application/json"
    return '{"code": 500, "description": "%s"}' % error.exception
app = observe(bottle)
"""
OBSERVED_PYRAMID = """
from pyramid.config import Configurator
from pyramid.response import Response
from wsgi_observe import observe
config = Configurator()
config.add_exception_view(lambda error, request: Response(json_body={"code": 500}))
app = observe(config.make_wsgi_app())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "number", "remedy"),
    [
        (OBSERVED_BOTTLE, 6, "log the exception, and put no text of it into the response"),
        (OBSERVED_PYRAMID, 1, "return the error's status too"),
    ],
    ids=["bottle", "pyramid"],
)
def test_the_remedy_for_an_observed_app_is_one_for_its_framework(
    tmp_path: Path, source: str, number: int, remedy: str
) -> None:
    (fault,) = ask_one(tmp_path, source, number).faults
    assert fault.remedy.startswith(remedy)
