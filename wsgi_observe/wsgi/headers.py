"""Changes to the response headers before the server gets them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsgi_observe.wsgi.response import Headers


def make_ready(headers: Headers, request_id: str | None, is_exposed: bool) -> str | None:
    """Give the response its request's ID, and order what the server may refuse.

    Returns the app's own ID, which gives way to it, if there is another one.

    :param is_exposed: whether scripts of other origins may read it, where they may the response.
    :raises TypeError: for a header that is no text.
    """
    odd = doubled = is_cors = False
    for name, value in headers:
        if value.__class__ is not str or not (value.isascii() and value.isprintable()):
            odd = True
        length = len(name)
        if length == 12:
            doubled = doubled or name.lower() == "x-request-id"
        elif length == 27:
            is_cors = is_cors or name.lower() == "access-control-allow-origin"
    if odd:
        put_odd_first(headers)
    own = None
    if request_id is not None:
        if doubled:
            own = own_id(headers, request_id)
            drop(headers, "x-request-id")
        headers.append(("X-Request-ID", request_id))
        if is_cors and is_exposed:
            expose(headers, "X-Request-ID")
    return own


def expose(headers: Headers, exposed: str) -> None:
    """Name a header among those that scripts may read (CORS), unless it is among them.

    ``*`` is all of them, but for a response to a request with credentials: there it is a name
    (Fetch Standard, "Access-Control-Expose-Headers").
    """
    names: set[str] = set()
    place = None
    with_credentials = False
    for number, (name, value) in enumerate(headers):
        kind = name.lower()
        if kind == "access-control-expose-headers":
            place = number
            names.update(each.strip(" \t").lower() for each in value.split(","))
        elif kind == "access-control-allow-credentials":
            with_credentials = value.strip(" \t") == "true"
    if exposed.lower() in names or ("*" in names and not with_credentials):
        return
    if place is None:
        headers.append(("Access-Control-Expose-Headers", exposed))
    else:
        name, value = headers[place]
        headers[place] = (name, f"{value}, {exposed}" if value.strip(" \t,") else exposed)


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
    """Return whether every server sends this header: Latin-1, and no control character."""
    name, value = header
    try:
        (name + value).encode("latin-1")
    except UnicodeEncodeError:
        return False
    return all(char >= " " or char == "\t" for char in value) and "\x7f" not in value


_HTML = ("text/html", "application/xhtml+xml")
_JSON = ("application/json", "application/problem+json")


def prefers_html(accept: str) -> bool:
    """Return whether HTML is named with a higher quality than JSON, as browsers do.

    An absent, malformed or indifferent header (``*/*``) prefers nothing.
    """
    ranges = _parse(accept)
    return _quality(ranges, _HTML) > _quality(ranges, _JSON)


def vary_on_accept(headers: Headers) -> None:
    """Add ``Vary: Accept``, unless the headers have it (RFC 9110, section 12.5.5)."""
    varies = [value for name, value in headers if name.lower() == "vary"]
    if {"accept", "*"}.isdisjoint(item.strip() for item in ",".join(varies).lower().split(",")):
        headers.append(("Vary", "Accept"))


def _parse(accept: str) -> dict[str, float]:
    ranges: dict[str, float] = {}
    for item in accept.lower().split(","):
        media, *parameters = [part.strip() for part in item.split(";")]
        ranges[media] = _q(parameters)
    return ranges


def _q(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def _quality(ranges: dict[str, float], media_types: tuple[str, ...]) -> float:
    """Return the best quality; of the ranges that fit a type the most specific one counts."""
    return max(
        next(
            (ranges[r] for r in (media, f"{media.split('/')[0]}/*", "*/*") if r in ranges),
            0.0,
        )
        for media in media_types
    )
