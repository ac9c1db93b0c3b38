"""dockerflow, as its page on Flask has it: the handler first, then the extension."""

from __future__ import annotations

from logging.config import dictConfig

from dockerflow.flask import Dockerflow
from flask import Flask

from benchmarks.apps import flask_hello


def app() -> Flask:
    """Return the hello with its request summary."""
    dictConfig(
        {
            "version": 1,
            "filters": {"request_id": {"()": "dockerflow.logging.RequestIdLogFilter"}},
            "handlers": {
                "console": {
                    "level": "DEBUG",
                    "class": "dockerflow.logging.MozlogHandler",
                    "filters": ["request_id"],
                }
            },
            "loggers": {"request.summary": {"handlers": ["console"], "level": "DEBUG"}},
        }
    )
    app = flask_hello()
    Dockerflow(app)
    return app
