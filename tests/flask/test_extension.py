"""The extension round an app: once, in every way that Flask apps are put together."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, current_app, g, request
from flask.logging import default_handler
from flask_admin import Admin
from flask_cors import CORS
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from tests.calls import call
from tests.conftest import Log
from wsgi_observe import Check, Settings, SettingsError, bind, configure_logging
from wsgi_observe.flask import Observe


def shop(name: str = "shop") -> Flask:
    app = Flask(name)
    app.add_url_rule("/orders/<int:order_id>", "order", lambda order_id: {"id": order_id})
    app.add_url_rule("/crash", "crash", lambda: 1 // 0)
    app.add_url_rule("/id", "id", lambda: {"id": g.request_id})
    return app


class TestOneApp:
    def test_is_observed_in_one_line(self, log: Log) -> None:
        app = shop()
        Observe(app)
        answer = call(app, "/orders/7")
        assert answer.json == {"id": 7}
        assert log.access["request_id"] == answer.request_id
        assert call(app, "/health").json == {"status": "ok"}

    def test_is_observed_by_a_factory(self) -> None:
        observe = Observe(settings=Settings(error_format="problem"), live_path="/livez")
        apps = [shop("a"), shop("b")]
        for app in apps:
            observe.init_app(app)
            assert call(app, "/nowhere").json["status"] == 404
            assert call(app, "/livez").code == 200

    @pytest.mark.parametrize("again", [Observe, Observe().init_app])
    def test_is_not_observed_twice(self, again: Any) -> None:
        app = shop()
        Observe(app)
        with pytest.raises(RuntimeError, match=r"'shop'.* observed already"):
            again(app)

    def test_is_refused_an_unknown_setting(self) -> None:
        with pytest.raises(SettingsError, match="error_format"):
            Observe(shop(), error_fromat="problem")


class TestTheRequestID:
    def test_is_on_g(self) -> None:
        app = shop()
        Observe(app)
        answer = call(app, "/id")
        assert answer.json["id"] == answer.request_id

    def test_is_on_g_for_each_request_of_one_context(self) -> None:
        app = shop()
        Observe(app)
        with app.app_context():
            assert g.request_id is None
            ids = {call(app, "/id").json["id"] for _ in range(3)}
        assert len(ids) == 3

    def test_gives_way_to_the_apps_own(self) -> None:
        app = shop()
        Observe(app)

        @app.before_request
        def own() -> None:
            assert "request_id" in g
            assert g.get("request_id") == g.request_id == request.headers["X-Request-ID"]
            g.request_id = "mine"
            assert g.get("request_id") == "mine"

        assert call(app, "/id").json["id"] == "mine"

    def test_is_on_a_g_of_the_apps_own_class(self) -> None:
        class Globals(Flask.app_ctx_globals_class):  # type: ignore[misc,valid-type]
            shelf = 3

        app = shop()
        app.app_ctx_globals_class = Globals
        Observe(app)
        app.add_url_rule("/g", "g", lambda: {"id": g.request_id, "shelf": g.shelf})
        answer = call(app, "/g")
        assert answer.json == {"id": answer.request_id, "shelf": 3}


class TestRoutes:
    def test_route_and_endpoint_are_on_the_access_line(self, log: Log) -> None:
        app = shop()
        Observe(app)
        call(app, "/orders/7")
        assert (log.access["route"], log.access["endpoint"]) == ("/orders/<int:order_id>", "order")

    def test_what_matches_nothing_has_neither(self, log: Log) -> None:
        app = shop()
        Observe(app)
        call(app, "/nowhere")
        assert not {"route", "endpoint"} & set(log.access)

    def test_the_apps_own_word_for_it_holds(self, log: Log) -> None:
        app = shop()
        Observe(app)
        app.add_url_rule("/own", "own", lambda: bind(route="mine") or "ok")
        call(app, "/own")
        assert log.access["route"] == "mine"

    @pytest.mark.parametrize(
        ("rule", "path", "method", "shown"),
        [
            ("/reset/<token>", "/reset/tok-4242", "GET", "/reset/[REDACTED]"),
            ("/reset/<token>", "/reset/tok-4242", "POST", "/reset/[REDACTED]"),
            ("/reset/<token>/", "/reset/tok-4242", "GET", "/reset/[REDACTED]"),
            ("/reset/<token>", "/reset//tok-4242", "GET", "/reset//[REDACTED]"),
            ("/u/<int:n>/<api_key>/x", "/u/5/tok-4242/x", "GET", "/u/5/[REDACTED]/x"),
            ("/f/<path:secret>", "/f/tok-4242/b", "GET", "/f/[REDACTED]"),
            ("/a/<secret>/<token>", "/a/tok-4242/tok-4242b", "GET", "/a/[REDACTED]/[REDACTED]"),
            ("/s/<string(length=8):token>", "/s/tok-4242", "GET", "/s/[REDACTED]"),
            ("/p/<pin>", "/p/4242", "GET", "/p/[REDACTED]"),
            ("/p/<pin>/x", "/p/4242/x", "GET", "/p/[REDACTED]/x"),
            ("/o/<int:order>", "/o/5", "GET", "/o/5"),
        ],
    )
    def test_a_secret_of_the_path_is_on_no_line(
        self, rule: str, path: str, method: str, shown: str, log: Log
    ) -> None:
        app = shop()
        Observe(app)
        app.add_url_rule(rule, "view", lambda **values: str(1 // (len(values) - 1)))
        mounted = DispatcherMiddleware(shop("outer"), {"/mount": app})
        call(mounted, f"/mount{path}", method)
        assert log.access["path"] == f"/mount{shown}"
        assert "4242" not in " ".join(f"{line['path']} {line['message']}" for line in log.lines)

    def test_a_secret_of_the_path_stays_on_the_apps_own_records(self, log: Log) -> None:
        app = shop()
        Observe(app)
        app.logger.setLevel(logging.INFO)
        app.add_url_rule(
            "/reset/<token>", "reset", lambda token: app.logger.info(f"reset {token}") or "ok"
        )
        call(app, "/reset/tok-4242")
        assert log.of("shop")[0]["message"] == "reset [REDACTED]"
        assert log.records[0].msg == "reset tok-4242"

    def test_a_cost_is_only_paid_where_there_is_a_request(self) -> None:
        app = shop()
        Observe(app)
        with app.test_request_context("/orders/7"):
            assert app.preprocess_request() is None


def test_apps_of_one_name_leave_nothing_on_their_logger() -> None:
    logger = logging.getLogger("shop")
    before = list(logger.filters), list(logger.handlers)
    for _ in range(20):
        Observe(shop())
    assert (logger.filters, logger.handlers) == before


def test_a_failure_that_the_response_repeats_is_one_error(log: Log) -> None:
    app = shop()
    Observe(app)
    seen: list[tuple[str, object]] = []

    class Own(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append((record.levelname, record.exc_info))

    own = Own()
    app.logger.addHandler(own)
    app.after_request(lambda response: 1 // 0)
    try:
        answer = call(app, "/crash")
    finally:
        app.logger.removeHandler(own)
    assert log.error["message"] == "Exception on /crash [GET]"
    assert log.error["request_id"] == answer.request_id
    assert [line["level"] for line in log.of("shop")] == ["ERROR", "INFO"]
    assert [level for level, _ in seen] == ["ERROR", "ERROR"]  # as Flask logs them


def test_another_failure_of_the_response_is_another_error(log: Log) -> None:
    app = shop()
    Observe(app)
    app.after_request(lambda response: response.no_such_thing)
    call(app, "/crash")
    assert [line["exc_type"] for line in log.errors] == ["ZeroDivisionError", "AttributeError"]


@pytest.mark.parametrize("middlewares", [("request_id", "access_log"), ("access_log",)])
def test_logs_alone_leave_flasks_errors_as_they_are(middlewares: Any, log: Log) -> None:
    app = shop()
    Observe(app, middlewares=middlewares)
    for path in ("/nowhere", "/crash", "/health"):
        answer = call(app, path)
        assert b"<!doctype html>" in answer.body
        assert ("x-request-id" in answer.headers) is ("request_id" in middlewares)
    assert [line["status_code"] for line in log.of("wsgi_observe.access")] == [404, 500, 404]
    assert log.error["exc_type"] == "ZeroDivisionError"


class TestFlasksRule:
    @pytest.mark.parametrize("name", ["TESTING", "PROPAGATE_EXCEPTIONS", "DEBUG"])
    def test_the_exception_reaches_the_test(self, name: str) -> None:
        app = shop()
        Observe(app)
        app.config[name] = True
        with pytest.raises(ZeroDivisionError):
            app.test_client().get("/crash")

    def test_the_exception_is_answered_where_flask_says_so(self) -> None:
        app = shop()
        Observe(app)
        app.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=False)
        assert app.test_client().get("/crash", buffered=True).json["code"] == 500

    def test_a_rule_of_ones_own_holds(self) -> None:
        app = shop()
        Observe(app, propagate=False)
        app.config["TESTING"] = True
        assert app.test_client().get("/crash", buffered=True).status_code == 500


class TestChecks:
    def test_run_in_the_apps_context(self) -> None:
        app, seen = shop(), []
        checks = {
            "plain": lambda: seen.append(current_app.name),
            "check": Check(lambda: seen.append(current_app.name), critical=False),
        }
        Observe(app, checks=checks)
        assert call(app, "/ready").json["status"] == "ok"
        assert seen == ["shop", "shop"]

    def test_keep_what_a_check_says_of_itself(self) -> None:
        app = shop()
        Observe(app, checks={"cache": Check(lambda: False, critical=False)})
        assert call(app, "/ready").json == {"status": "degraded", "checks": {"cache": "fail"}}

    def test_are_refused_at_start(self) -> None:
        with pytest.raises(TypeError, match="callable"):
            Observe(shop(), checks={"db": 5})  # type: ignore[dict-item]


class TestBesideOthers:
    def test_mounted_apps_are_one_request_each(self, log: Log) -> None:
        outer, inner = shop("outer"), shop("inner")
        Observe(outer)
        Observe(inner)
        outer.wsgi_app = DispatcherMiddleware(  # type: ignore[method-assign]
            outer.wsgi_app, {"/inner": inner}
        )
        answer = call(outer, "/inner/orders/7")
        assert answer.json == {"id": 7}
        assert (log.access["path"], log.access["endpoint"]) == ("/inner/orders/7", "order")
        assert call(outer, "/inner/nowhere").json["code"] == 404

    @pytest.mark.parametrize("inside", [True, False])
    def test_proxyfix_counts_inside_and_outside(self, inside: bool, log: Log) -> None:
        app = shop()
        if inside:
            app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
        Observe(app)
        if not inside:
            app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
        call(app, "/id", HTTP_X_FORWARDED_FOR="192.0.2.7")
        assert log.access["remote_addr"] == "192.0.2.7"

    @pytest.mark.parametrize("path", ["/id", "/crash", "/nowhere"])
    def test_cors_headers_stand_on_errors_too(self, path: str) -> None:
        app = shop()
        CORS(app)
        Observe(app)
        answer = call(app, path, HTTP_ORIGIN="https://shop.example")
        assert answer.headers["access-control-allow-origin"] in ("*", "https://shop.example")

    def test_flask_admins_pages_are_left_alone(self) -> None:
        app = shop()
        app.secret_key = "k"
        Admin(app)
        Observe(app)
        answer = call(app, "/admin/")
        assert answer.code == 200
        assert answer.headers["content-type"].startswith("text/html")

    def test_async_views_are_answered(self, log: Log) -> None:
        app = shop()
        Observe(app)

        async def view() -> Any:
            bind(seen=1)
            return {"id": g.request_id}

        app.add_url_rule("/async", "async", view)
        answer = call(app, "/async")
        assert answer.json["id"] == answer.request_id
        assert log.access["seen"] == 1

    def test_an_empty_blueprint_error_is_filled(self) -> None:
        app, blueprint = shop(), Blueprint("b", "b")
        blueprint.add_url_rule("/teapot", "teapot", lambda: Response(status=418))
        app.register_blueprint(blueprint)
        Observe(app)
        assert call(app, "/teapot").json["name"] == "I'm a Teapot"


class TestFlasksDefaultHandler:
    @pytest.fixture
    def app(self, clean_logging: None) -> Any:
        app = shop("shop-with-default-handler")
        app.logger.addHandler(default_handler)
        yield app
        app.logger.removeHandler(default_handler)

    def test_goes_where_our_logging_is_set_up(self, app: Flask) -> None:
        app.logger.removeHandler(default_handler)
        configure_logging(log_format="json")
        app.logger.addHandler(default_handler)
        Observe(app)
        assert default_handler not in app.logger.handlers

    def test_stays_where_it_is_not(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(logging.getLogger(), "handlers", [])
        Observe(app)
        assert default_handler in app.logger.handlers
