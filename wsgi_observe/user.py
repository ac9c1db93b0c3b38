"""Pseudonyms of users: their IDs as keyed digests (HMAC-SHA-256, RFC 2104)."""

from __future__ import annotations

from wsgi_observe._loggers import get_logger
from wsgi_observe._safely import call_safely, first_time
from wsgi_observe.context import current_context
from wsgi_observe.validators import secret_key

_log = get_logger("wsgi_observe")


def pseudonymize(value: object, key: str | bytes) -> str:
    """Return a user's pseudonym: 64 lower-case hex digits, always the same for the same key.

    :param value: the user's ID; ``42`` and ``"42"`` are the same user.
    :param key: at least 32 secret bytes.
    :raises SettingsError: for a key that is missing or too short.

    >>> pseudonymize(42, "k" * 32)[:12]
    '09b9733fee8d'
    """
    import hashlib  # only for those who have users
    import hmac

    secret = secret_key("user_key", key)
    return hmac.new(secret, str(value).encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def bind_user(user_id: object) -> None:
    """Put a pseudonym of the user on the later log lines of the current request, and in Sentry.

    It is the field ``user``, made of `user_id` with the setting ``user_key``. Without that key
    nothing is bound, and a warning is logged once. None, an empty ID, and a call outside a request
    are ignored.

    :param user_id: a number, a string, a UUID.

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
        _log.warning(
            "bind_user() has no effect: the setting user_key is not set (logged once per process)"
        )
