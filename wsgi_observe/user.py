"""The same person, but not who: IDs of users as keyed digests (HMAC-SHA-256, RFC 2104)."""

from __future__ import annotations

from typing import Any

from wsgi_observe._loggers import get_logger
from wsgi_observe._safely import call_safely, first_time
from wsgi_observe.context import current_context
from wsgi_observe.validators import SettingsError

_log = get_logger("wsgi_observe")

_MIN_KEY_BYTES = 32  # bytes: what a shorter key hides can be found by trying (RFC 2104, section 3)


def pseudonymize(value: object, key: str | bytes) -> str:
    """Return 64 lower-case hex digits, the same for a user as long as the key is.

    :param value: the user's ID; ``42`` and ``"42"`` are one.
    :param key: at least 32 bytes that nobody else knows.
    :raises SettingsError: for a key that is missing or too short.

    >>> pseudonymize(42, "k" * 32)[:12]
    '09b9733fee8d'
    """
    import hashlib  # only for those who have users to hide
    import hmac

    secret = secret_key("user_key", key)
    if secret is None:
        raise _key_error("user_key", key)
    return hmac.new(secret, str(value).encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def secret_key(name: str, value: Any) -> bytes | None:
    """Check a key, or None or an empty text for none; the error does not tell it."""
    if value is None or value in ("", b""):
        return None
    key = value.encode() if isinstance(value, str) else value
    if not isinstance(key, bytes) or len(key) < _MIN_KEY_BYTES:
        raise _key_error(name, key)
    return key


def _key_error(name: str, key: Any) -> SettingsError:
    got = f"{len(key)} bytes" if isinstance(key, bytes | str) else f"a {type(key).__name__}"
    return SettingsError(name, f"a secret of at least {_MIN_KEY_BYTES} bytes", got)


def bind_user(user_id: object) -> None:
    """Have the later lines of the running request, and Sentry, tell its user: by a pseudonym.

    It is the field ``user``, made of `user_id` with the setting ``user_key``. Without that key
    nobody is told, which is said once; None and an empty ID are nobody. Outside a request this
    does nothing.

    :param user_id: what your users have for an ID: a number, a text, a UUID.

    >>> bind_user(42)
    """
    context = current_context()
    if context is None or user_id is None or user_id == "":
        return
    if context.user_key:
        pseudonym = call_safely("bind_user", pseudonymize, user_id, context.user_key)
        if pseudonym is not None:
            context.bind({"user": pseudonym})
    elif first_time("bind_user"):
        _log.warning("bind_user tells nobody: the setting user_key is missing; this is said once")
