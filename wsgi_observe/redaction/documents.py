"""Values whose name is an element, an attribute or a key of its own: XML, forms, JSON, SQL."""

from __future__ import annotations

import re

from wsgi_observe.redaction.budget import Budget, Span, replaced
from wsgi_observe.redaction.sensitive_names import Names
from wsgi_observe.redaction.sensitive_words import REDACTED
from wsgi_observe.redaction.value_ends import end_of_value

_LONGEST = 16 * 1024  # characters of an element, of a part of a form

VALUES = ("value", "val", "content", "input")
"""What the value is called where its name has a key of its own."""

_KEYS_OF_VALUES = tuple(f"{key}{sign}" for key in VALUES for sign in "\"'\\=:")

_opening = re.compile(r"\\*[\"'`]")
_quote = r"""(?:\\*["'`])?"""
_values = "|".join(VALUES)
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
_end_of_part = re.compile(rf"{_newline}--|\Z")
# Pydantic: the place on one line, and on the next `… [type=string_too_short, input_value='…',`.
_validated = re.compile(
    r"^(?P<name>[\w.\[\]-]{1,128}+)\n  [^\n]{0,400}?\[type=\w{1,64}, input_value=", re.MULTILINE
)
_end_of_validated = re.compile(r", input_type=|\n|\Z")
in_sql = re.compile(r"\b(?:password|identified\s{1,8}by(?:\s{1,8}password)?)\s{1,8}(?=')", re.I)


def without_documents(text: str, names: Names, budget: Budget) -> str:
    """Return `text` without the values that no sign joins to their names."""
    folded = text.lower()
    search = _Search(names, budget)
    if "</" in text:
        text = replaced(text, _element, search.in_element, budget)
    if "input_value=" in text:
        text = replaced(text, _validated, search.validated, budget)
    if "form-data" in folded:
        text = replaced(text, _form_part, search.in_part, budget)
    if ("val" in folded or "content" in folded or "input" in folded) and any(
        map(folded.__contains__, _KEYS_OF_VALUES)
    ):
        text = replaced(text, _name_first, search.behind_its_name, budget)
        text = replaced(text, _value_first, search.before_its_name, budget)
    if "'" in text and ("password" in folded or "identified" in folded):
        text = replaced(text, in_sql, search.in_sql, budget)
    return text


class _Search:
    """What to replace by what, for a match of each kind; None for what stays."""

    def __init__(self, names: Names, budget: Budget) -> None:
        self._names = names
        self._budget = budget

    def in_element(self, found: re.Match[str]) -> Span | None:
        if not self._names.judge(found["name"].rpartition(":")[2], self._budget):
            return None
        start = found.end()
        end = found.string.find(f"</{found['name']}", start, start + _LONGEST)
        return (start, end, REDACTED) if end > start else None

    def in_part(self, found: re.Match[str]) -> Span | None:
        if not self._names.judge(found["name"], self._budget):
            return None
        ended = _end_of_part.search(found.string, found.end())
        return found.end(), ended.start() if ended else len(found.string), REDACTED

    def validated(self, found: re.Match[str]) -> Span | None:
        if not any(self._names.judge(part, self._budget) for part in found["name"].split(".")[:20]):
            return None
        ended = _end_of_validated.search(found.string, found.end())
        return found.end(), ended.start() if ended else len(found.string), REDACTED

    def behind_its_name(self, found: re.Match[str]) -> Span | None:
        return self.in_sql(found) if self._names.judge(found["name"], self._budget) else None

    def before_its_name(self, found: re.Match[str]) -> Span | None:
        end = self._end(found)
        named = _then_name.match(found.string, end)
        if named is None or not self._names.judge(named["name"], self._budget):
            self._budget.take((end - found.end()) // 64)  # it may be searched again
            return None
        return _quoted(found.string, found.end(), end)

    def in_sql(self, found: re.Match[str]) -> Span:
        return _quoted(found.string, found.end(), self._end(found))

    def _end(self, found: re.Match[str]) -> int:
        return end_of_value(found.string, found.end(), self._budget)


def _quoted(text: str, start: int, end: int) -> Span:
    """Return the replacement of a value, in its own quotes."""
    opened = _opening.match(text, start, end)
    if opened is None:
        return start, end, REDACTED
    closed = opened[0] if text.endswith(opened[0], opened.end(), end) else ""
    return start, end, f"{opened[0]}{REDACTED}{closed}"
