"""The HTTP server of the port for metrics: a thread for each scrape, on a socket of the arbiter."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from socket import socket
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIEnvironment

from wsgi_observe._loggers import get_logger
from wsgi_observe.metrics.sources import MetricsSources
from wsgi_observe.prometheus.metrics_app import MetricsApp

_log = get_logger("wsgi_observe.prometheus")

_POLL_SECONDS = 0.5
_CLIENT_TIMEOUT_SECONDS = 10
_PATHS = ("/", "/metrics")


def serve(listener: socket, sources: MetricsSources, is_wanted: Callable[[], bool]) -> None:
    """Serve the metrics for as long as `is_wanted` returns true."""
    with _Server(listener) as server:
        server.set_app(partial(_serve_scrape, MetricsApp(sources)))
        while is_wanted():
            server.handle_request()


def _serve_scrape(
    metrics_app: MetricsApp, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Serve the metrics at two paths, 404 at all others, and log what fails."""
    status = "404 Not Found"
    if environ["PATH_INFO"] in _PATHS:
        status = "405 Method Not Allowed"
        if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            try:
                return metrics_app(environ, start_response)
            except Exception:
                _log.exception("the metrics cannot be collected: the scrape gets a 500")
                status = "500 Internal Server Error"
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", "0")])
    return []


class _Handler(WSGIRequestHandler):
    timeout = _CLIENT_TIMEOUT_SECONDS  # a client that sends nothing costs a thread until then

    def log_message(self, format: str, *args: Any) -> None:
        pass  # a scrape is no request of the service


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    timeout = _POLL_SECONDS

    def __init__(self, listener: socket) -> None:
        super().__init__(("", 0), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.server_name, self.server_port = "metrics", listener.getsockname()[1]
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.debug("a client of the metrics has disconnected", exc_info=True)
