"""A query string without the values that are nobody's business."""

from __future__ import annotations

import re

from wsgi_observe.core.environ import printable

REDACTED = "[redacted]"

_LONGEST = 2048  # characters that are looked at

_WHEREVER = (
    *("pass", "pwd", "secret", "token", "credential", "session", "cookie", "signature"),
    *("apikey", "bearer", "csrf", "xsrf", "jwt", "saml", "assertion", "oauth", "email"),
)
# In `author`, `shopping` and `design` these would be found by chance.
_AS_A_WORD = (
    *("key", "sig", "auth", "code", "state", "nonce", "otp", "pin", "ticket", "hmac"),
    *("cvv", "cvc", "ssn", "sid", "mail", "phone", "iban", "card"),
)
_sensitive = re.compile(
    f"{'|'.join(_WHEREVER)}|(?<![a-z])({'|'.join(_AS_A_WORD)})(?![a-z])", re.IGNORECASE
)
_camel = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def redacted_query(query: str) -> str:
    """Return a query string with the values of names that look sensitive left out.

    A name is read as the app reads it, percent-encoding undone. A part without a name is left
    out as a whole, since it may be a token itself; so is a value that holds a query in turn.

    >>> redacted_query("page=2&access_token=abc&%74oken=abc")
    'page=2&access_token=[redacted]&%74oken=[redacted]'
    """
    parts = re.split("[&;]", query[:_LONGEST])
    if len(query) > _LONGEST:
        parts[-1] = "…"  # it may be half a name
    return printable("&".join(_redacted(part) for part in parts))


def _redacted(part: str) -> str:
    name, equals, value = part.partition("=")
    if part in ("", "…"):
        return part
    if not equals:
        return REDACTED
    nested = _decoded(value)
    holds_a_query = "=" in nested and is_sensitive(nested)
    return f"{name}={REDACTED}" if holds_a_query or is_sensitive(_decoded(name)) else part


def is_sensitive(name: str) -> bool:
    """Tell whether what bears this name looks like nobody's business.

    >>> [is_sensitive(name) for name in ("apiKey", "X-Amz-Signature", "author", "page")]
    [True, True, False, False]
    """
    return _sensitive.search(_camel.sub("_", name)) is not None


def _decoded(text: str) -> str:
    from urllib.parse import unquote_plus  # for those who have queries logged

    # Twice, since a proxy may have encoded what was encoded.
    return unquote_plus(unquote_plus(text))
