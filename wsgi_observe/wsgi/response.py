"""The response of a request: its status, headers, bytes and outcome."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple
from wsgiref.types import StartResponse, WSGIEnvironment

from wsgi_observe.wsgi.headers import Headers

_NAME_LENGTH = len("content-length")
_MAX_DIGITS = 20  # of a length; `int` refuses some thousands
_STATUS_CODES = {str(status_code): status_code for status_code in range(100, 1000)}


class Response:
    """The facts of one response, from the call of the app to the end of its body.

    :ivar status: the status line; empty until the app has called `start_response`.
    :ivar headers: as they are sent, once they are sent.
    :ivar headers_sent_at: in seconds of ``time.perf_counter``; 0.0 before that.
    :ivar bytes_yielded: bytes that the server took from the body.
    :ivar bytes_written: bytes that were sent by `write`.
    :ivar is_native_file: whether the server sends a file by its own means, unseen by us.
    :ivar outcome: as the access line has it; None while it is undecided.
    """

    __slots__ = (
        *("bytes_written", "bytes_yielded", "headers", "headers_sent_at", "is_native_file"),
        *("outcome", "status"),
    )

    outcome: str | None

    def __init__(self) -> None:
        self.status = ""
        self.headers: Headers = []
        self.headers_sent_at = 0.0
        self.bytes_yielded = self.bytes_written = 0
        self.is_native_file = False
        self.outcome = None

    @property
    def status_code(self) -> int:
        """The status code that the client was sent; 0 for none."""
        return _STATUS_CODES.get(self.status[:3], 0) if self.headers_sent_at else 0

    @property
    def bytes_sent(self) -> int:
        """The bytes of the body that the server was given."""
        return self.bytes_written + self.bytes_yielded

    @property
    def content_length(self) -> int | None:
        """The bytes that ``Content-Length`` promises, if it is there."""
        for name, value in self.headers:  # at the end of each body: a generator takes twice as long
            if len(name) == _NAME_LENGTH and name.lower() == "content-length":
                return int(value) if value.isdecimal() and len(value) < _MAX_DIGITS else None
        return None


class StaticResponse(NamedTuple):
    """A whole response, made here instead of by the app."""

    status: str
    headers: Headers
    body: bytes

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Be a WSGI app that always sends this response."""
        start_response(self.status, list(self.headers))
        return iter(self.body_for(environ))  # without a length, which would need a `SizedBody`

    def body_for(self, environ: WSGIEnvironment) -> list[bytes]:
        """Return the body for this request: none for a HEAD."""
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [self.body]


def as_bytes(chunk: Any) -> bytes:
    """Return a chunk as bytes; raise TypeError for what is neither bytes nor bytes-like.

    PEP 3333 lets an app yield bytes only, but Waitress, Granian and gevent send a bytearray, a
    memoryview or any other buffer as well. Gunicorn, uWSGI, cheroot, Werkzeug and wsgiref would
    break the response off over it. A copy is right on all of them, also for an app that fills
    the buffer again before the server has sent it.
    """
    if isinstance(chunk, bytes):
        return chunk
    try:
        return memoryview(chunk).tobytes()
    except TypeError:
        kind = type(chunk).__name__
        raise TypeError(f"a WSGI app yields bytes (PEP 3333), got {kind}") from None
