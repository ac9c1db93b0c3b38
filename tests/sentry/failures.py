"""Every way to fail, each once, in a process with Sentry in it; prints which ID each had."""

from __future__ import annotations

import json
import logging
import sys
import threading
from contextlib import suppress
from typing import Any

import sentry_sdk
from flask import Flask, request
from sentry_sdk.integrations.flask import FlaskIntegration
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.integrations.threading import ThreadingIntegration
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware

from tests.calls import call_freely
from tests.support import PATIENCE
from wsgi_observe import bind, configure_logging, log_context, observe
from wsgi_observe.flask import Observe
from wsgi_observe.sentry import ObserveIntegration, init_sentry

INTEGRATIONS = {
    "flask": FlaskIntegration,
    "logging": LoggingIntegration,
    "threading": ThreadingIntegration,
    "observe": ObserveIntegration,
}
AGAIN = RuntimeError("failure:again")


class FailureError(Exception):
    pass


def fail() -> Any:
    raise FailureError(f"failure:{sys._getframe(1).f_code.co_name}:{request.host}")


def view(number: int) -> Any:
    bind(order_id=number, user="ab12")
    fail()


def logged() -> Any:
    try:
        fail()
    except FailureError:
        logging.getLogger("shop").exception("this went wrong")
        raise


def handled() -> str:
    with suppress(FailureError):
        logged()
    return "yet fine"


def captured() -> Any:
    try:
        fail()
    except FailureError as error:
        sentry_sdk.capture_exception(error)
    return "sorry", 500


def leave() -> Any:
    sys.exit("failure")


def first() -> Any:
    def stream() -> Any:
        raise FailureError("failure")
        yield

    return stream()


def midway() -> Any:
    def stream() -> Any:
        yield "some"
        raise FailureError("failure")

    return stream()


def spoilt() -> Any:
    raise FailureError("failure")


def spoil(response: Any) -> Any:
    """Raise it once more, as a function does that reads what the view has not made."""
    if request.path == "/spoilt":
        spoilt()
    return response


def tear_down(_error: Any) -> None:
    if request.path == "/teardown":
        fail()


def shop(name: str) -> Flask:
    app = Flask(name)
    app.get("/view/<int:number>")(view)
    for one in (logged, handled, captured, leave, first, midway, spoilt):
        app.get(f"/{one.__name__}")(one)
    app.add_url_rule("/teardown", view_func=str)
    app.teardown_request(tear_down)
    app.after_request(spoil)
    return app


def bare(environ: Any, start_response: Any) -> Any:
    if environ["PATH_INFO"] == "/again":
        raise AGAIN
    raise FailureError(f"failure:{environ['PATH_INFO']}:{environ['HTTP_HOST']}")


def ask(app: Any, host: str, path: str) -> None:
    call_id = f"{host}{path.replace('/', '.')}"
    with suppress(FailureError):  # a stream is broken off, as it has to be
        call_freely(app, path, HTTP_HOST=host, HTTP_X_REQUEST_ID=call_id)


def job() -> None:
    with log_context("job.request"):
        raise FailureError("failure:job:thread")


def main(*names: str) -> None:
    """Start Sentry with these integrations only, or with its defaults, and fail."""
    configure_logging(log_format="json")
    options: dict[str, Any] = {"release": "shop@1.2", "environment": "test"}
    if names != ("defaults",):
        options["integrations"] = [INTEGRATIONS[name]() for name in names]
        options["default_integrations"] = options["auto_enabling_integrations"] = False
    init_sentry(**options)
    by_observe, by_extension = shop("by_observe"), shop("by_extension")
    by_observe.wsgi_app = observe(by_observe.wsgi_app)  # type: ignore[method-assign]
    Observe(by_extension)
    for app, host in ((by_observe, "observe"), (by_extension, "extension")):
        for path in ("/view/7", "/logged", "/handled", "/captured", "/leave", "/teardown"):
            ask(app, host, path)
        for path in ("/first", "/midway"):
            ask(app, host, path)
    ask(by_extension, "extension", "/spoilt")
    ask(observe(bare), "bare", "/crash")
    ask(SentryWsgiMiddleware(observe(bare)), "outside", "/crash")
    ask(observe(SentryWsgiMiddleware(bare)), "inside", "/crash")
    ask(observe(bare), "one", "/again")
    ask(observe(bare), "two", "/again")
    thread = threading.Thread(target=job)
    thread.start()
    thread.join()
    sentry_sdk.flush(PATIENCE)  # its own integration does so at exit


if __name__ == "__main__":
    main(*json.loads(sys.argv[1]))
