"""The WSGI environ (PEP 3333): request fields as text that is safe to print, and the body."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any
from wsgiref.types import WSGIEnvironment

from wsgi_observe.context import current_context
from wsgi_observe.wsgi.exceptions import mark_unreadable

MASKED_PATH = "wsgi_observe.masked_path"
"""The environ key of a path that has secrets in it, the path to show instead, and the secrets."""


def add_request_fields(
    fields: dict[str, object], environ: WSGIEnvironment, client_addr: str = ""
) -> None:
    """Add the method, path and address of a request, as its environ has them now.

    :param client_addr: the client's address, where a trusted proxy has forwarded it.
    """
    method: str = environ.get("REQUEST_METHOD", "")
    path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    address: str = client_addr or environ.get("REMOTE_ADDR") or ""
    fields["method"] = method if method.isprintable() else printable(method)
    # The common case, without a call.
    is_printable_path = MASKED_PATH not in environ and path.isascii() and path.isprintable()
    fields["path"] = path if is_printable_path else request_path(environ)
    fields["remote_addr"] = address if address.isprintable() else printable(address)


def request_line(environ: WSGIEnvironment) -> str:
    """Return method and path, as a message names a request: ``GET /orders``."""
    method = environ.get("REQUEST_METHOD", "")
    return f"{method if method.isprintable() else printable(method)} {request_path(environ)}"


def request_path(environ: WSGIEnvironment) -> str:
    """Return the path as the client sees it: ``SCRIPT_NAME`` and ``PATH_INFO``, or its mask."""
    path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    if MASKED_PATH in environ and environ[MASKED_PATH][0] == path:
        masked: str = environ[MASKED_PATH][1]
        return masked
    if path.isascii():
        return path if path.isprintable() else printable(path)
    return printable(decode_wsgi(path))


def decode_wsgi(text: str) -> str:
    """Return a text of an environ, whose bytes PEP 3333 decodes as Latin-1, as UTF-8 (RFC 3987)."""
    return text.encode("latin-1", "replace").decode("utf-8", "replace")


def encode_wsgi(text: str) -> str:
    """Return `text` as it would be in an environ: the inverse of `decode_wsgi`."""
    return text.encode("utf-8", "replace").decode("latin-1")


def printable(text: str) -> str:
    r"""Return `text` with line breaks and terminal control characters percent-encoded.

    >>> printable("/a\nb")
    '/a%0Ab'
    """
    if text.isprintable():
        return text
    return "".join([c if c.isprintable() else _percent_encode(c) for c in text])


@lru_cache(1024)
def _percent_encode(character: str) -> str:
    from urllib.parse import quote  # a hundredth of the start-up time, seldom needed

    return quote(character, errors="replace")


class RequestBody:
    """Wraps the server's input stream; marks errors that the server raises as the client's.

    Frameworks answer and log such an error as one of the app's, so by the time that their response
    is there nothing but this mark distinguishes the two.
    """

    __slots__ = ("_stream",)

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, *args: Any, **kwargs: Any) -> Any:
        """Read bytes."""
        return self._call(self._stream.read, *args, **kwargs)

    def readline(self, *args: Any, **kwargs: Any) -> Any:
        """Read a line."""
        return self._call(self._stream.readline, *args, **kwargs)

    def readlines(self, *args: Any, **kwargs: Any) -> Any:
        """Read all lines."""
        return self._call(self._stream.readlines, *args, **kwargs)

    def _call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except Exception as error:
            # Any other is the app's, such as for a wrong argument. Gunicorn has one of its own
            # that is no OSError, for the trailers of a chunked body.
            if isinstance(error, OSError) or type(error).__module__ == "gunicorn.http.errors":
                mark_unreadable(error)
                context = current_context()
                if context is not None:
                    context.request_context.is_body_unreadable = True
            raise

    def __iter__(self) -> RequestBody:
        return self

    def __next__(self) -> Any:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def __getattr__(self, name: str) -> Any:
        """Return another attribute of the server's stream, such as ``fileno``."""
        return getattr(self._stream, name)


def wrap_input(environ: WSGIEnvironment) -> None:
    """Put a `RequestBody` around the ``wsgi.input`` of an environ."""
    stream = environ.get("wsgi.input")
    if stream is not None and stream.__class__ is not RequestBody:
        environ["wsgi.input"] = RequestBody(stream)
