"""Values of sensitive names that are no secrets: counts, prose, placeholders, code."""

from __future__ import annotations

import re
from functools import lru_cache

from wsgi_observe.redaction.sensitive_names import SensitiveNames, words_of

_NON_SECRET_WORDS = frozenset(
    {
        *("none", "null", "nil", "undefined", "is", "was", "are", "has", "not"),
        *("too", "mismatch", "mismatched", "unchanged", "changed", "updated", "must", "should"),
        *("may", "cannot", "the", "this", "field", "invalid", "expired"),
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
# Text that masks a secret, and the end tag of an empty element.
_masked_value = re.compile(
    r"[<\[({]?(?:hidden|redacted|filtered|secure|sensitive|protected|encrypted|masked|removed|"
    r"omitted|empty|unset|secret)[>\])}]?|"
    r"[xX]{3,}|(?:([*•.#-])\1*)?|</\w{1,16}>",
    re.IGNORECASE,
)
# Placeholders of logging, templates and shells, and objects without a text of their own.
_placeholder_value = re.compile(
    r"(?:[A-Za-z]+[ ])?"
    r"(?:[^\w\s%{]{0,3}(?:%\(\w+\)[sdr]|%[sdr]|\{[\w.!:()\[\]]*\}))+[^\w\s%{]{0,3}|"
    r"(?:[Bb]earer|[Bb]asic|[Tt]oken)[ ]?|\$\d{1,3}|:[a-z_]+|"
    r"\$?\{\{?[ ]?(?:[A-Za-z_.$ !:()-]*|\d)[ ]?\}?\}|\$[A-Z_]{2,}|\$[a-z]+_[a-z_]+|"
    r"\$\([^()]*\)|(?:[A-Z][a-z]+[ ])?<[A-Za-z][A-Za-z_. -]*>[\"'}\])]*|"
    r"<[\w. ]{1,128} at 0x[0-9a-f]+>|<[a-z]{1,10}[ ][^<>]*>"
)
_log_tag = re.compile(r"\[[A-Za-z]+\](?=[ ][^\W\d_]+[ ])")
_remark = re.compile(r"\([A-Za-z][A-Za-z_. -]*(?:\.\w+)?\)")
_TYPES = (
    r"(?:str|string|bytes?|bytearray|int|integer|number|bool|boolean|any|object|varchar|text|char|"
    r"uuid|optional|option|binary|hex|array|list|dict|date-time)"
)
_type = re.compile(rf"[&*?]?{_TYPES}(?:\[[\w, .]*\]|<[\w, .]*>?|\([\d, ]*\))?[?;]?", re.I)
# An expression: `self.tokens[key]`, `lexer.next()`, but not an object's repr: `Token(abc)`.
_name = r"[^\W\d]\w*"
_plain_argument = r"(?:[^\W\d]+(?:\.[^\W\d]+)*|\d{1,4})"
_expression = re.compile(
    rf"(?:await[ ]|new[ ])?[&*$]?{_name}(?:(?:\??\.|->|::){_name})*+(?:"
    rf"\[(?:{_plain_argument}|[\"'][^\W\d]+[\"'])?\]|\(\)"
    rf"|(?<![A-Z]\w)(?<=[a-z_])\((?:{_plain_argument}(?:,[ ]?{_plain_argument})*)\)"
    rf"|(?:\??\.|->|::){_name})*;?"
)
# A call that is assigned, with arguments that are no secrets, also one that its line cuts.
_call = re.compile(
    rf"(?:await[ ])?(?P<callee>(?:{_name}(?:\??\.|::|->)){{0,8}}{_name})"
    rf"[(\[](?:[^\"'\d]|\b\d{{1,3}}\b|(?<=\w)\d|\"[^\"\d]*\"|'[^'\d]*')*+"
)
_class = re.compile(
    r"(?:[a-z]{1,16}\.)?(?:(?:[A-Z]+[a-z]{2,16}){2,6}|[A-Za-z]{1,24}\[[A-Za-z_\[\], .|]*\])\??"
)
_identifier = re.compile(r"[A-Za-z_]{1,64}\??")
_sentence_word = r"(?:[^\W\d_]+(?:['\u2019-][^\W\d_]+)*|\d{1,4})[,:;]?"
_sentence = re.compile(rf"(?=[^\W\d_a-z]){_sentence_word}(?:[ ]{_sentence_word}){{1,40}}[.!?…]")
_refusal = re.compile(
    rf"(?=(?:{_sentence_word}[ ]){{0,20}}?(?:be|not|must|too|can't|is|has|already|at|valid)\b)"
    rf"{_sentence_word}(?:[ ]{_sentence_word}){{1,40}}"
)
# A cookie has a name and a value (RFC 6265): `cookie: session (secure, httponly)` is prose.
_cookie = re.compile(r"cookies?\Z", re.I)
_no_cookie = re.compile(r"[^=\d\r\n]+")
_path = re.compile(
    r"[a-z][a-z-]+/[a-z][a-z-]+|[~.]?(?:/[a-z_.-]+)(?:/[a-z][a-z_.-]*\d?)+|[\w-]{1,32}\.(?:crt|pem|key|txt|json|ya?ml|env)"
)
_quoted = re.compile(r"[bfruBFRUN]{0,2}(\\*[\"'])(.*)\1", re.DOTALL)
_MAX_LENGTH = 512  # characters of a value that is examined
_leaf = re.compile(
    r"(?P<quote>(?<!\\)\\*[\"'])(?P<text>(?:(?!(?P=quote)).)*)(?P=quote)(?P<key>\s?(?::|=>))?"
    r"|(?P<bare>[^\s,:=\[\]{}()\"'\\]+)(?P<bare_key>:|=(?=[\w\"'(\[{]))?|(?P<other>[=\"'\\])",
    re.DOTALL,
)
_asian = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
# Names whose values are as often a method or state (`auth: basic`) as a secret.
_name_of_method = re.compile(
    r"(?:\A|[\W_])(?:auth|authorization|credentials?|sess(?:ion)?|cookies?|csrf)\Z", re.I
)
_kind = re.compile(r"[a-z]{2,9}(?:-[a-z]{2,9})?")
_BOOLEANS = frozenset({"true", "false", "yes", "no", "on", "off"})
# Longer ones are identifiers of sessions and accounts.
_number = re.compile(r"[+-]?\d{1,9}(?:[.,]\d{1,9})?(?:%|[a-zA-Zµ]{1,3}|\|(?:c|g|ms|h|s|d))?[.!?]?")
_word = r"(?:[^\W\d_][^\W\d_A-Z]{0,17}|[A-Z]{1,8})(?:['\u2019-][^\W\d_A-Z]{1,12})?[,.!?…]{0,3}"
_prose = re.compile(rf"{_word}(?:[ \t]{_word}){{0,30}}")
_further_words = re.compile(
    r"[ \t]+(?:\d{1,4}[ ])?[(]?[^\W\d_]+(?:['\u2019-][^\W\d_]+)*+(?![\w.%-]*[ ]?[=:])"
)
_password_name = re.compile(
    r"(?:pass(?:word|wd|phrase|code|wort)?|pwd|secret|pin|kennwort)\d*\Z", re.I
)
# `auth/token.py:42: …` is a location, not a name.
_file_suffix = re.compile(
    r"\.(?:py[cix]?|[cm]?[jt]sx?|html?|s?css|json|ya?ml|toml|ini|cfg|conf|txt|log|md|sql|sh|go|rs|rb|"
    r"java|kt|php|c|cc|cpp|h|hpp|cs|swift|ex|exs|erl|lua|pl|vue|xml|csv|lock|so|jinja2?|tmpl)\Z",
    re.IGNORECASE,
)
_exception_name = re.compile(r"(?:[a-z_]\w*\.)+(?:[A-Z][a-z\d]+){2,}\Z")
_literal_start = re.compile(r"[bBfFrRuU]{0,2}\\*[\"']")
_MAX_CODE_LENGTH = 256  # characters of a line of code before a value
_string_literal = re.compile(r"(?P<prefix>[fF]?[rR]?)([\"'])(?:\\.|(?!\2).)*+(?P<end>\2?)")
# `f"Bearer {token}"` has a scheme and code only.
_formatted = re.compile(r"(?:[A-Za-z]+[ ])?(?:\{[^{}]*\}[ :]?)+[\"']")
_placeholder = re.compile(r"\{|%(?:\(|[sdr]\b)")


def is_file_name(name: str, sign: str) -> bool:
    """Return whether the name before a colon is that of a file."""
    return ":" in sign and _file_suffix.search(name) is not None


def is_string_literal(text: str, start: int) -> bool:
    """Return whether a value in a line of code is a string literal, or text within one.

    Otherwise it is code: ``password: str``, ``token = tokens[key]``, ``f"token={token}"``.
    """
    if literal := _literal_start.match(text, start):
        return "f" not in literal[0].lower() or _formatted.match(text, literal.end()) is None
    begin = max(start - _MAX_CODE_LENGTH, 0)
    begin = max(begin, text.rfind("\n", begin, start) + 1)
    for string in _string_literal.finditer(text, begin, start):
        if not string["end"]:
            is_code = "f" in string["prefix"].lower() and _is_in_braces(string[0])
            return not is_code and _placeholder.match(text, start) is None
    return False


def _is_in_braces(text: str) -> bool:
    """Return whether the end of this part of an f-string is code: `f"{get(token=`."""
    plain = text.replace("{{", "").replace("}}", "")
    return plain.count("{") > plain.count("}")


def is_number_or_bool(value: str) -> bool:
    """Return whether a text is a number or a boolean, as counts and switches are.

    >>> is_number_or_bool("512"), is_number_or_bool("True"), is_number_or_bool("4111111111111111")
    (True, True, False)
    """
    return _number.fullmatch(value) is not None or value.casefold() in _BOOLEANS


def is_harmless_value(match: re.Match[str], end: int, name: str, names: SensitiveNames) -> bool:
    """Return whether a value is no secret although its name is sensitive.

    :param match: a name with its quote and sign; the value follows it.
    :param end: where the value ends.
    """
    value, quote, sign = match.string[match.end() : end], match["quote"], match["sign"]
    if names.is_added(name):
        return not quote and value.casefold() in _NON_SECRET_WORDS
    if is_number_or_bool(value):
        return not names.hides_numbers(name) or value.casefold() in _BOOLEANS
    if len(value) > _MAX_LENGTH:
        return False  # bounds the work, since what stays is searched again
    quoted = _quoted.fullmatch(value)
    inner = value if quoted is None else quoted[2]
    if _is_no_secret(inner, name):
        return True
    if quoted is not None:
        return _sentence.fullmatch(inner) is not None
    if value[:1] in ("[", "{", "("):
        return _is_remark(match, value) or _has_no_secret(value, name, names)
    return (
        not any(map(str.isalnum, value))
        or (_cookie.search(name) is not None and _no_cookie.fullmatch(value) is not None)
        or value.partition(" ")[0].rstrip(".,!").casefold() in _NON_SECRET_WORDS
        or (value.casefold() in _STATE_WORDS and not _is_password(name))
        or _is_variable(value, name)
        or _is_code(value, sign, name)
        or _is_prose(match, end, name)
    )


@lru_cache(1024)
def _is_password(name: str) -> bool:
    return _password_name.search(name) is not None


def _is_remark(match: re.Match[str], value: str) -> bool:
    """Return whether it is a remark in brackets instead of a value: ``password: (hidden)``."""
    is_spaced = match["sign"].endswith(" ")
    is_tag = _log_tag.match(match.string, match.end()) is not None
    return is_spaced and (is_tag or _remark.fullmatch(value) is not None)


def _is_no_secret(value: str, name: str) -> bool:
    """Return whether a value, without its quotes, is none, masked, a placeholder or a type."""
    return (
        value.casefold() in _NON_SECRET_WORDS
        or (len(value) < 4 and not any(map(str.isalnum, value)))
        or _path.fullmatch(value) is not None
        or _masked_value.fullmatch(value) is not None
        or _placeholder_value.fullmatch(value) is not None
        or _type.fullmatch(value) is not None
        or (_name_of_method.search(name) is not None and _kind.fullmatch(value) is not None)
    )


def _is_variable(value: str, name: str) -> bool:
    """Return whether a bare value is a variable or class named like it: ``session: WebSession``."""
    last = value.rpartition(".")[2]
    if not _identifier.fullmatch(last):
        return False
    words, named = words_of(last), words_of(name)
    if words == named[-len(words) :]:
        return True
    return not _is_password(name) and len(words) > 1 and words[-1:] == named[-1:]


def _is_code(value: str, sign: str, name: str) -> bool:
    """Return whether a bare value is code: a call, an item, an attribute."""
    is_spaced = len(sign) > 2 and sign.startswith(" ") and sign.endswith(" ")
    if called := _call.fullmatch(value):
        is_method = value[:1].islower() and "." in called["callee"]
        if is_method or is_spaced:
            return True
    if ":" in sign and sign.endswith(" ") and not _is_password(name) and _class.fullmatch(value):
        return True
    if sign == " == " or value.endswith("("):
        return True
    match = _expression.fullmatch(value)
    if match is None:
        return False
    is_item = value.rstrip(";").endswith((")", "]"))
    is_attribute = "." in value or "->" in value or "::" in value
    is_attribute = is_attribute and not any(map(str.isdigit, value))
    return is_item or (is_attribute and (is_spaced or value.startswith(("self.", "this."))))


def _has_no_secret(value: str, name: str, names: SensitiveNames) -> bool:
    """Return whether a list or mapping has only messages, types and counts."""
    is_under_key, key = False, ""
    for leaf in _leaf.finditer(value):
        text = leaf["bare"] if leaf["text"] is None else leaf["text"]
        if leaf["other"]:
            return False
        if leaf["key"] or leaf["bare_key"]:
            is_under_key, key = True, text
            continue
        is_secret = _is_password(name) or names.is_sensitive(key)
        is_word = is_under_key and not is_secret and _kind.fullmatch(text) is not None
        if key and names.is_metadata(key) and is_number_or_bool(text):
            continue
        is_message = leaf["text"] is not None and (
            _sentence.fullmatch(text) is not None or _refusal.fullmatch(text) is not None
        )
        if not (is_word or is_message or _is_harmless_leaf(text, name, names)):
            return False
        is_under_key = False
    return True


def _is_harmless_leaf(text: str, name: str, names: SensitiveNames) -> bool:
    if is_number_or_bool(text):
        return not names.hides_numbers(name) or text.casefold() in _BOOLEANS
    return text.casefold() == name.casefold() or _is_no_secret(text, name)


def _is_prose(match: re.Match[str], end: int, name: str) -> bool:
    """Return whether a bare value after a colon is prose."""
    value, sign = match.string[match.end() : end], match["sign"]
    is_text = any(map(sign.__contains__, (":", "\uff1a", "->")))
    if not is_text or not sign.endswith(("\uff1a", " ", "\t")):
        return False
    if _exception_name.match(name) or _asian.search(value):
        return True  # `psycopg.errors.InvalidPassword: FATAL: …`
    if _prose.fullmatch(value) is None or (name[:1].isupper() and " " in value):
        return False
    # `password: must have …`, but not `password: correcthorse`
    return not _is_password(name) or _further_words.match(match.string, end) is not None
