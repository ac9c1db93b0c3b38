"""Secrets that are planted in a process, and the search for them in what has left it."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, quote_plus


@dataclass(frozen=True)
class Canary:
    """One secret: where it is planted, and the name or the form that gives it away there."""

    place: str
    name: str
    secret: str

    @property
    def id(self) -> str:
        return f"{self.place}: {self.name}"


# A header or a cookie takes few characters as they are; elsewhere each encoding shows.
_BETWEEN = {
    **dict.fromkeys(("header", "cookie", "url parameter", "form of its own", "link"), "-"),
    **dict.fromkeys(("referer", "user agent"), "-"),
    **dict.fromkeys(("query", "form"), "/+é"),
}
# Each is found by its name, or by its form, in every kind of object.
_OBJECTS = (
    *("namedtuple", "namedtuple as a key", "nested", "dataclass", "attrs", "pydantic"),
    *("ORM object", "row", "slots", "namespace", "pair", "command line", "name and value"),
    "environ",
)
OBJECT_PLACES = (
    *("logged object", "frame object", "context object", "tag object"),
    *("user object", "extra object", "breadcrumb object"),
    "span object",
)
_NAMES = {
    **dict.fromkeys(OBJECT_PLACES, _OBJECTS),
    "header": (
        *("X-Api-Key", "X-Auth-Token", "X-CSRFToken", "X-Amz-Security-Token"),
        *("Authorization", "Proxy-Authorization", "X-Forwarded-Access-Token"),
    ),
    "cookie": ("sessionid", "csrftoken", "remember_token", "connect.sid", "__Host-session"),
    "query": (
        *("access_token", "pass%77ord", "user[password]", "user%5Bapi_key%5D", "clientSecret"),
        *("ToKeN", "code", "X-Amz-Signature", "%2574oken"),
    ),
    "form": ("password", "password_confirmation", "card[number]", "cvv", "csrfmiddlewaretoken"),
    "json": ("refreshToken", "api-key", "private_key", "iban", "card number", "oauth2Token"),
    "url parameter": ("token",),
    "exception": ("password", "api_key", "db.passwd", "secretKey"),
    "cause": ("auth_token", "session_id", "account_number"),
    "local": ("local_password", "local_token"),
    "sql": ("password_hash", "api_token", "note"),
    "bind": ("reset_token", "user_secret", "sessionKey"),
    "extra": ("refresh_token", "cardNumber", "credentials", "passphrase", "X-Vault-Token"),
    "log argument": ("client_secret", "signing_key", "otp", "bearer"),
    "log text": ("password", "access key", "--token", "Set-Cookie"),
    "object": ("password", "hidden_token"),
    "thread": ("webhook_secret",),
    "warning": ("encryption_key",),
    "breadcrumb": ("api_token", "cookies"),
    "context": ("clientSecret", "card_number"),
    "user": ("user_password", "access_token"),
    "sentry extra": ("db_password",),
    "tag": ("session_key",),
    "sentry span": ("http.request.header.authorization", "db.password"),
    "span": ("http.request.header.x-api-key", "messaging.auth_token"),
    "span event": ("auth_token",),
    "span exception": ("password",),
    "span status": ("api_key",),
    "link": ("reset", "confirm-email"),
    "referer": ("link", "code"),
    "user agent": ("token",),
    "wsgi.errors": ("password",),
    "attachment": ("password",),
    "check-in": ("token",),
    "transaction": ("token",),
    "form of its own": (
        *("bearer", "basic", "json web token", "private key", "url", "url with an @"),
        *("user of a url", "query of a url"),
    ),
}


def _secret(place: str, name: str) -> str:
    digest = hashlib.sha256(f"{place}: {name}".encode()).hexdigest()
    return f"{digest[:12]}{_BETWEEN.get(place, _ANYTHING)}{digest[12:24]}"


_ANYTHING = "\"'é\\"

CANARIES = [
    Canary(place, name, _secret(place, name)) for place, names in _NAMES.items() for name in names
]


def planted(place: str) -> dict[str, str]:
    """Return the secrets of one place by their names."""
    return {canary.name: canary.secret for canary in CANARIES if canary.place == place}


def leaks(outputs: Mapping[str, bytes]) -> list[str]:
    """Tell which secret, or half of one, is where and in which form."""
    return [
        f"{canary.id} in {output} as {form}"
        for canary in CANARIES
        for form, trace in _traces(canary.secret)
        for output, data in outputs.items()
        if trace in data
    ]


def seen(outputs: Mapping[str, bytes]) -> set[str]:
    """Return the IDs of the canaries that are found, however."""
    return {leak.partition(" in ")[0] for leak in leaks(outputs)}


def _traces(secret: str) -> Iterator[tuple[str, bytes]]:
    for text in (secret, secret[:12], secret[-12:]):
        yield "text", text.encode()
        yield "text in Latin-1", text.encode("latin-1")
        yield "percent-encoded", quote(text, safe="").encode()
        yield "percent-encoded", quote_plus(text).encode()
        yield "percent-encoded twice", quote(quote(text, safe=""), safe="").encode()
        for ascii_only in (True, False):
            yield "JSON", json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode()
        yield "Python", repr(text)[1:-1].encode()
        yield from (("base64", core) for core in _base64_cores(text.encode()))


def _base64_cores(data: bytes) -> Iterator[bytes]:
    """Yield what base64 makes of data wherever it stands in a longer text."""
    for before in range(3):
        padded = b"\0" * before + data
        whole = len(padded) // 3 * 4
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(padded)[(0, 2, 3)[before] : whole]
