"""Changes to the response headers before the server gets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgi_observe.core.net import Headers


def make_ready(headers: Headers, request_id: str | None) -> None:
    """Give the response its request's ID, and order what the server may refuse.

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
    if request_id is not None:
        if doubled:
            drop(headers, "x-request-id")
        headers.append(("X-Request-ID", request_id))


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
