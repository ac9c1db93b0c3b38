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
from wsgi_observe.gunicorn.worker.outer_failures import OuterFailures
from wsgi_observe.gunicorn.worker.wsgi_errors import WsgiErrors
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


def in_function(app: Any) -> Any:
    """Return an app as decorators and OpenTelemetry's instrumentation of Flask wrap it."""

    def wrapped(environ: Any, start_response: Any) -> Any:
        return app(environ, start_response)

    return wrapped


def in_function_by_another_name(inner: Any) -> Any:
    def wrapped(environ: Any, start_response: Any) -> Any:
        return inner(environ, start_response)

    return wrapped


class Holder:
    """A middleware that has its app in an attribute of no usual name."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.inner(environ, start_response)


def flask_in_function() -> Flask:
    """Return an app whose middleware is a function that uses the app itself, too."""
    app = observed_flask()
    inner = app.wsgi_app

    def wrapped(environ: Any, start_response: Any) -> Any:
        app.logger.debug("called")
        return inner(environ, start_response)

    app.wsgi_app = wrapped  # type: ignore[method-assign]
    return app


def flask_in_function_of_its_module() -> Flask:
    module: dict[str, Any] = {"app": observed_flask()}
    exec(
        "inner = app.wsgi_app\n"
        "def wrapped(environ, start_response): return inner(environ, start_response)\n"
        "app.wsgi_app = wrapped",
        module,
    )
    app: Flask = module["app"]
    return app


APPS: dict[str, Any] = {
    "bare": answering,
    "bare Flask": flask_app,
    "wrapped": lambda: observe(answering()),
    "wrapped inside another": lambda: ProxyFix(observe(answering())),
    "wrapped Flask": wrapped_flask,
    "observed Flask": observed_flask,
    "observed Flask inside another": lambda: ProxyFix(observed_flask()),
    "observed Flask with a function in it": flask_in_function,
    "observed Flask with a function of its module in it": flask_in_function_of_its_module,
    "wrapped inside a function": lambda: in_function(observe(answering())),
    "wrapped inside two": lambda: in_function(Holder(observe(answering()))),
    "wrapped inside a function of another name": lambda: in_function_by_another_name(
        observe(answering())
    ),
    "wrapped inside a class of another name": lambda: Holder(observe(answering())),
    "only IDs": lambda: RequestID(answering()),
    "only health, only access": lambda: Health(AccessLog(answering())),
}


def layers(app: Any) -> list[type]:
    wrapped = [one for one in iter_wrapped_apps(app) if isinstance(one, Middleware)]
    return [type(one) for one in wrapped if not isinstance(one, OuterFailures)]


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


@pytest.mark.parametrize("outer", [in_function, in_function_by_another_name, Holder])
def test_the_checks_of_an_app_count_whatever_is_round_it(outer: Any) -> None:
    observed = observe(answering(), checks={"db": lambda: False})
    app = wrap_app(outer(observed), Settings(), HealthState())
    assert call(app, "/ready").json == {"status": "unavailable", "checks": {"db": "fail"}}


def failing(app: Any) -> Any:
    def wrapped(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/fail":
            raise RuntimeError("outside")
        return app(environ, start_response)

    return wrapped


def test_a_failure_outside_of_the_stack_is_answered_and_logged_as_one_inside(log: Log) -> None:
    app = flask_app()
    Observe(app, error_format="problem")
    app.wsgi_app = failing(app.wsgi_app)  # type: ignore[method-assign]
    wrapped = WsgiErrors(wrap_app(app, Settings(), HealthState()))
    answer = call(wrapped, "/fail", HTTP_X_REQUEST_ID="abc")
    assert (answer.code, answer.request_id) == (500, "abc")
    assert (answer.json["title"], answer.json["request_id"]) == ("Internal Server Error", "abc")
    (error,) = log.errors
    assert (error["request_id"], error["exc_type"]) == ("abc", "RuntimeError")
    assert (log.access["status_code"], log.access["request_id"]) == (500, "abc")
    assert call(wrapped, "/").body == b"hello"


def exiting(environ: Any, start_response: Any) -> Any:
    raise SystemExit(3)


def starting(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("Content-Length", "5"), ("Content-Type", "text/html")])
    raise RuntimeError("after the start")


def generating(environ: Any, start_response: Any) -> Any:
    raise RuntimeError("before the first chunk")
    yield b""


def passing_on(app: Any) -> Any:
    """Return a middleware that fails when the app has started its response."""

    def wrapped(environ: Any, start_response: Any) -> Any:
        app(environ, start_response)
        raise RuntimeError("after the app")

    return wrapped


def instead_of(app: Any, other: Any) -> Any:
    """Return a middleware that has an observed app and calls another one."""

    def wrapped(environ: Any, start_response: Any) -> Any:
        return other(environ, start_response) if environ else app(environ, start_response)

    return wrapped


@pytest.mark.parametrize("other", [exiting, starting, generating])
def test_any_failure_outside_of_the_stack_gets_one_response_and_two_lines(
    log: Log, other: Any
) -> None:
    app = wrap_app(instead_of(observe(answering()), other), Settings(), HealthState())
    answer = call(app, "/", HTTP_X_REQUEST_ID="abc")
    assert (answer.code, answer.json["request_id"], answer.request_id) == (500, "abc", "abc")
    (error,) = log.errors
    assert (error["request_id"], log.access["status_code"]) == ("abc", 500)


def test_a_failure_outside_after_the_app_has_started_gets_one_response_and_two_lines(
    log: Log,
) -> None:
    app = wrap_app(passing_on(observe(answering())), Settings(), HealthState())
    answer = call(app, "/", HTTP_X_REQUEST_ID="abc")
    assert (answer.code, answer.json["request_id"]) == (500, "abc")
    (error,) = log.errors
    assert (error["request_id"], log.access["status_code"]) == ("abc", 500)


def test_an_error_response_of_an_outer_middleware_is_kept_and_logged(log: Log) -> None:
    page = answering("503 Service Unavailable", body=[b"<h1>Closed</h1>"])
    app = wrap_app(instead_of(observe(answering()), page), Settings(), HealthState())
    answer = call(app, "/", HTTP_X_REQUEST_ID="abc")
    assert (answer.code, answer.body, answer.request_id) == (503, b"<h1>Closed</h1>", "abc")
    assert (log.access["level"], log.access["request_id"]) == ("ERROR", "abc")


def test_an_exception_that_the_stack_has_let_through_is_not_answered() -> None:
    app = in_function(observe(raising(RuntimeError("inside")), propagate=True))
    with pytest.raises(RuntimeError, match="inside"):
        call(wrap_app(app, Settings(), HealthState()), "/")


class LazyObject:
    """What connects to a database when it is looked at, as Django's and others' lazy objects do."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("looked at")

    def __bool__(self) -> bool:
        raise RuntimeError("looked at")


class EmptyRoutes(dict[str, Any]):
    """An app that is false while it has no routes."""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return answering()(environ, start_response)


database = LazyObject()


def using_lazy_objects(environ: Any, start_response: Any) -> Any:
    assert database is not None
    return answering()(environ, start_response)


def test_objects_that_an_app_uses_are_not_looked_at() -> None:
    holder = Holder(answering())
    holder.app = database  # type: ignore[attr-defined]
    for app in (using_lazy_objects, holder):
        assert call(wrap_app(app, Settings(), HealthState()), "/").code == 200


def test_an_app_inside_another_is_found_though_it_is_false() -> None:
    routes = EmptyRoutes()
    assert list(iter_wrapped_apps(ProxyFix(routes)))[1] is routes


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
