"""What the exchange asks of whoever catches an app's failures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from wsgi_observe.core.transfer import Transfer

Headers = list[tuple[str, str]]


class Answer(NamedTuple):
    """A whole response, made here instead of by the app."""

    status: str
    headers: Headers
    body: bytes

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Be a WSGI app that always answers this."""
        start_response(self.status, list(self.headers))
        return iter(self.chunks(environ))  # a body without a length spares the exchange a wrapper

    def chunks(self, environ: WSGIEnvironment) -> list[bytes]:
        """Return the body that this request gets."""
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [self.body]


class Net(Protocol):
    """What hangs right over the app."""

    def catch(self, transfer: Transfer, error: BaseException) -> Answer | None:
        """Answer for an app that failed before anything was sent; None lets the error rise."""

    def rewrite(self, transfer: Transfer, first: bytes | None) -> Answer | None:
        """Answer instead of the app's error response; None keeps that as it is.

        `first` is the first chunk that is not empty, or None where there is none.
        """

    def note(self, transfer: Transfer, error: BaseException) -> None:
        """Log a failure that came too late to be answered, or that the app has answered."""
