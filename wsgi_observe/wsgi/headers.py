"""Header lists of responses (PEP 3333): look up, complete and order them; parse ``Accept``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Headers = list[tuple[str, str]]


def get_header(headers: Headers, lower_name: str) -> str:
    """Return the value of the first header of that name; empty where there is none."""
    return next((value for name, value in headers if name.lower() == lower_name), "")


def prepare_headers(headers: Headers, request_id: str | None, is_exposed: bool) -> str | None:
    """Add the request ID to the headers, and order those that the server may refuse.

    Returns the app's own ID, if it is another one; it is replaced.

    :param is_exposed: whether scripts that may read the response may read the ID (CORS).
    :raises TypeError: for a header that is not a str.
    """
    has_invalid = has_request_id = is_cors = False
    for name, value in headers:
        if value.__class__ is not str or not (value.isascii() and value.isprintable()):
            has_invalid = True
        length = len(name)
        if length == 12:
            has_request_id = has_request_id or name.lower() == "x-request-id"
        elif length == 27:
            is_cors = is_cors or name.lower() == "access-control-allow-origin"
    if has_invalid:
        sort_invalid_first(headers)
    app_request_id = None
    if request_id is not None:
        if has_request_id:
            app_request_id = find_app_request_id(headers, request_id)
            remove_header(headers, "x-request-id")
        headers.append(("X-Request-ID", request_id))
        if is_cors and is_exposed:
            _expose_request_id(headers)
    return app_request_id


def _expose_request_id(headers: Headers) -> None:
    """Add the ID's header to ``Access-Control-Expose-Headers`` (CORS), unless it is in it.

    ``*`` is all headers, except in a response to a request with credentials: there it is a name
    (Fetch Standard, "Access-Control-Expose-Headers").
    """
    lower_name = "access-control-expose-headers"
    exposed = _list_items(headers, lower_name)
    credentials = get_header(headers, "access-control-allow-credentials").strip(" \t")
    if "x-request-id" in exposed or ("*" in exposed and credentials != "true"):
        return
    positions = [n for n, (name, _) in enumerate(headers) if name.lower() == lower_name]
    if not positions:
        headers.append(("Access-Control-Expose-Headers", "X-Request-ID"))
        return
    name, value = headers[positions[-1]]
    value = f"{value}, X-Request-ID" if value.strip(" \t,") else "X-Request-ID"
    headers[positions[-1]] = (name, value)


def _list_items(headers: Headers, lower_name: str) -> set[str]:
    """Return the items of a header that is a list (RFC 9110, section 5.6.1), in lower case."""
    values = [value for name, value in headers if name.lower() == lower_name]
    return {item.strip(" \t").lower() for item in ",".join(values).split(",")}


def find_app_request_id(headers: Iterable[Any], request_id: str) -> str | None:
    """Return the ID that the app gave its response, or None where that is `request_id` too.

    Several are joined as a list (RFC 9110, 5.3). An app that fails may have given any headers.
    """
    values: dict[str, None] = {}
    for header in headers:
        match header:
            case [str(name), str(value)] if name.lower() == "x-request-id" and value != request_id:
                values[value] = None
    return ", ".join(values) or None


def remove_header(headers: Headers, unwanted: str) -> None:
    """Remove every header of a lower-case name."""
    headers[:] = [header for header in headers if header[0].lower() != unwanted]


def sort_invalid_first(headers: Headers) -> None:
    """Order `headers` so that a server refuses the first one, if it refuses any.

    Gunicorn and cheroot keep what came before a header that they refuse, and would send it with
    the error that follows: a second ``Content-Length``.

    :raises TypeError: for a header that is not a str (PEP 3333), which is removed. Granian fails
        over it after the headers are sent, and never closes the body.
    """
    invalid = [header for header in headers if not all(isinstance(part, str) for part in header)]
    if invalid:
        headers[:] = [header for header in headers if header not in invalid]
        name, value = invalid[0]
        raise TypeError(f"a WSGI app's headers are str (PEP 3333), got {name!r}: {type(value)}")
    headers.sort(key=is_sendable)


def is_sendable(header: object) -> bool:
    """Return whether every server sends this header: Latin-1, and no control character."""
    match header:
        case [str(name), str(value)] if name.isascii() and name.isprintable():
            is_latin_1 = max(value, default="") <= "\xff"
            return is_latin_1 and all(c >= " " or c == "\t" for c in value) and "\x7f" not in value
    return False


_HTML_TYPES = ("text/html", "application/xhtml+xml")
_JSON_TYPES = ("application/json", "application/problem+json")


def prefers_html(accept: str) -> bool:
    """Return whether HTML is named with a higher quality than JSON, as browsers do.

    An absent, malformed or indifferent header (``*/*``) prefers nothing.
    """
    ranges = _parse_accept(accept)
    return _best_quality(ranges, _HTML_TYPES) > _best_quality(ranges, _JSON_TYPES)


def vary_on_accept(headers: Headers) -> None:
    """Add ``Vary: Accept``, unless the headers have it (RFC 9110, section 12.5.5)."""
    if {"accept", "*"}.isdisjoint(_list_items(headers, "vary")):
        headers.append(("Vary", "Accept"))


def _parse_accept(accept: str) -> dict[str, float]:
    ranges: dict[str, float] = {}
    for item in accept.lower().split(","):
        media, *parameters = [part.strip() for part in item.split(";")]
        ranges[media] = _parse_quality(parameters)
    return ranges


def _parse_quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def _best_quality(ranges: dict[str, float], media_types: tuple[str, ...]) -> float:
    """Return the best quality; of the ranges that match a type the most specific one counts."""

    def quality(media_type: str) -> float:
        matching = (media_type, media_type.partition("/")[0] + "/*", "*/*")
        return next((ranges[each] for each in matching if each in ranges), 0.0)

    return max(map(quality, media_types))
