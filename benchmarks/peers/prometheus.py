"""prometheus-flask-exporter with its default metrics, as its README has it."""

from __future__ import annotations

from flask import Flask
from prometheus_flask_exporter import PrometheusMetrics

from benchmarks.apps import flask_hello


def app() -> Flask:
    """Return the hello with its metrics."""
    app = flask_hello()
    PrometheusMetrics(app).info("app_info", "Application info", version="1.0.3")
    return app
