"""The server's own error stream, PEP 3333's ``wsgi.errors``, while a request runs."""

from __future__ import annotations

from wsgi_observe.core.context import running
from wsgi_observe.logs.sinks import Plain, Sink


class ServerErrors:
    """Writes to the running request's ``wsgi.errors``, and outside a request to another sink."""

    is_pipe = True

    def __init__(self, outside: Sink) -> None:
        self._outside = outside

    def write(self, data: bytes) -> int:
        """Write."""
        scope = running()
        stream = scope.environ.get("wsgi.errors") if scope is not None else None
        if stream is None:
            return self._outside.write(data)
        return Plain(stream).write(data)

    def end(self) -> object:
        """Return where the stream outside a request ends; a server's takes a line whole."""
        return self._outside.end()

    def wait(self, seconds: float) -> bool:
        """Wait for the stream outside a request; a server's has waited already."""
        return self._outside.wait(seconds)

    def is_stale(self) -> bool:
        """Return whether the stream outside a request is another by now."""
        return self._outside.is_stale()

    def close(self) -> None:
        """Close the stream outside a request; a server's is its own."""
        self._outside.close()
