"""The hello with the whole stack round it, as the documentation has it."""

from __future__ import annotations

from typing import Any

from flask import Flask

from benchmarks.apps import flask_hello
from wsgi_observe import observe


def observed_hello(**settings: Any) -> Flask:
    """Return it, wrapped where the documentation wraps it."""
    app = flask_hello()
    app.wsgi_app = observe(app.wsgi_app, **settings)  # type: ignore[assignment, method-assign]
    return app
