"""Error and ErrorRenderer: an error response as a value, and as a JSON document."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from wsgi_observe._safely import call_safely
from wsgi_observe.errors.statuses import describe_status
from wsgi_observe.field_names import free_name
from wsgi_observe.wsgi.headers import is_sendable

ENVELOPE_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"

_ENVELOPE_KEYS = frozenset({"code", "name", "description", "request_id"})
_PROBLEM_KEYS = frozenset({"type", "title", "status", "detail", "instance", "request_id"})

# They describe the body that is replaced (RFC 9110, section 8.3 to 8.6), or are digests of it
# (RFC 9530 and before). Validators and ranges stay: in a 412 or 416 they describe the resource.
_BODY_HEADERS = frozenset(
    {
        *("content-length", "content-type", "content-encoding", "content-language"),
        *("content-digest", "repr-digest", "digest", "content-md5"),
    }
)


@dataclass(frozen=True)
class Error:
    """A failure as the client may see it, with nothing that the app did not mean for clients."""

    code: int
    name: str
    description: str
    request_id: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict, hash=False)

    @classmethod
    def from_status(
        cls,
        status: str,
        request_id: str | None,
        description: str = "",
        extra: Mapping[str, object] = {},
    ) -> Error:
        """Return the error of a WSGI status line, such as ``404 Not Found``.

        :param description: instead of the default one of the status.
        """
        code = int(status[:3])
        name, default_description = describe_status(code, status[3:].strip())
        return cls(code, name, description or default_description, request_id, extra)


def envelope(error: Error) -> dict[str, object]:
    """Return the envelope: ``code``, ``name``, ``description``, ``request_id`` and the app's keys.

    An app's key that collides with these four becomes ``extra_<key>``.
    """
    return {
        "code": error.code,
        "name": error.name,
        "description": error.description,
        "request_id": error.request_id,
        **_extra_members(_ENVELOPE_KEYS, error.extra),
    }


def problem(error: Error) -> dict[str, object]:
    """Return problem details (RFC 9457), with ``request_id`` as an extension member."""
    return {
        "type": "about:blank",
        "title": error.name,
        "status": error.code,
        "detail": error.description,
        "request_id": error.request_id,
        **_extra_members(_PROBLEM_KEYS, error.extra),
    }


class Document(NamedTuple):
    """The body of an error response, and its media type."""

    body: bytes
    media_type: str


class ErrorRenderer:
    """Renders errors as the envelope, as problem details, or as a company's own document.

    :param error_format: ``envelope`` or ``problem``.
    :param render_error: makes a company's own document. If it raises, or returns something else
        than a mapping that can be JSON, the document is ours.
    """

    def __init__(
        self,
        error_format: str,
        render_error: Callable[[Error], Mapping[str, object]] | None,
    ) -> None:
        self._render = render_error
        is_problem = error_format == "problem"
        self._make_document = problem if is_problem else envelope
        self._media_type = PROBLEM_TYPE if is_problem else ENVELOPE_TYPE

    def document(self, error: Error) -> Document:
        """Return the document of `error`; never raises."""
        if self._render is not None:
            rendered = call_safely("render_error", _encode_rendered, self._render, error)
            if rendered is not None:
                return Document(rendered, ENVELOPE_TYPE)
        body = call_safely("encoding an error document", encode_json, self._make_document(error))
        return Document(body or _encode_serializable(self._make_document(error)), self._media_type)


def encode_json(document: Mapping[str, object]) -> bytes:
    """Encode `document` as strict JSON.

    :raises ValueError, TypeError: for a value that JSON has no form for.
    """
    return (json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _encode_rendered(render: Callable[[Error], Mapping[str, object]], error: Error) -> bytes:
    document = render(error)
    if not isinstance(document, Mapping):
        raise TypeError(f"render_error returns a mapping, got {type(document).__name__}")
    return encode_json(dict(document))


def _encode_serializable(document: Mapping[str, object]) -> bytes:
    """Encode `document` without the members that JSON has no form for.

    Not with their ``repr``, which may show a secret.
    """
    members = {}
    for key, value in document.items():
        encodable = value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        if call_safely("encoding an error document", encode_json, {key: encodable}) is not None:
            members[key] = encodable
    return encode_json(members)


def _extra_members(reserved: frozenset[str], extra: Mapping[str, object]) -> dict[str, object]:
    """Rename the app's members so that none collides with a reserved name or with another one."""
    members: dict[str, object] = {key: value for key, value in extra.items() if key not in reserved}
    for key in extra:
        if key in reserved:
            members[free_name(f"extra_{key}", members)] = extra[key]
    return members


def headers_for_replaced_body(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the headers of an error without those that describe its body, which is replaced."""
    return [(name, value) for name, value in headers if name.lower() not in _BODY_HEADERS]


def headers_for_failed_response(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the headers that a response keeps when it turns into a 500: CORS and ``Vary``.

    Without its CORS headers a browser would hide the error from the page that sent the request.
    An app that fails may have given any headers, also what no server sends.
    """
    return [
        (name, value)
        for name, value in filter(is_sendable, headers)
        if name.lower() == "vary" or name.lower().startswith("access-control-")
    ]
