"""The list: words that name a secret, and words that make a name harmless."""

from __future__ import annotations

from wsgi_observe.field_names import ACCESS_NAMES, LINE_NAMES
from wsgi_observe.redaction import languages

REDACTED = "[REDACTED]"
"""What stands in the place of what must not be seen."""

NEVER_SENSITIVE = (LINE_NAMES | ACCESS_NAMES | {"trace_flags", "client_request_id"}) - {
    *("message", "path", "exc_info", "query_string", "user_agent", "host", "referer"),
}
"""The log line's IDs, times and facts, which nothing makes sensitive."""

_WORDS = frozenset(
    {
        *("password", "passwd", "pwd", "passphrase", "passcode", "passwort"),
        *("secret", "token", "credential", "cred", "bearer", "jwt", "otp", "totp"),
        *("authorization", "cookie", "session", "sess", "sessid", "csrf", "xsrf"),
        *("cvv", "cvc", "iban", "ssn", "ccnum", "apikey", "pem", "oauth", "psk"),
    }
)
_WORD_SEQUENCES = (
    *("api key", "access key", "secret key", "private key", "encryption key", "signing key"),
    *("auth key", "session key", "master key", "account key", "license key", "ssh key"),
    *(
        "storage key",
        "shared key",
        "shared access key",
        "deploy key",
        "consumer key",
        "service key",
        "app key",
    ),
    *("application key", "webhook key", "server key", "rsa key", "hmac key", "subscription key"),
    *(
        "pass word",
        "passw 0 rd",
        "pass phrase",
        "pass code",
        "pass wd",
        "security code",
        "recovery code",
    ),
    *("unlock code", "access code", "login code", "confirmation code", "activation code"),
    *("reset code", "sms code", "time code", "snmp community", "community string"),
    *(
        "security answer",
        "backup code",
        "auth code",
        "verification code",
        "pin code",
        "card pin",
        "user pin",
    ),
    *("auth header", "basic auth", "auth data", "saml response", "saml assertion"),
    *("card number", "card no", "card num", "card code", "card verification", "credit card"),
    *("debit card", "bank card", "payment card", "cc number", "cc num", "card security"),
    *("account number", "account no", "bank account", "routing number", "sort code"),
    *("social security", "tax id", "hub signature", "amz signature"),
    *(term for term in languages.TERMS if " " in term),
)

SENSITIVE_TERMS: frozenset[str | tuple[str, ...]] = frozenset(
    {
        *_WORDS,
        *(term for term in languages.TERMS if " " not in term),
        *(tuple(words.split()) for words in _WORD_SEQUENCES),
        *(words.replace(" ", "") for words in _WORD_SEQUENCES),
    }
)
"""Sensitive wherever they stand in a name: words, and sequences of them, also written as one."""

TERM_ENDINGS = frozenset(words.split()[-1] for words in _WORD_SEQUENCES)
"""Words that are sensitive for the one before them."""

SENSITIVE_ENDINGS = (
    *("password", "passwd", "passphrase", "secret", "token", "apikey", "secretkey", "privatekey"),
    *("accesskey", "sessionid", "sessid", "sessionkey", "cookie", "cardnumber", "credential"),
    *("passwort", "kennwort", "motdepasse", "wachtwoord", "kreditkarte", "kartennummer"),
)
"""What nothing harmless ends with, so that a word may have anything before it: ``csrftoken``."""

WHOLE_NAME_ONLY = {
    "pass": True,
    "pw": True,
    "clave": True,
    "auth": True,
    "sid": True,
    "card": False,
    "pin": False,
}
"""Sensitive as a name of their own, and where true, as the last word of one."""

SENSITIVE_IN_QUERY = frozenset(
    {
        *("key", "sig", "signature", "code", "state", "nonce", "ticket", "hmac", "assertion"),
        *("mail", "email", "phone", "auth", "pass", "card", "pin", "sid", "saml"),
    }
)
"""What is harmless elsewhere, but in a query a credential or a person."""

HARMLESS_SUFFIXES = frozenset(
    {
        *("count", "counter", "used", "usage", "limit", "type", "kind", "format", "version"),
        *("expire", "expiry", "expiration", "expired", "ttl", "age", "timeout", "lifetime"),
        *("duration", "length", "len", "size", "min", "max", "total", "remaining", "per"),
        *(
            "policy",
            "policie",
            "required",
            "enabled",
            "disabled",
            "allowed",
            "valid",
            "invalid",
            "missing",
        ),
        *("present", "changed", "created", "updated", "issued", "verified", "revoked", "rotated"),
        *("at", "attempt", "failure", "failed", "error", "mismatch", "strength", "score", "status"),
        *("field", "name", "endpoint", "path", "file", "dir", "domain", "samesite", "httponly"),
        *("secure", "algorithm", "alg", "algo", "scope", "index", "brand", "byte", "exempt"),
        *("protection", "rate", "budget", "window", "interval", "started", "ended", "last4"),
        *("provider", "backend", "method", "manager", "factory", "store", "class", "model"),
        *("ref", "reference", "selector", "consent", "param", "parameter", "hasher", "validator"),
        *("prefix", "label", "placeholder", "rule", "uri", "engine", "source", "setting"),
        *(
            "banner",
            "option",
            "helper",
            "handler",
            "middleware",
            "mode",
            "state",
            "reset",
            "color",
            "filename",
            "help",
            "title",
        ),
        *("description", "caption", "tooltip"),
        *("exception", "second", "minute", "hour", "day", "ms", "only", "permanent", "warning"),
    }
)
"""Words behind a sensitive one that make the name a fact about it."""

HARMLESS_PREFIXES = frozenset(
    {
        *("has", "is", "can", "need", "require", "no", "num", "max", "min", "total", "count"),
        *("avg", "mean", "active", "concurrent", "prompt", "completion", "input", "output"),
        *("cached", "reasoning", "remaining", "used", "unused"),
    }
)
"""Words before a sensitive one that make a number a count of them, or a switch."""

NUMERIC_WORDS = languages.NUMERIC_WORDS | {
    *("pin", "code", "number", "no", "num", "nr", "cvv", "cvc", "otp", "totp", "ssn", "iban"),
    *("card", "account", "ccnum", "password", "passwd", "pwd", "passcode", "passphrase"),
    *("pass", "pw", "security"),
}
"""Last words of the names under which a number alone is a secret."""
