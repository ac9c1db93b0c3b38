"""Talisker, as its command does it: initialise, the Flask support, wrap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import talisker
import talisker.flask
import talisker.wsgi

from benchmarks.apps import flask_hello

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def app() -> WSGIApplication:
    """Return the hello that `talisker.gunicorn` would serve."""
    talisker.initialise()
    app = flask_hello()
    talisker.flask.register(app)
    return talisker.wsgi.wrap(app)  # type: ignore[no-any-return]
