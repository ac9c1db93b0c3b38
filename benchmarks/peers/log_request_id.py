"""The fork of flask-log-request-id for Flask 3, as its README has it.

It puts the ID on log lines and makes none, so a line for each request is added.
"""

from __future__ import annotations

import logging

from flask import Flask, Response, request
from flask_log_request_id import RequestID, RequestIDLogFilter

from benchmarks.apps import flask_hello

FORM = "%(asctime)s - %(name)s - level=%(levelname)s - request_id=%(request_id)s - %(message)s"


def app() -> Flask:
    """Return the hello with the extension and its log filter."""
    app = flask_hello()
    RequestID(app)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(FORM))
    handler.addFilter(RequestIDLogFilter())
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
    log = logging.getLogger("shop.access")

    @app.after_request
    def end(response: Response) -> Response:
        log.info("%s %s %s", request.method, request.path, response.status_code)
        return response

    return app
