"""What is put round an app that has none, some or all of the stack already."""

from typing import Any

import pytest
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from tests.calls import answering, call, raising
from tests.conftest import Log
from wsgi_observe import AccessLog, ErrorEnvelope, Health, RequestID, Settings, observe
from wsgi_observe.flask import Observe
from wsgi_observe.gunicorn.worker.app_wrapping import wrap_app
from wsgi_observe.health import HealthState
from wsgi_observe.settings import SettingsError
from wsgi_observe.wsgi.middleware import Middleware, iter_wrapped_apps

STACK = [RequestID, Health, AccessLog, ErrorEnvelope]


def flask_app() -> Flask:
    app = Flask("shop")
    app.get("/")(lambda: "hello")
    return app


def wrapped_flask() -> Flask:
    app = flask_app()
    app.wsgi_app = observe(app.wsgi_app)  # type: ignore[method-assign]
    return app


def observed_flask() -> Flask:
    app = flask_app()
    Observe(app)
    return app


APPS: dict[str, Any] = {
    "bare": answering,
    "bare Flask": flask_app,
    "wrapped": lambda: observe(answering()),
    "wrapped inside another": lambda: ProxyFix(observe(answering())),
    "wrapped Flask": wrapped_flask,
    "observed Flask": observed_flask,
    "observed Flask inside another": lambda: ProxyFix(observed_flask()),
    "only IDs": lambda: RequestID(answering()),
    "only health, only access": lambda: Health(AccessLog(answering())),
}


def layers(app: Any) -> list[type]:
    return [type(one) for one in iter_wrapped_apps(app) if isinstance(one, Middleware)]


@pytest.mark.parametrize("kind", APPS)
@pytest.mark.parametrize("flask", [False, True], ids=["", "flask"])
def test_each_middleware_is_there_once_and_draining_is_heard(
    kind: str, flask: bool, log: Log
) -> None:
    if flask and "Flask" not in kind:
        pytest.skip("no Flask app")
    state = HealthState()
    app = wrap_app(APPS[kind](), Settings(flask=flask), state)
    assert sorted(layers(app), key=STACK.index) == STACK
    assert call(app, "/").code == 200
    assert log.access["status_code"] == 200
    assert call(app, "/ready").json["status"] == "ok"
    state.drain()
    assert call(app, "/ready").json == {"status": "draining"}
    assert call(app, "/").code == 200


def test_what_the_apps_own_code_has_chosen_stays() -> None:
    own = observe(answering(), trust_request_id=False, live_path="/alive", ready_path="/fit")
    app = wrap_app(own, Settings(), HealthState())
    assert app is own
    assert call(app, "/", HTTP_X_REQUEST_ID="spoofed").request_id != "spoofed"
    assert call(app, "/health").body == b"hello"
    assert call(app, "/fit").json["status"] == "ok"


def test_the_state_of_the_apps_own_code_still_counts() -> None:
    own, servers = HealthState(), HealthState()
    app = wrap_app(observe(answering(), state=own), Settings(), servers)
    own.drain()
    assert call(app, "/ready").json == {"status": "draining"}


def test_the_error_shape_of_flask_is_there_when_it_is_asked_for() -> None:
    app = wrap_app(flask_app(), Settings(flask=True), HealthState())
    assert call(app, "/missing").json["name"] == "Not Found"
    assert "wsgi_observe" in app.extensions  # type: ignore[attr-defined]


def test_a_flask_app_is_looked_for_and_its_lack_told() -> None:
    with pytest.raises(SettingsError, match="flask must be False for a function"):
        wrap_app(raising(ValueError()), Settings(flask=True), HealthState())


def test_checks_by_import_path_are_found_when_the_app_is_wrapped() -> None:
    settings = Settings(
        checks={"db": "tests.gunicorn.pings:ping", "net": "tests.gunicorn.pings:fail"}
    )
    app = wrap_app(answering(), settings, HealthState())
    assert call(app, "/ready").json["checks"] == {"db": "ok", "net": "fail"}
    with pytest.raises(SettingsError, match="the check 'db'"):
        wrap_app(answering(), Settings(checks={"db": "tests.gunicorn.pings:none"}), HealthState())
