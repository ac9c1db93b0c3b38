"""Error and ErrorRenderer: an error response as a value, and as a JSON document; status texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from wsgi_observe._safely import call_safely
from wsgi_observe.field_names import rename_taken
from wsgi_observe.wsgi.headers import is_sendable

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


def envelope(error: Error) -> dict[str, object]:
    """Return the envelope: ``code``, ``name``, ``description``, ``request_id`` and the app's keys.

    An app's key that collides with these four becomes ``extra_<key>``.
    """
    members: dict[str, object] = {
        "code": error.code,
        "name": error.name,
        "description": error.description,
        "request_id": error.request_id,
    }
    return {**members, **rename_taken(dict(error.extra), members.keys())}


def problem(error: Error) -> dict[str, object]:
    """Return problem details (RFC 9457), with ``request_id`` as an extension member."""
    members: dict[str, object] = {
        "type": "about:blank",
        "title": error.name,
        "status": error.code,
        "detail": error.description,
        "request_id": error.request_id,
    }
    reserved = members.keys() | {"instance"}  # which we do not use
    return {**members, **rename_taken(dict(error.extra), reserved)}


_FORMATS = {
    "envelope": (envelope, "application/json"),
    "problem": (problem, "application/problem+json"),
}


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
        self._make_document, self._media_type = _FORMATS[error_format]

    def document(self, error: Error) -> tuple[bytes, str]:
        """Return the body for `error` and its media type; never raises."""
        if self._render is not None:
            rendered = call_safely("render_error", _encode_rendered, self._render, error)
            if rendered is not None:
                return rendered, "application/json"
        body = call_safely("encoding an error document", encode_json, self._make_document(error))
        return body or _encode_serializable(self._make_document(error)), self._media_type


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


# Every registered error status (RFC 9110, IANA registry).
_STATUSES = {
    400: ("Bad Request", "The request could not be understood."),
    401: ("Unauthorized", "The request needs valid credentials."),
    402: ("Payment Required", "The request needs a payment."),
    403: ("Forbidden", "The request is not allowed."),
    404: ("Not Found", "The requested resource was not found."),
    405: ("Method Not Allowed", "The method is not allowed for the requested resource."),
    406: ("Not Acceptable", "The resource has no representation that the request accepts."),
    407: ("Proxy Authentication Required", "The proxy needs valid credentials."),
    408: ("Request Timeout", "The request did not arrive in time."),
    409: ("Conflict", "The request conflicts with the state of the resource."),
    410: ("Gone", "The requested resource is no longer available."),
    411: ("Length Required", "The request needs a Content-Length."),
    412: ("Precondition Failed", "A condition in the request's headers does not hold."),
    413: ("Content Too Large", "The content of the request is too large."),
    414: ("URI Too Long", "The request's URI is too long."),
    415: ("Unsupported Media Type", "The media type of the request's content is not supported."),
    416: ("Range Not Satisfiable", "The requested range is not available."),
    417: ("Expectation Failed", "The request's expectation cannot be met."),
    418: ("I'm a Teapot", "The server is a teapot and brews no coffee."),  # RFC 9110: unused
    421: ("Misdirected Request", "The request reached a server that cannot answer it."),
    422: ("Unprocessable Content", "The content of the request is not valid."),
    423: ("Locked", "The requested resource is locked."),
    424: ("Failed Dependency", "The request depends on another one that failed."),
    425: ("Too Early", "The request might be replayed and was not processed."),
    426: ("Upgrade Required", "The request needs another protocol."),
    428: ("Precondition Required", "The request needs to be conditional."),
    429: ("Too Many Requests", "Too many requests were sent in a given time."),
    431: ("Request Header Fields Too Large", "The request's headers are too large."),
    451: ("Unavailable For Legal Reasons", "The resource is unavailable for legal reasons."),
    500: ("Internal Server Error", "An unexpected error occurred."),
    501: ("Not Implemented", "The request's method is not supported."),
    502: ("Bad Gateway", "An upstream server gave an invalid answer."),
    503: ("Service Unavailable", "The service cannot answer at the moment."),
    504: ("Gateway Timeout", "An upstream server did not answer in time."),
    505: ("HTTP Version Not Supported", "The request's HTTP version is not supported."),
    506: ("Variant Also Negotiates", "The requested variant negotiates itself."),
    507: ("Insufficient Storage", "There is no room to complete the request."),
    508: ("Loop Detected", "The request runs into a loop."),
    510: ("Not Extended", "The request needs further extensions."),
    511: ("Network Authentication Required", "The network needs authentication."),
}


def describe_status(code: int, reason: str = "") -> tuple[str, str]:
    """Return the name and description of a status code; an unregistered one keeps its reason.

    >>> describe_status(404)[0], describe_status(499, "Client Left")[0], describe_status(599)[0]
    ('Not Found', 'Client Left', 'Server Error')
    """
    if code in _STATUSES:
        return _STATUSES[code]
    if code >= 500:
        return reason or "Server Error", "The server could not answer the request."
    return reason or "Client Error", "The request could not be answered."
