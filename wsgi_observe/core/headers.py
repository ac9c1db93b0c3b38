"""Changes to the response headers before the server gets them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsgi_observe.core.net import Headers


def make_ready(headers: Headers, request_id: str | None) -> str | None:
    """Give the response its request's ID, and order what the server may refuse.

    Returns the app's own ID, which gives way to it, if there is another one.

    :raises TypeError: for a header that is no text.
    """
    odd = doubled = False
    for name, value in headers:
        if value.__class__ is not str or not (value.isascii() and value.isprintable()):
            odd = True
        if len(name) == 12 and name.lower() == "x-request-id":
            doubled = True
    if odd:
        put_odd_first(headers)
    own = None
    if request_id is not None:
        if doubled:
            own = own_id(headers, request_id)
            drop(headers, "x-request-id")
        headers.append(("X-Request-ID", request_id))
    return own


def own_id(headers: Iterable[Any], request_id: str) -> str | None:
    """Return the ID that the app gave its response, or None where that is `request_id` too.

    Several are joined as a list (RFC 9110, 5.3). An app that fails may have given any headers.
    """
    pairs = (pair for pair in headers if isinstance(pair, (tuple, list)) and len(pair) == 2)
    values = (
        value
        for name, value in pairs
        if isinstance(name, str) and isinstance(value, str) and name.lower() == "x-request-id"
    )
    return ", ".join(dict.fromkeys(value for value in values if value != request_id)) or None


def drop(headers: Headers, unwanted: str) -> None:
    """Take every header of a lower-case name out."""
    headers[:] = [header for header in headers if header[0].lower() != unwanted]


def put_odd_first(headers: Headers) -> None:
    """Order `headers` so that a server refuses the first one, if it refuses any.

    Gunicorn and cheroot keep what came before a header that they refuse, and would send it with
    the error that follows: a second ``Content-Length``.

    :raises TypeError: for what is no text (PEP 3333), which is taken out. Granian fails over it
        when it is too late to answer, and never closes the body.
    """
    wrong = [header for header in headers if not all(isinstance(part, str) for part in header)]
    if wrong:
        headers[:] = [header for header in headers if header not in wrong]
        name, value = wrong[0]
        raise TypeError(f"a WSGI app's headers are str (PEP 3333), got {name!r}: {type(value)}")
    headers.sort(key=_is_plain)


def _is_plain(header: tuple[str, str]) -> bool:
    """Tell whether every server sends this header: Latin-1, and no control character."""
    name, value = header
    try:
        (name + value).encode("latin-1")
    except UnicodeEncodeError:
        return False
    return all(char >= " " or char == "\t" for char in value) and "\x7f" not in value
