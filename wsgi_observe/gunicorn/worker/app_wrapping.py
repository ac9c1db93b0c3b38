"""Wrapping of a worker's app: adds those middlewares that the app does not have yet."""

from __future__ import annotations

from importlib import import_module
from wsgiref.types import WSGIApplication

from wsgi_observe.gunicorn.worker.outer_failures import OuterFailures, has_outer_middlewares
from wsgi_observe.health import HealthState
from wsgi_observe.health.routers import find_flask_app
from wsgi_observe.middleware.health import Health
from wsgi_observe.settings import Settings, SettingsError
from wsgi_observe.stack import MIDDLEWARE_CLASSES, wrap
from wsgi_observe.wsgi.middleware import Middleware, find_middlewares


def wrap_app(app: WSGIApplication, settings: Settings, state: HealthState) -> WSGIApplication:
    """Return `app` wrapped in each of our middlewares that is not in it already.

    Middlewares that the app's own code has added keep their settings; `Health` gets the state too.

    :raises SettingsError: for the setting ``flask``, if there is no Flask app.
    """
    if settings.flask:
        _observe_flask(app, settings)
    for health in find_middlewares(app, Health):
        health.readiness.add_state(state)
    missing = [cls for cls in MIDDLEWARE_CLASSES if not find_middlewares(app, cls)]
    wrapped = wrap(app, missing, settings, state)
    return OuterFailures(wrapped) if has_outer_middlewares(wrapped) else wrapped


def _observe_flask(app: object, settings: Settings) -> None:
    """Set up the Flask integration, unless the app's own code has done so."""
    flask_app = find_flask_app(app)
    if flask_app is None:
        allowed = f"False for a {type(app).__name__}, which is not a Flask app"
        raise SettingsError("flask", allowed, True)
    flask_integration = import_module("wsgi_observe.flask")
    if "wsgi_observe" in flask_app.extensions:
        return
    if not find_middlewares(flask_app, Middleware):
        flask_integration.Observe(flask_app, settings)
    elif settings.has_middleware("errors"):
        flask_integration.register_error_handlers(flask_app, settings)
