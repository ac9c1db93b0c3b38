"""Values whose name is an element, an attribute or a key of its own: XML, forms, JSON, SQL."""

from __future__ import annotations

import re

from wsgi_observe.redaction.budget import Budget, Replacement, replace_matches
from wsgi_observe.redaction.sensitive_names import SensitiveNames
from wsgi_observe.redaction.sensitive_words import REDACTED
from wsgi_observe.redaction.value_ends import find_value_end

_MAX_ELEMENT_LENGTH = 16 * 1024  # characters of an element, of a part of a form

VALUE_KEYS = ("value", "val", "content", "input")
"""What the value is called where its name has a key of its own."""

_VALUE_KEYS_WITH_SIGN = tuple(f"{key}{sign}" for key in VALUE_KEYS for sign in "\"'\\=:")

_opening_quote = re.compile(r"\\*[\"'`]")
_quote = r"""(?:\\*["'`])?"""
_values = "|".join(VALUE_KEYS)
_newline = r"(?:\r?\n|(?:\\r)?\\n)"
_name = r"(?P<name>[\w.%$\[\]:-]{1,128}+)"
# `"name": "DB_PASSWORD", "value": "…"`, as in a container's environment and in HAR files, also in
# YAML; `<input name="password" type="text" value="…">`.
_name_first = re.compile(
    rf"(?<![\w-])(?:name|key|field|header|param){_quote}\s{{0,4}}[:=]\s{{0,4}}{_quote}{_name}"
    rf"{_quote}\s{{0,40}}+,?(?:\s{{0,40}}+[\w-]{{1,20}}+=[\"'][^\"'<>]{{0,64}}+[\"']){{0,3}}\s{{0,40}}+"
    rf"{_quote}(?:{_values}){_quote}\s{{0,4}}[:=]\s{{0,4}}",
    re.IGNORECASE,
)
_value_first = re.compile(
    rf"(?<![\w-])(?:{_values})(?=\\*[\"']|=){_quote}\s{{0,4}}[:=]\s{{0,4}}"
    r"(?=\\*[\"'])",
    re.IGNORECASE,
)
_then_name = re.compile(
    rf"\s{{0,4}},?\s{{0,40}}{_quote}(?:name|key|field|header|param){_quote}\s{{0,4}}[:=]\s{{0,4}}"
    rf"{_quote}{_name}{_quote}(?![\w-])",
    re.IGNORECASE,
)
_element = re.compile(r"<(?P<name>[A-Za-z_][\w.:-]{0,127}+)(?:\s[^<>]{0,256})?+(?<!/)>")
# RFC 7578: the value follows the blank line that ends the part's headers.
_form_part = re.compile(
    rf"(?<![\w-])name={_quote}(?P<name>[\w.%$\[\]-]{{1,128}}+){_quote}[^\r\n\\]{{0,200}}"
    rf"(?:{_newline}[^\r\n\\]{{1,200}}){{0,3}}{_newline}{_newline}"
)
_end_of_form_part = re.compile(rf"{_newline}--|\Z")
# Pydantic: the place on one line, and on the next `… [type=string_too_short, input_value='…',`.
_validation_error = re.compile(
    r"^(?P<name>[\w.\[\]-]{1,128}+)\n  [^\n]{0,400}?\[type=\w{1,64}, input_value=", re.MULTILINE
)
_end_of_validation_error = re.compile(r", input_type=|\n|\Z")
sql_password = re.compile(
    r"\b(?:password|identified\s{1,8}by(?:\s{1,8}password)?)\s{1,8}(?=')", re.I
)


def redact_documents(text: str, names: SensitiveNames, budget: Budget) -> str:
    """Return `text` without the values that no sign joins to their names."""
    folded = text.lower()
    search = _Replacements(names, budget)
    if "</" in text:
        text = replace_matches(text, _element, search.element, budget)
    if "input_value=" in text:
        text = replace_matches(text, _validation_error, search.validation_error, budget)
    if "form-data" in folded:
        text = replace_matches(text, _form_part, search.form_part, budget)
    if ("val" in folded or "content" in folded or "input" in folded) and any(
        map(folded.__contains__, _VALUE_KEYS_WITH_SIGN)
    ):
        text = replace_matches(text, _name_first, search.value_after_name, budget)
        text = replace_matches(text, _value_first, search.value_before_name, budget)
    if "'" in text and ("password" in folded or "identified" in folded):
        text = replace_matches(text, sql_password, search.sql_password, budget)
    return text


class _Replacements:
    """What to replace by what, for a match of each kind; None for what stays."""

    def __init__(self, names: SensitiveNames, budget: Budget) -> None:
        self._names = names
        self._budget = budget

    def element(self, match: re.Match[str]) -> Replacement | None:
        if not self._names.is_sensitive_name(match["name"].rpartition(":")[2], self._budget):
            return None
        start = match.end()
        end = match.string.find(f"</{match['name']}", start, start + _MAX_ELEMENT_LENGTH)
        return (start, end, REDACTED) if end > start else None

    def form_part(self, match: re.Match[str]) -> Replacement | None:
        if not self._names.is_sensitive_name(match["name"], self._budget):
            return None
        ended = _end_of_form_part.search(match.string, match.end())
        return match.end(), ended.start() if ended else len(match.string), REDACTED

    def validation_error(self, match: re.Match[str]) -> Replacement | None:
        if not any(
            self._names.is_sensitive_name(part, self._budget)
            for part in match["name"].split(".")[:20]
        ):
            return None
        ended = _end_of_validation_error.search(match.string, match.end())
        return match.end(), ended.start() if ended else len(match.string), REDACTED

    def value_after_name(self, match: re.Match[str]) -> Replacement | None:
        return (
            self.sql_password(match)
            if self._names.is_sensitive_name(match["name"], self._budget)
            else None
        )

    def value_before_name(self, match: re.Match[str]) -> Replacement | None:
        end = self._find_value_end(match)
        named = _then_name.match(match.string, end)
        if named is None or not self._names.is_sensitive_name(named["name"], self._budget):
            self._budget.spend((end - match.end()) // 64)  # it may be searched again
            return None
        return _replace_quoted(match.string, match.end(), end)

    def sql_password(self, match: re.Match[str]) -> Replacement:
        return _replace_quoted(match.string, match.end(), self._find_value_end(match))

    def _find_value_end(self, match: re.Match[str]) -> int:
        return find_value_end(match.string, match.end(), self._budget)


def _replace_quoted(text: str, start: int, end: int) -> Replacement:
    """Return the replacement of a value, in its own quotes."""
    opened = _opening_quote.match(text, start, end)
    if opened is None:
        return start, end, REDACTED
    closed = opened[0] if text.endswith(opened[0], opened.end(), end) else ""
    return start, end, f"{opened[0]}{REDACTED}{closed}"
