"""What gives itself away by its form: credentials, keys and tokens, in any text."""

from __future__ import annotations

import re
from binascii import Error as NoBase64
from binascii import a2b_base64

from wsgi_observe.core.redact.reach import end_of_value
from wsgi_observe.core.redact.search import Budget, Span, replaced
from wsgi_observe.core.redact.words import REDACTED

_private_key = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?!-----END )[\s\S])*+(?:-----END [A-Z0-9 ]{0,60}(?:-----)?)?"
)
# RFC 7519, also signed in another way (itsdangerous) or encrypted in five parts.
_jwt = re.compile(r"(?:(?<![\w-])|(?<=%[0-9a-fA-F]{2}))eyJ[\w-]{8,}+(?:\.[\w-]*+)+", re.ASCII)
_scheme = re.compile(
    r"\b(bearer|basic)((?: |\+|%20)+)(?!(?:bearer|basic)\b)([\w.~+/-]{4,}+={0,3})", re.I | re.A
)
# RFC 3986, section 3.2.1; a `#`, `?` or `@` that nobody encoded is taken for the password's.
_password_in_url = re.compile(r"://[^\s/?#@:\"'<>]*+:(?!\d{1,5}[?#])([^\s/\"'<>]{0,256})@")
# Where a slash is not encoded either: `pg://jane:a/b@db`, but not `http://db:5432/a@b`.
_slash_in_password = re.compile(
    r"://[^\s/?#@:\"'<>]*+:(?!\d{1,5}(?:[/?#\s,;)]|\Z))((?:[^\s/@\"'<>]|/(?!/)){1,256}+)@"
)
# Also where the password says only what the user is: `https://<token>:x-oauth-basic@…`.
_token_in_url = re.compile(r"://([^\s/?#@:\"'<>]{16,}+)(?=@|:[^\s/?#@:\"'<>]{0,64}@)")
_oracle = re.compile(r"\bthin:[^\s/:@\"']{1,64}/(?!/)([^\s@\"']{1,256})@")
parameters = re.compile(
    r"(?:\[parameters: |\[(?:generated in|cached since|raw sql|no key)[^\]\n]{0,60}\] |"
    r"Failing row contains )"
)


# Masked already, or to be filled in: `{password}`.
_unfilled = re.compile(r"\**|\$?\{[^{}]*\}|<[^<>]*>|%s|%\(\w+\)s|\$[A-Z_]+|\[REDACTED\]")
# Of keys and counts; under a sensitive name they are looked at again.
_only_numbers = re.compile(
    r"[({](?:(?:'\w{1,64}+': )?(?:\d{1,9}+|None|True|False)(?:, ?)?)*+[)}]\]?"
)


def without_forms(text: str, budget: Budget) -> str:
    """Return `text` without what is recognised wherever it stands."""
    if "-----BEGIN" in text:
        text = _private_key.sub(REDACTED, text)
    if "[" in text or "Failing" in text:
        text = _without_parameters(text, budget)
    if "://" in text:
        text = replaced(text, _password_in_url, _first_group, budget)
        text = replaced(text, _slash_in_password, _first_group, budget)
        text = replaced(text, _token_in_url, _user_if_random, budget)
    if "thin:" in text:
        text = replaced(text, _oracle, _first_group, budget)
    if "eyJ" in text:
        text = _jwt.sub(REDACTED, text)
    folded = text.lower()  # quicker than to look for either case
    if "bearer" in folded or "basic" in folded:
        text = replaced(text, _scheme, _credential, budget)
    return text


def _without_parameters(text: str, budget: Budget) -> str:
    """Leave out what SQLAlchemy says of a statement's values, and PostgreSQL of a row's."""
    parts: list[str] = []
    kept = 0
    while found := parameters.search(text, kept):
        if not budget.take(3):
            return budget.cut_off("".join(parts), len(text) - kept)
        is_list = found[0].startswith("[parameters")
        end = end_of_value(text, found.start() if is_list else found.end(), budget)
        if _only_numbers.fullmatch(text, found.end(), end):
            parts.append(text[kept:end])
            kept = end
            continue
        parts += text[kept : found.end()], REDACTED, "]" if is_list else ""
        kept = max(end, found.end())
    return "".join([*parts, text[kept:]]) if parts else text


def _first_group(found: re.Match[str]) -> Span | None:
    if _unfilled.fullmatch(found[1]):
        return None
    return found.start(1), found.end(1), REDACTED


def _user_if_random(found: re.Match[str]) -> Span | None:
    return _first_group(found) if _looks_random(found[1]) else None


def _credential(found: re.Match[str]) -> Span | None:
    scheme, value = found[1], found[3]
    is_one = scheme.lower() == "basic" and _is_user_and_password(value)
    if not is_one and (not _looks_random(value, 4) or _is_a_name(found)):
        return None
    return found.start(3), found.end(3), REDACTED


def _is_a_name(found: re.Match[str]) -> bool:
    """Return whether what follows the scheme is the next name: `bearer expires_in=3600`."""
    value = found[3]
    is_assigned = value.endswith("=") and not found.string[found.end() : found.end() + 1].isspace()
    words = value.rstrip("=").split("_")
    return len(words) > 1 and is_assigned and all(map(str.islower, words))


def _looks_random(text: str, least: int = 16) -> bool:
    """Tell a credential from a word of prose: `bearer authentication`, `basic auth-flow`."""
    if len(text) < least:
        return False
    inner = text[1:]
    has_digit = any(map(str.isdigit, text))
    is_mixed = not inner.islower() and not text.isupper() and any(map(str.isupper, inner))
    return has_digit or is_mixed or "_" in text or "~" in text or len(text) >= 24


def _is_user_and_password(text: str) -> bool:
    try:
        return b":" in a2b_base64(text + "=" * (-len(text) % 4))
    except NoBase64:
        return False
