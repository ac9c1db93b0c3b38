"""Name and description of every registered error status (RFC 9110, IANA registry)."""

from __future__ import annotations

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
