"""The shape of an error: one value, and the JSON documents made of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from wsgi_observe.core.names import free_name
from wsgi_observe.core.statuses import describe

ENVELOPE_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"

_OWN_KEYS = frozenset({"code", "name", "description", "request_id"})
_PROBLEM_KEYS = frozenset({"type", "title", "status", "detail", "instance", "request_id"})

# What described the body that is replaced (RFC 9110, section 8).
_OF_THE_BODY = frozenset(
    {
        *("content-length", "content-type", "content-encoding", "content-language"),
        *("etag", "last-modified", "accept-ranges"),
    }
)


@dataclass(frozen=True, slots=True)
class Error:
    """A failure as the client may see it: nothing in it comes from an exception's text."""

    code: int
    name: str
    description: str
    request_id: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of_status(cls, status: str, request_id: str | None) -> Error:
        """Return the error that a WSGI status line stands for, such as ``404 Not Found``."""
        code = int(status[:3])
        name, description = describe(code, status[3:].strip())
        return cls(code, name, description, request_id)


def envelope(error: Error) -> dict[str, object]:
    """Return the envelope: ``code``, ``name``, ``description``, ``request_id`` and the app's keys.

    A key of the app's that collides with these four is kept as ``extra_<key>``.
    """
    return {
        "code": error.code,
        "name": error.name,
        "description": error.description,
        "request_id": error.request_id,
        **{free_name(key, _OWN_KEYS): value for key, value in error.extra.items()},
    }


def problem(error: Error) -> dict[str, object]:
    """Return the same facts as problem details (RFC 9457), ``request_id`` as an extension."""
    return {
        "type": "about:blank",
        "title": error.name,
        "status": error.code,
        "detail": error.description,
        "request_id": error.request_id,
        **{free_name(key, _PROBLEM_KEYS): value for key, value in error.extra.items()},
    }


def encode(document: Mapping[str, object]) -> bytes:
    """Return `document` as strict JSON; raises ValueError or TypeError where it cannot be."""
    return (json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n").encode()


def headers_of_an_error(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return what stays of an error's headers when its body is replaced."""
    return [(name, value) for name, value in headers if name.lower() not in _OF_THE_BODY]


def headers_of_a_failed_success(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return what stays of a response that turned into a 500: CORS and ``Vary``.

    Without its CORS headers a browser would hide the error from the page that asked.
    """
    return [header for header in headers if _is_sendable(header) and _is_kept(header[0].lower())]


def _is_kept(name: str) -> bool:
    return name == "vary" or name.startswith("access-control-")


def _is_sendable(header: object) -> bool:
    """Tell whether a server would send it: an app that fails may have given it anything."""
    return (
        isinstance(header, tuple)
        and [type(part) for part in header] == [str, str]
        and all(part.isascii() and part.isprintable() for part in header)
    )
