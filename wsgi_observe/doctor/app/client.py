"""Requests to a WSGI app in this process, as a server calls it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass
from email.message import Message
from io import BytesIO
from itertools import islice
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication, WSGIEnvironment

_MAX_BODY_BYTES = 10_000_000
_MAX_CHUNKS = 10_000


@dataclass(frozen=True)
class Response:
    """What a server would have got from the app.

    :ivar status_code: 0 if `start_response` was not called.
    :ivar error: the exception that the server would have got.
    """

    status_code: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    error: BaseException | None

    def header(self, name: str) -> str:
        """Return the first value of a header, or an empty text."""
        name = name.lower()
        return next((value for key, value in self.headers if key.lower() == name), "")

    @property
    def media_type(self) -> str:
        """The media type of the body, such as ``text/html``; empty without one."""
        message = Message()
        message["Content-Type"] = self.header("Content-Type")
        return message.get_content_type() if message["Content-Type"] else ""

    @property
    def is_json(self) -> bool:
        """Whether the body is JSON, by its media type and its content."""
        kind = self.media_type
        return (kind.endswith("+json") or kind == "application/json") and self.json() is not None

    def json(self) -> Any:
        """Return the value of the body; None if it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def describe(self) -> str:
        """Return the response in a few words: ``500 text/html``."""
        if self.error is not None:
            return f"{type(self.error).__name__} goes to the server, which sends a page of its own"
        return f"{self.status_code} {self.media_type or 'without a body'}"


def send_request(
    app: WSGIApplication,
    host: str,
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Response:
    """Send one request to an app, over https to its own host; read its response and close it.

    :param target: path, with the query if there is one.
    """
    started: list[tuple[str, list[tuple[str, str]]]] = []
    chunks: list[bytes] = []
    error: BaseException | None = None

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if exc_info is not None and chunks:
            raise exc_info[1].with_traceback(exc_info[2])
        started.append((status, headers))
        return chunks.append

    try:
        result: Any = app(_make_environ(host, method, target, headers or {}, body), start_response)
        with closing(result) if hasattr(result, "close") else nullcontext():
            size = 0
            for chunk in islice(result, _MAX_CHUNKS):
                size += len(chunk)
                if size > _MAX_BODY_BYTES:
                    break
                if chunk:
                    chunks.append(bytes(chunk))
    except BaseException as caught:
        error = caught
    status, sent = started[-1] if started else ("0", [])
    code = int(status[:3]) if status[:3].isdecimal() else 0
    return Response(code, tuple(sent), b"".join(chunks), error)


def _make_environ(
    host: str, method: str, target: str, headers: Mapping[str, str], body: bytes
) -> WSGIEnvironment:
    path, _, query = target.partition("?")
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": target,
        "SERVER_NAME": host,
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50000",
        "HTTP_HOST": host,
        "HTTP_ACCEPT": "application/json",
        "HTTP_USER_AGENT": "wsgi-observe-doctor",
        # An app behind a load balancer may redirect what came without TLS.
        "HTTP_X_FORWARDED_PROTO": "https",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if body or method in ("POST", "PUT", "PATCH"):
        environ["CONTENT_LENGTH"] = str(len(body))
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        environ[key] = value
    return environ
