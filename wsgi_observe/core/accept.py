"""What a client prefers to read: the `Accept` header (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgi_observe.core.net import Headers

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
