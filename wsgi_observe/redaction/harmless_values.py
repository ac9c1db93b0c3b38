"""Values of sensitive names that are no secrets: counts, words of prose, places in code."""

from __future__ import annotations

import re

from wsgi_observe.redaction.sensitive_names import SensitiveNames

_NON_SECRET_WORDS = frozenset(
    {
        *("none", "null", "nil", "undefined", "is", "was", "are", "has", "not"),
        *("must", "should", "may", "cannot", "the", "this", "field", "invalid", "expired"),
        *("missing", "required", "incorrect", "wrong", "failed", "unexpected", "expected"),
        *("falsch", "ungültig", "fehlt", "erforderlich", "abgelaufen", "incorrecte", "invalide"),
        *("requis", "manquant", "incorrecta", "incorrecto", "inválida", "inválido", "requerida"),
        *("requerido", "obrigatória", "errata", "scaduta", "obbligatoria", "onjuist", "verplicht"),
        *("błędne", "wymagane", "неверный", "обязателен", "невірний", "hatal\u0131", "gerekli"),
    }
)
_STATE_WORDS = frozenset(
    {
        *("active", "inactive", "enabled", "disabled", "valid", "ok", "open", "closed", "new"),
        *("expired", "revoked", "optional", "present", "absent", "set", "unset", "default"),
    }
)
# What somebody has put in place of a secret, and the end of a document's element.
_masked_value = re.compile(
    r"[<\[({]?(?:hidden|redacted|filtered|masked|removed|omitted|empty|unset|secret)[>\])}]?|[xX]{3,}|"
    r"</\w{1,16}>",
    re.IGNORECASE,
)
_BOOLEANS = frozenset({"true", "false", "yes", "no", "on", "off"})
# Longer ones are identifiers: of a session, of an account.
_number = re.compile(r"[+-]?\d{1,9}(?:[.,]\d{1,9})?(?:%|[a-zA-Zµ]{1,3})?[.!?]?")
_word = r"(?:[^\W\d_][^\W\d_A-Z]{0,17}|[A-Z]{1,8})(?:['\u2019-][^\W\d_A-Z]{1,12})?[,.!?…]{0,3}"
_prose = re.compile(rf"{_word}(?:[ \t]{_word}){{0,30}}")
_further_words = re.compile(r"[ \t]+[^\W\d_]+(?:['\u2019-][^\W\d_]+)*+(?![\w.%-]*[ ]?[=:])")
_password_name = re.compile(
    r"(?:pass(?:word|wd|phrase|code|wort)?|pwd|secret|pin|kennwort)\d*\Z", re.I
)
# `auth/token.py:42: …` has a place, and no name.
_file_suffix = re.compile(
    r"\.(?:py[cix]?|[cm]?[jt]sx?|html?|s?css|json|ya?ml|toml|ini|cfg|conf|txt|log|md|sql|sh|go|rs|rb|"
    r"java|kt|php|c|cc|cpp|h|hpp|cs|swift|ex|exs|erl|lua|pl|vue|xml|csv|lock|so|jinja2?|tmpl)\Z",
    re.IGNORECASE,
)
_exception_name = re.compile(r"(?:[a-z_]\w*\.)+(?:[A-Z][a-z\d]+){2,}\Z")
_literal_start = re.compile(r"[bBfFrRuU]{0,2}\\*[\"']")
_MAX_CODE_LENGTH = 256  # characters of a line of code before a value
_string_literal = re.compile(r"([\"'])(?:\\.|(?!\1).)*+(?P<end>\1?)")
_placeholder = re.compile(r"\{|%(?:\(|[sdr]\b)")


def is_file_name(name: str, sign: str) -> bool:
    """Return whether what precedes a colon is the name of a file."""
    return ":" in sign and _file_suffix.search(name) is not None


def is_string_literal(text: str, start: int) -> bool:
    """Return whether a value in a line of code is a string literal, or text within one.

    All else is code: ``password: str``, ``token = tokens[key]``, ``f"token={token}"``.
    """
    if _literal_start.match(text, start):
        return True
    begin = max(start - _MAX_CODE_LENGTH, 0)
    begin = max(begin, text.rfind("\n", begin, start) + 1)
    is_within = any(not string["end"] for string in _string_literal.finditer(text, begin, start))
    return is_within and _placeholder.match(text, start) is None


def is_number_or_bool(value: str) -> bool:
    """Return whether a text is a number or a boolean, as counts and switches are.

    >>> is_number_or_bool("512"), is_number_or_bool("True"), is_number_or_bool("4111111111111111")
    (True, True, False)
    """
    return _number.fullmatch(value) is not None or value.casefold() in _BOOLEANS


def is_harmless_value(match: re.Match[str], end: int, name: str, names: SensitiveNames) -> bool:
    """Return whether a value may stay although its name is sensitive.

    :param match: a name with its quote and sign; the value follows it.
    :param end: where the value ends.
    """
    value, quote, sign = match.string[match.end() : end], match["quote"], match["sign"]
    if names.is_added(name):
        return not quote and value.casefold() in _NON_SECRET_WORDS
    if is_number_or_bool(value):
        return not names.hides_numbers(name) or value.casefold() in _BOOLEANS
    if quote:
        return False
    first = value.partition(" ")[0].rstrip(".,!").casefold()
    if (
        first in _NON_SECRET_WORDS
        or _masked_value.fullmatch(value)
        or not any(map(str.isalnum, value))
    ):
        return True
    if value.casefold() in _STATE_WORDS and _password_name.search(name) is None:
        return True
    if ":" not in sign or not sign.endswith((" ", "\t")):
        return False
    if _exception_name.match(name):
        return True  # `psycopg.errors.InvalidPassword: FATAL: …`
    if _prose.fullmatch(value) is None or (name[:1].isupper() and " " in value):
        return False
    # `password: must have …`, but not `password: correcthorse`
    return (
        _password_name.search(name) is None or _further_words.match(match.string, end) is not None
    )
