"""A service that makes the calls of its request: what the W3C conformance suite asks for.

``POST /requests`` (``/httpx``, ``/urllib3``) with ``[{"url": …, "arguments": [...]}, …]`` posts the
arguments of each item to its URL by that client.
"""

from __future__ import annotations

import json
from typing import Any

import httpx
import requests
import urllib3

import wsgi_observe.httpx
import wsgi_observe.requests
import wsgi_observe.urllib3
from wsgi_observe import observe

HOSTS = ["127.0.0.1"]
session = wsgi_observe.requests.instrument(requests.Session(), HOSTS)
client = wsgi_observe.httpx.instrument(httpx.Client(), HOSTS)
manager = wsgi_observe.urllib3.instrument(urllib3.PoolManager(), HOSTS)

POST: dict[str, Any] = {
    "/requests": lambda url, data: session.post(url, json=data),
    "/httpx": lambda url, data: client.post(url, json=data),
    "/urllib3": lambda url, data: manager.request("POST", url, json=data),
}


def call_others(environ: Any, start_response: Any) -> Any:
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    for item in json.loads(body) or ():
        POST[environ["PATH_INFO"]](item["url"], item["arguments"])
    start_response("200 OK", [("Content-Type", "application/json")])
    return [b"{}"]


app = observe(call_others, trace="always")
