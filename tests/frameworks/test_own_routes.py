"""A probe path at which the app has a route of its own: who answers, by each framework's router."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

import bottle
import falcon
import pytest
from django.http import HttpResponse
from django.test import override_settings
from django.urls import clear_url_caches, path, re_path
from django.views import View
from flask import Blueprint, Flask
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from tests.calls import answering, call, raising
from tests.conftest import Log
from tests.frameworks.test_frameworks import make_django
from wsgi_observe import Health, Settings, observe
from wsgi_observe.flask import Observe

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # they import what Python 3.13 has no more
    from pyramid.config import Configurator
    from pyramid.response import Response

OWN = b"the app's own"


def flask(*rules: str, **options: Any) -> Flask:
    app = Flask("shop", static_folder=None)
    for rule in rules:
        app.add_url_rule(rule, rule, lambda **_: OWN, **options)
    return app


def on_blueprint() -> Flask:
    app, health = Flask("shop"), Blueprint("health", "health", url_prefix="/health")
    health.get("")(lambda: OWN)
    app.register_blueprint(health)
    return app


def by_host() -> Flask:
    app = Flask("shop", host_matching=True, static_folder=None)
    app.add_url_rule("/health", "health", lambda: OWN, host="127.0.0.1")
    app.add_url_rule("/<page>", "page", lambda page: page, host="<host>.example")
    return app


def django(*patterns: Any) -> Any:
    app = make_django()
    urls = ModuleType("own_urls")
    urls.urlpatterns = list(patterns)  # type: ignore[attr-defined]
    sys.modules[urls.__name__] = urls
    clear_url_caches()
    return app


def view(_request: Any, **_: Any) -> HttpResponse:
    return HttpResponse(OWN)


class Getting(View):
    def get(self, request: Any) -> HttpResponse:
        return view(request)


class Posting(View):
    def post(self, request: Any) -> HttpResponse:
        return view(request)


def copied_bottle() -> Any:
    """Bottle as pypiserver has it: a copy of its one file, in a package of its own."""
    spec = spec_from_file_location("shop.copies.bottle", bottle.__file__)
    assert spec is not None
    assert spec.loader is not None
    copy = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(copy)
    return copy


def bottled(*rules: str, method: str = "GET", of: Any = bottle) -> Any:
    app = of.Bottle()
    for rule in rules:
        app.route(rule, method, lambda **_: OWN)
    return app


class Resource:
    def on_get(self, _request: Any, response: Any, **_: Any) -> None:
        response.data = OWN


class PostedResource:
    def on_post(self, _request: Any, response: Any) -> None:
        response.data = OWN


def falconed(*templates: str, resource: Any = Resource) -> falcon.App:
    app = falcon.App()
    for template in templates:
        app.add_route(template, resource())
    return app


def pyramid(*patterns: str, of_route: Any = None, of_view: Any = None, name: str = "") -> Any:
    with Configurator() as config:
        for pattern in patterns:
            config.add_route(pattern, pattern, request_method=of_route)
            config.add_view(lambda _: Response(OWN), route_name=pattern, request_method=of_view)
        if name:
            config.add_view(lambda _: Response(OWN), name=name)
        return config.make_wsgi_app()


EXPLICIT: dict[str, Callable[[], Any]] = {
    "Flask": lambda: flask("/health"),
    "Flask, beside a catch-all": lambda: flask("/<path:page>", "/health"),
    "Flask, ending in a slash": lambda: flask("/health/"),
    "Flask, one of some words": lambda: flask("/<any(health, status):what>"),
    "Flask, by a blueprint": on_blueprint,
    "Flask, for a host": by_host,
    "Flask, inside a middleware": lambda: ProxyFix(flask("/health")),
    "Flask, by a middleware on it": lambda: on_itself(flask("/health"), ProxyFix),
    "Flask, inside OpenTelemetry's middleware": lambda: OpenTelemetryMiddleware(flask("/health")),
    "Flask, inside a function": lambda: calling(ProxyFix(flask("/health"))),
    "Flask, by a function on it": lambda: on_itself(flask("/health"), calling),
    "Flask, inside a middleware of another form": lambda: Named(calling(flask("/health"))),
    "a dispatcher": lambda: DispatcherMiddleware(flask(), {"/health": answering(body=[OWN])}),
    "Django": lambda: django(path("health", view)),
    "Django, a class": lambda: django(path("health", Getting.as_view())),
    "Django, beside a catch-all": lambda: django(path("health", view), re_path("^.*$", view)),
    "Django, by a regular expression": lambda: django(re_path(r"^health/?$", view)),
    "Bottle": lambda: bottled("/health"),
    "Bottle, beside a catch-all": lambda: bottled("/<page:path>", "/health"),
    "Bottle, by a regular expression": lambda: bottled("/<what:re:health|status>"),
    "Bottle, any method": lambda: bottled("/health", method="ANY"),
    "Bottle, copied into another package": lambda: bottled("/health", of=copied_bottle()),
    "Falcon": lambda: falconed("/health"),
    "Falcon, beside a catch-all": lambda: falconed("/{page}", "/health"),
    "Pyramid": lambda: pyramid("/health"),
    "Pyramid, before a catch-all": lambda: pyramid("/health", "/{page}"),
    "Pyramid, a view by its name": lambda: pyramid(name="health"),
}

NOT_EXPLICIT: dict[str, Callable[[], Any]] = {
    "Flask, none": lambda: flask("/"),
    "Flask, a segment": lambda: flask("/<page>"),
    "Flask, a path": lambda: flask("/<path:page>", "/<path:page>/"),
    "Flask, POST": lambda: flask("/health", methods=["POST"]),
    "Flask, POST beside a catch-all": lambda: post_beside_catch_all(),
    "Flask, below": lambda: flask("/health/live"),
    "a dispatcher, elsewhere": lambda: DispatcherMiddleware(flask(), {"/": answering()}),
    "Django, a catch-all": lambda: django(re_path("^.*$", view)),
    "Django, a segment": lambda: django(path("<slug:page>", view)),
    "Django, POST": lambda: django(path("health", Posting.as_view())),
    "Bottle, a path": lambda: bottled("/<page:path>"),
    "Bottle, a segment": lambda: bottled("/<page>"),
    "Bottle, POST": lambda: bottled("/health", method="POST"),
    "Falcon, a segment": lambda: falconed("/{page}"),
    "Falcon, a path": lambda: falconed("/{page:path}"),
    "Falcon, POST": lambda: falconed("/health", resource=PostedResource),
    "Pyramid, a segment": lambda: pyramid("/{page}"),
    "Pyramid, a path": lambda: pyramid("/*page"),
    "Pyramid, POST by its route": lambda: pyramid("/health", of_route="POST"),
    "Pyramid, POST by its view": lambda: pyramid("/health", of_view="POST"),
    "Pyramid, POST and PUT": lambda: pyramid("/health", of_view=("POST", "PUT")),
    "one of several apps": lambda: choosing(flask("/health"), flask("/")),
    "a function": answering,
}


def calling(app: Any) -> Any:
    """Wrap an app as a function that has it in its closure."""
    hook = len

    def middleware(environ: Any, start_response: Any) -> Any:
        assert hook(environ)
        return app(environ, start_response)

    return middleware


class Named:
    """A middleware that keeps its app under a name of its own."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self._inner(environ, start_response)


def choosing(one: Any, other: Any) -> Any:
    return lambda environ, start: (one if "only" in environ else other)(environ, start)


def on_itself(app: Flask, middleware: Any) -> Flask:
    app.wsgi_app = middleware(app.wsgi_app)  # type: ignore[method-assign]
    return app


def post_beside_catch_all() -> Flask:
    app = flask("/<path:page>")
    app.post("/health")(lambda: OWN)
    return app


@pytest.fixture(autouse=True)
def _own_urlconf() -> Iterator[None]:
    make_django()
    with override_settings(ROOT_URLCONF="own_urls"):
        yield
    clear_url_caches()


def spelling(app: Any, at: str) -> str:
    """Return the path at which the bare app answers, with or without a slash at its end."""
    return at if call(app, at).code == 200 else at + "/"


@pytest.mark.parametrize("kind", EXPLICIT)
class TestAnExplicitRoute:
    def test_is_the_apps_and_this_is_logged_once(self, kind: str, log: Log) -> None:
        made = EXPLICIT[kind]()
        at = spelling(made, "/health")
        app = observe(made)
        log.clear()
        for _ in range(2):
            answer = call(app, at)
            assert (answer.code, answer.body) == (200, OWN)
        (warning,) = log.warnings
        assert warning["message"].startswith("/health is answered by the app's own route")
        assert len(log.of("wsgi_observe.access")) == 2
        assert call(app, "/ready").json == {"status": "ok", "checks": {}}

    @pytest.mark.parametrize(
        "settings",
        [
            pytest.param({"live_path": "/health"}, id="by keyword"),
            pytest.param(
                {"settings": Settings.from_env({"WSGI_OBSERVE_LIVE_PATH": "/health"})},
                id="by the environment",
            ),
        ],
    )
    def test_gives_way_to_a_path_that_was_set(self, kind: str, settings: Any, log: Log) -> None:
        app = observe(EXPLICIT[kind](), **settings)
        for _ in range(2):
            assert call(app, "/health").json == {"status": "ok"}
        (warning,) = log.warnings
        assert warning["message"].startswith(
            "/health is answered by the probe, since live_path was set, so the app's own route "
        )
        assert log.of("wsgi_observe.access") == []


@pytest.mark.parametrize("kind", NOT_EXPLICIT)
def test_what_is_no_explicit_route_leaves_the_path_to_the_probe(kind: str, log: Log) -> None:
    app = observe(NOT_EXPLICIT[kind]())
    for at in ("/health", "/health/"):
        assert call(app, at).json == {"status": "ok"}
    assert log.lines == []


READY = [
    pytest.param(lambda: flask("/ready"), id="Flask"),
    pytest.param(lambda: django(path("ready", view)), id="Django"),
    pytest.param(lambda: bottled("/ready"), id="Bottle"),
    pytest.param(lambda: falconed("/ready"), id="Falcon"),
    pytest.param(lambda: pyramid("/ready"), id="Pyramid"),
]


@pytest.mark.parametrize("make", READY)
def test_readiness_is_the_apps_unless_checks_were_given(make: Any, log: Log) -> None:
    assert call(observe(make()), "/ready").body == OWN
    assert call(observe(make(), checks={}), "/ready").body == OWN
    log.clear()
    app = observe(make(), checks={"db": dict})
    for at in ("/ready", "/ready/db"):
        assert call(app, at).json == {"status": "ok", "checks": {"db": "ok"}}
    (warning,) = log.warnings
    assert "since checks were given" in warning["message"]


def test_an_app_that_a_load_balancer_watches_answers_as_without_us() -> None:
    app = Flask("shop")
    app.get("/health", endpoint="health")(lambda: ({"db": False}, 503))
    app.post("/health", endpoint="report")(lambda: ({"saved": True}, 201))
    app.get("/ready/<zone>", endpoint="zone")(lambda zone: {"zone": zone})
    Observe(app)
    assert call(app, "/health").code == 503
    assert call(app, "/health", "POST").code == 201
    assert call(app, "/ready/eu").json == {"zone": "eu"}
    assert call(app, "/ready").json["status"] == "ok"


@pytest.mark.parametrize("way", ["Observe", "observe", "Health"])
def test_a_route_may_be_added_when_all_is_set_up(way: str) -> None:
    app = flask("/")
    if way == "Observe":
        Observe(app)
    else:
        on_itself(app, observe if way == "observe" else Health)
    app.get("/health")(lambda: OWN)
    assert call(app, "/health").body == OWN


def test_of_two_stacks_the_inner_one_reports(log: Log) -> None:
    app = observe(observe(flask("/health")))
    assert call(app, "/health").body == OWN
    assert len(log.warnings) == 1


def test_a_path_that_was_set_elsewhere_is_not_looked_for_at_the_old_one(log: Log) -> None:
    app = observe(flask("/health"), live_path="/livez")
    assert call(app, "/health").body == OWN
    assert call(app, "/livez").json == {"status": "ok"}
    assert log.warnings == []


class TestARouterThatFails:
    def test_leaves_the_path_to_the_probe_and_is_reported_once(self, log: Log) -> None:
        app = flask("/health")
        app.url_map = None  # type: ignore[assignment]
        observed = observe(app)
        for _ in range(3):
            assert call(observed, "/health").json == {"status": "ok"}
        (warning,) = log.warnings
        assert "looking for a route at a probe path" in warning["message"]

    def test_is_looked_at_again(self, log: Log) -> None:
        """A URLconf that cannot be imported now may be so later, as Django itself tries again."""
        app = observe(django(path("health", view)))
        module = sys.modules.pop("own_urls")
        assert call(app, "/health").json == {"status": "ok"}
        sys.modules["own_urls"] = module
        clear_url_caches()
        assert call(app, "/health").body == OWN

    def test_is_no_endless_search(self) -> None:
        ring = [Named(None) for _ in range(500)]
        for number, one in enumerate(ring):
            one.next, one.before = ring[number - 499], ring[number - 1]  # type: ignore[attr-defined]
        ring[0]._inner = answering()
        assert call(observe(ring[0]), "/health").json == {"status": "ok"}

    def test_cannot_break_an_app_that_is_no_framework(self) -> None:
        class Odd:
            def __getattr__(self, name: str) -> Any:
                raise RuntimeError(name)

            def __call__(self, environ: Any, start_response: Any) -> Any:
                return raising(ValueError())(environ, start_response)

        assert call(observe(Odd()), "/health").json == {"status": "ok"}
