"""The shape of an error: one value, and the JSON documents made of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from wsgi_observe._safely import call_safely
from wsgi_observe.errors.statuses import describe_status
from wsgi_observe.field_names import free_name
from wsgi_observe.frozen import Frozen

ENVELOPE_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"

_ENVELOPE_KEYS = frozenset({"code", "name", "description", "request_id"})
_PROBLEM_KEYS = frozenset({"type", "title", "status", "detail", "instance", "request_id"})

# What described the body that is replaced (RFC 9110, section 8.3 to 8.6), and its digests (RFC 9530
# and before). Validators and ranges stay: a 412 or 416 says with them what the resource is now.
_BODY_HEADERS = frozenset(
    {
        *("content-length", "content-type", "content-encoding", "content-language"),
        *("content-digest", "repr-digest", "digest", "content-md5"),
    }
)


class Error(Frozen):
    """A failure as the client may see it: nothing in it that the app did not mean for them."""

    _field_names = __match_args__ = ("code", "name", "description", "request_id", "extra")

    code: int
    name: str
    description: str
    request_id: str | None
    extra: Mapping[str, object]

    def __init__(
        self,
        code: int,
        name: str,
        description: str,
        request_id: str | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(
            code=code,
            name=name,
            description=description,
            request_id=request_id,
            extra={} if extra is None else extra,
        )

    @classmethod
    def from_status(
        cls,
        status: str,
        request_id: str | None,
        description: str = "",
        extra: Mapping[str, object] | None = None,
    ) -> Error:
        """Return the error that a WSGI status line names, such as ``404 Not Found``.

        :param description: in place of the one that belongs to the status.
        """
        code = int(status[:3])
        name, default_description = describe_status(code, status[3:].strip())
        return cls(code, name, description or default_description, request_id, extra)


def envelope(error: Error) -> dict[str, object]:
    """Return the envelope: ``code``, ``name``, ``description``, ``request_id`` and the app's keys.

    A key of the app's that collides with these four is kept as ``extra_<key>``.
    """
    return {
        "code": error.code,
        "name": error.name,
        "description": error.description,
        "request_id": error.request_id,
        **_extra_members(_ENVELOPE_KEYS, error.extra),
    }


def problem(error: Error) -> dict[str, object]:
    """Return the same facts as problem details (RFC 9457), ``request_id`` as an extension."""
    return {
        "type": "about:blank",
        "title": error.name,
        "status": error.code,
        "detail": error.description,
        "request_id": error.request_id,
        **_extra_members(_PROBLEM_KEYS, error.extra),
    }


ERROR_DOCUMENT_KEY = "wsgi_observe.error_document"
"""In the environ: the error document that a framework's error handler of ours responded with.

`ErrorEnvelope` lets a response with this body pass without looking whose it is."""


class Document(NamedTuple):
    """An error as it is sent."""

    body: bytes
    media_type: str


class ErrorRenderer:
    """How errors look here: the envelope, problem details, or a company's own document.

    :param error_format: ``envelope`` or ``problem``.
    :param render_error: makes a company's own document; what it raises, or returns that is no
        mapping or cannot be JSON, falls back to ours.
    """

    def __init__(
        self,
        error_format: str = "envelope",
        render_error: Callable[[Error], Mapping[str, object]] | None = None,
    ) -> None:
        self._render = render_error
        is_problem = error_format == "problem"
        self._make_document = problem if is_problem else envelope
        self._media_type = PROBLEM_TYPE if is_problem else ENVELOPE_TYPE

    def document(self, error: Error) -> Document:
        """Return the document of `error`; whatever is in it, there is one."""
        if self._render is not None:
            rendered = call_safely("render_error", _encode_rendered, self._render, error)
            if rendered is not None:
                return Document(rendered, ENVELOPE_TYPE)
        body = call_safely("a member of an error", encode_json, self._make_document(error))
        return Document(body or _encode_serializable(self._make_document(error)), self._media_type)


def encode_json(document: Mapping[str, object]) -> bytes:
    """Return `document` as strict JSON; raises ValueError or TypeError where it cannot be."""
    return (json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _encode_rendered(render: Callable[[Error], Mapping[str, object]], error: Error) -> bytes:
    document = render(error)
    if not isinstance(document, Mapping):
        raise TypeError(f"render_error returns a mapping, got {type(document).__name__}")
    return encode_json(dict(document))


def _encode_serializable(document: Mapping[str, object]) -> bytes:
    """Return `document` without what JSON cannot say: the text of an object may tell too much."""
    members = {}
    for key, value in document.items():
        encodable = value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        if call_safely("a member of an error", encode_json, {key: encodable}) is not None:
            members[key] = encodable
    return encode_json(members)


def _extra_members(reserved: frozenset[str], extra: Mapping[str, object]) -> dict[str, object]:
    """Return the app's members under names that collide neither with ours nor with each other."""
    members: dict[str, object] = {key: value for key, value in extra.items() if key not in reserved}
    for key in extra:
        if key in reserved:
            members[free_name(f"extra_{key}", members)] = extra[key]
    return members


def headers_for_replaced_body(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return what stays of an error's headers when its body is replaced."""
    return [(name, value) for name, value in headers if name.lower() not in _BODY_HEADERS]


def headers_for_failed_response(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return what stays of a response that turned into a 500: CORS and ``Vary``.

    Without its CORS headers a browser would hide the error from the page that asked.
    """
    return [
        header for header in headers if _is_sendable(header) and _is_cors_or_vary(header[0].lower())
    ]


def _is_cors_or_vary(name: str) -> bool:
    return name == "vary" or name.startswith("access-control-")


def _is_sendable(header: object) -> bool:
    """Return whether a server would send it: an app that fails may have given it anything."""
    return (
        isinstance(header, tuple)
        and [type(part) for part in header] == [str, str]
        and all(part.isascii() and part.isprintable() for part in header)
    )
