"""Route templates of every framework that has them."""

from __future__ import annotations

import warnings
from typing import Any

import bottle
import django.conf
import falcon
import pytest
from django.http import HttpResponse
from django.urls import path as django_path
from django.urls import re_path
from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from tests.calls import call_freely
from tests.prometheus.serving import added
from wsgi_observe import log_context, observe

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # they import what Python 3.13 has no more
    from pyramid.config import Configurator
    from pyramid.response import Response


def make_flask() -> Any:
    app = Flask("shop")
    app.add_url_rule("/orders/<number>", view_func=lambda number: number)
    return app


def make_mounted() -> Any:
    return DispatcherMiddleware(Flask("outer"), {"/shop": make_flask()})


def make_bottle() -> Any:
    app = bottle.Bottle()
    app.route("/orders/<number>", callback=lambda number: number)
    return app


def make_falcon() -> Any:
    class Order:
        def on_get(self, req: Any, resp: Any, number: str) -> None:
            resp.text = number

    app = falcon.App()
    app.add_route("/orders/{number}", Order())
    return app


def make_pyramid() -> Any:
    with Configurator() as config:
        config.add_route("order", "/orders/{number}")
        config.add_view(lambda request: Response("x"), route_name="order")
        return config.make_wsgi_app()


def _nested(request: Any, number: str) -> HttpResponse:
    with log_context(job="x"):
        return HttpResponse(number)


urlpatterns = [
    django_path("orders/<str:number>", _nested),
    re_path(r"^old/(?P<number>[0-9]+)$", _nested),
]


def make_django() -> Any:
    if not django.conf.settings.configured:
        django.conf.settings.configure(
            ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="k" * 50, LOGGING_CONFIG=None
        )
        django.setup()
    from django.core.handlers.wsgi import WSGIHandler

    handler = WSGIHandler()
    get_response = handler.get_response

    def with_own_urls(request: Any) -> Any:
        request.urlconf = __name__  # other tests have configured the process
        return get_response(request)

    handler.get_response = with_own_urls
    return handler


def wrapped_by_others() -> Any:
    inner = make_flask()
    return lambda environ, start_response: inner(dict(environ), start_response)


CASES = [
    pytest.param(make_flask, "/orders/7", "/orders/<number>", id="Flask"),
    pytest.param(make_mounted, "/shop/orders/7", "/orders/<number>", id="Flask, mounted"),
    pytest.param(wrapped_by_others, "/orders/7", "/orders/<number>", id="Flask, environ copied"),
    pytest.param(make_bottle, "/orders/7", "/orders/<number>", id="Bottle"),
    pytest.param(make_falcon, "/orders/7", "/orders/{number}", id="Falcon"),
    pytest.param(make_pyramid, "/orders/7", "/orders/{number}", id="Pyramid"),
    pytest.param(make_django, "/orders/7", "/orders/<str:number>", id="Django, path"),
    pytest.param(make_django, "/old/7", "^old/(?P<number>[0-9]+)$", id="Django, re_path"),
]


@pytest.mark.parametrize(("make", "path", "template"), CASES)
def test_a_request_has_the_template_of_its_route(make: Any, path: str, template: str) -> None:
    app = observe(make(), metrics_path="/metrics")
    assert added(app, lambda: call_freely(app, path)) == {("GET", template, "200"): 1.0}


@pytest.mark.parametrize("make", [pytest.param(p.values[0], id=p.id) for p in CASES[:7]])
def test_a_path_without_a_route_has_none(make: Any) -> None:
    app = observe(make(), metrics_path="/metrics")
    assert added(app, lambda: call_freely(app, "/no/4111")) == {("GET", "unmatched", "404"): 1.0}


def test_an_app_that_is_observed_twice_reports_its_routes_once() -> None:
    falcon_app = make_falcon()
    first = observe(falcon_app, metrics_path="/metrics")
    second = observe(falcon_app, metrics_path="/other")
    for app, path in ((first, "/metrics"), (second, "/other")):
        before = call_freely(app, path).code
        assert before == 200
    assert added(first, lambda: call_freely(first, "/orders/7")) == {
        ("GET", "/orders/{number}", "200"): 1.0
    }
