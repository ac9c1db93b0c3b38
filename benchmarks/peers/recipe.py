"""The recipe that everybody has written once: two hooks, a uuid4 and a JSON formatter."""

from __future__ import annotations

import json
import logging
import sys
import time
import uuid

from flask import Flask, Response, g, has_request_context, request

from benchmarks.apps import flask_hello


class JsonFormatter(logging.Formatter):
    """One JSON object for a record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return it."""
        line = {
            "timestamp": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": g.get("request_id") if has_request_context() else None,
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exc_info"] = self.formatException(record.exc_info)
        return json.dumps(line)


def app() -> Flask:
    """Return the hello with both hooks."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    log = logging.getLogger("shop.access")
    app = flask_hello()

    @app.before_request
    def start() -> None:
        g.request_id = request.headers.get("X-Request-ID") or str(uuid.uuid4())
        g.started = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.request_id
        fields = {
            "method": request.method,
            "path": request.path,
            "remote_addr": request.remote_addr,
            "status_code": response.status_code,
            "duration_ms": round((time.perf_counter() - g.started) * 1000, 3),
            "user_agent": request.headers.get("User-Agent"),
        }
        log.info("%s %s", request.method, request.path, extra={"fields": fields})
        return response

    return app
