"""The request body stream (``wsgi.input``): mark errors of a malformed or broken-off body."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wsgi_observe.context import current_context
from wsgi_observe.wsgi.exceptions import mark_unreadable

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


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
            _mark_server_error(error)
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


def _mark_server_error(error: Exception) -> None:
    """Mark an error of the server's; any other is the app's, such as for a wrong argument."""
    # Gunicorn has one that is no OSError, for the trailers of a chunked body.
    if isinstance(error, OSError) or type(error).__module__ == "gunicorn.http.errors":
        mark_unreadable(error)
        context = current_context()
        if context is not None:
            context.request_context.is_body_unreadable = True
