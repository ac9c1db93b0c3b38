"""Prometheus integration: HTTP metrics by OpenTelemetry's names, and what only this library knows.

``observe(app, metrics_path="/metrics")`` serves them from one process. Under Gunicorn the setting
``metrics_port`` serves those of all workers on a port of its own.
"""

from wsgi_observe.metrics.sources import process_sources
from wsgi_observe.prometheus.metrics_app import MetricsApp
from wsgi_observe.prometheus.middleware import Metrics
from wsgi_observe.prometheus.processes import count_by_worker

__all__ = ["Metrics", "MetricsApp", "count_by_worker", "process_sources"]
