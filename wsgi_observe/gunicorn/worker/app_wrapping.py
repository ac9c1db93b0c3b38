"""Puts the stack round the app of a worker, but for what the app has already."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from wsgi_observe.health import HealthState
from wsgi_observe.middleware.health import Health
from wsgi_observe.settings import Settings, SettingsError
from wsgi_observe.stack import LAYERS, put_round
from wsgi_observe.wsgi.middleware import Layer, inward

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def observed(app: WSGIApplication, settings: Settings, state: HealthState) -> WSGIApplication:
    """Return `app` with each of our middlewares round it that it has not inside.

    What an app's own code has chosen stays as it is; it only hears of draining.

    :raises SettingsError: where Flask's error shape is asked for, and there is no Flask app.
    """
    if settings.flask:
        _observe_flask(app, settings)
    inside = [layer for layer in inward(app) if isinstance(layer, Layer)]
    for layer in inside:
        if isinstance(layer, Health):
            layer.follow(state)
    missing = [kind for kind in LAYERS if not any(isinstance(layer, kind) for layer in inside)]
    return put_round(app, missing, settings, state)


def _observe_flask(app: object, settings: Settings) -> None:
    """Give Flask's own errors their shape too, unless the app's code has done so."""
    found = flask_app(app)
    if found is None:
        raise SettingsError("flask", "True only for a Flask app", type(app).__name__)
    door = import_module("wsgi_observe.flask")
    if "wsgi_observe" in found.extensions:
        return
    if not any(isinstance(layer, Layer) for layer in inward(found)):
        door.Observe(found, settings)
    elif settings.uses("errors"):
        door.register_error_handlers(found, settings)


def flask_app(app: object) -> Any:
    """Return the Flask app that `app` is or wraps, if it is one."""
    return next((one for one in inward(app) if _is_flask(one)), None)


def _is_flask(app: object) -> bool:
    # By name: a service without Flask does not load it for this.
    return any(
        kind.__module__ == "flask.app" and kind.__name__ == "Flask" for kind in type(app).__mro__
    )
