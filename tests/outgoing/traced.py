"""A service for any server: it sends a request's trace on, and logs in JSON."""

from __future__ import annotations

from typing import Any

import urllib3

import wsgi_observe.urllib3
from wsgi_observe import configure_logging, observe

configure_logging(log_format="json")
manager = wsgi_observe.urllib3.instrument(urllib3.PoolManager(), hosts=["127.0.0.1"])


def call_another(environ: Any, start_response: Any) -> Any:
    """Get ``/`` at the port that the path names."""
    manager.request("GET", f"http://127.0.0.1:{environ['PATH_INFO'][1:]}/")
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]


app = observe(call_another, trace="always")
