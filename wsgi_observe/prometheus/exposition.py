"""The WSGI app that serves the metrics, as Prometheus text or as OpenMetrics with exemplars."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from prometheus_client.exposition import choose_encoder

from wsgi_observe.metrics.sources import MetricsSources
from wsgi_observe.prometheus.collector import ServerCollector

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class MetricsApp:
    """Serve the metrics at any path; a server or a middleware decides which requests it gets."""

    def __init__(self, sources: MetricsSources) -> None:
        self._collector: Any = ServerCollector(sources)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Respond to GET and HEAD."""
        encode, content_type = choose_encoder(environ.get("HTTP_ACCEPT", ""))
        body = encode(self._collector)
        headers = [("Content-Type", content_type), ("Cache-Control", "no-store")]
        if "gzip" in environ.get("HTTP_ACCEPT_ENCODING", ""):
            body = gzip.compress(body, compresslevel=1)
            headers.append(("Content-Encoding", "gzip"))
        headers.append(("Content-Length", str(len(body))))
        start_response("200 OK", headers)
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]
