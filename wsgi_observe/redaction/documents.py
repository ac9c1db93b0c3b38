"""Values in documents: XML and HTML, forms, ``{"name": …, "value": …}``, validators, SQL."""

from __future__ import annotations

import re

from wsgi_observe.redaction.budget import REDACTED, Budget, Replacement, replace_matches
from wsgi_observe.redaction.sensitive_names import NAME_KEYS, VALUE_KEYS, SensitiveNames
from wsgi_observe.redaction.value_ends import find_mark, find_value_end, redact_in_quotes

_MAX_ELEMENT_LENGTH = 16 * 1024  # characters of an element, of a part of a form

_VALUE_KEYS_WITH_SIGN = tuple(f"{key}{sign}" for key in VALUE_KEYS for sign in "\"'\\=:")

_quote = r"""(?:\\*["'`])?"""
_name_keys = "|".join(NAME_KEYS)
_value_keys = "|".join(VALUE_KEYS)
_newline = r"(?:\r?\n|(?:\\r)?\\n)"
_name = r"(?P<name>[\w.%$\[\]:/-]{1,128}+)"
# `"name": "DB_PASSWORD", "value": "…"`, as in a container's environment and in HAR files, also in
# YAML; `<input name="password" type="text" value="…">`.
_name_first = re.compile(
    rf"(?<![\w-])(?:parameter)?(?:{_name_keys}){_quote}\s{{0,4}}[:=]\s{{0,4}}{_quote}{_name}"
    rf"{_quote}\s{{0,40}}+,?(?:\s{{0,40}}+\\*[\"'][\w-]{{1,20}}+\\*[\"']\s?:\s?\\*[\"'][^\"'<>]{{0,64}}+[\"'],){{0,3}}(?:\s{{0,40}}+[\w-]{{1,20}}+=[\"'][^\"'<>]{{0,64}}+[\"']){{0,3}}\s{{0,40}}+"
    rf"{_quote}(?:parameter)?(?:{_value_keys}){_quote}\s{{0,4}}[:=]\s{{0,4}}",
    re.IGNORECASE,
)
_value_first = re.compile(
    rf"(?<![\w-])(?:{_value_keys})(?=\\*[\"']|=){_quote}\s{{0,4}}[:=]\s{{0,4}}"
    r"(?=\\*[\"'])",
    re.IGNORECASE,
)
_name_after_value = re.compile(
    rf"\s{{0,4}},?\s{{0,40}}{_quote}(?:{_name_keys}){_quote}\s{{0,4}}[:=]\s{{0,4}}"
    rf"{_quote}{_name}{_quote}(?![\w-])",
    re.IGNORECASE,
)
_element = re.compile(
    r"(?:<|&lt;)(?P<name>[A-Za-z_][\w.:-]{0,127}+)(?P<attributes>(?:\s[^<>]{0,256})?+)(?<!/)(?:>|&gt;)"
)
_tag = re.compile(r"<[A-Za-z][\w.:-]{0,63}+(?P<attributes>\s[^<>]{1,1024}+)")
_attribute = re.compile(r"([\w:-]{1,32})\s?=\s?(\\*[\"'])((?:(?!\2).){0,512})\2", re.DOTALL)
_NAMING = frozenset({"name", "id", "key", "type", "property", "itemprop", "data-name"})
_HOLDING = frozenset({"value", "content"})
# A property list, Hadoop's configuration: `<key>password</key><string>…</string>`.
_named_element = re.compile(
    r"<(?P<tag>key|name)>\s{0,40}(?P<name>[\w.:-]{1,128}+)\s{0,40}</(?P=tag)>\s{0,40}<(?P<other>string|value|val|data|content|integer)>",
    re.IGNORECASE,
)
_only_child = re.compile(r"\s*<(\w{1,32})>([^<>]+)</\1>\s*")
_words = re.compile(r"\s*[^\W\d_]+(?:\s+[^\W\d_]+)+\s*")
# RFC 7578: the value follows the blank line that ends the part's headers.
_form_part = re.compile(
    rf"(?<![\w-])name={_quote}(?P<name>[\w.%$\[\]-]{{1,128}}+){_quote}[^\r\n\\]{{0,200}}"
    rf"(?:{_newline}[^\r\n\\]{{1,200}}){{0,3}}{_newline}{_newline}"
)
_end_of_form_part = re.compile(rf"{_newline}--")
# Pydantic: the field on one line, and on the next `… [type=string_too_short, input_value='…',`.
_validation_error = re.compile(
    r"^(?P<name>[\w.\[\]-]{1,128}+)\n  [^\n]{0,400}?\[type=\w{1,64}, input_value=", re.MULTILINE
)
_end_of_validation_error = re.compile(r", input_type=|\n")
_input_of = re.compile(
    r"([\"'])loc\\*\1\s?:\s?[\[(](?P<names>[^\[\](){}]{1,200}+)[\])][^{}]{1,400}?"
    r"\1input\\*\1\s?:\s?"
)
sql_password = re.compile(
    r"\b(?:password|identified\s{1,8}(?:with\s{1,8}\w{1,64}\s{1,8})?by(?:\s{1,8}password)?)(?:\s{1,8}|\s{0,8}\(\s{0,8})(?=')",
    re.I,
)
_inserted = re.compile(
    r"\binto\s{1,8}[\w.\"`\[\]]{1,128}+\s{0,8}\((?P<columns>[^()]{1,2000})\)\s{0,8}values\s{0,8}(?=\()",
    re.I,
)
_sql = re.compile(r"'(?:[^'\\]|''|\\.)*+'?|[(),]|\s++|[^'(),\s]++", re.DOTALL)
# MySQL: `Duplicate entry 'a' for key 'user.token'`, `Data too long for column 'token'`.
_for_column = re.compile(
    r"'(?P<value>[^'\n]{1,512}+)' for (?:key|column) '(?P<name>[^'\n]{1,128}+)'"
)
# attrs: `'password' must match regex 'a+' ('b' doesn't)`.
_refused_value = re.compile(
    r"'(?P<name>[\w.-]{1,128}+)' (?:must|should|cannot)\b(?P<rest>[^\n]{1,1000}+)"
)
_string = re.compile(r"(?<![\w\\])(\\*[\"'])(?=\w|[^\w\s])((?:(?!\1).){1,512}?)\1(?!\w)")
beside_quotes = re.compile(
    rf"{sql_password.pattern}|values\s{{0,8}}\(|\bin[ ]?\('|' (?:for|must|should|cannot)\b", re.I
)


def redact_documents(text: str, names: SensitiveNames, budget: Budget) -> str:
    """Return `text` without values that are joined to their names by a document's structure."""
    folded = text.lower()
    search = _Replacements(names, budget)
    if "</" in text or "&lt;/" in text:
        text = replace_matches(text, _named_element, search.in_named_element, budget)
        text = replace_matches(text, _element, search.element, budget)
    if "<" in text:
        text = replace_matches(text, _tag, search.in_tag, budget)
    if "loc" in folded and "input" in folded:
        text = replace_matches(text, _input_of, search.in_errors, budget)
    if "input_value=" in text:
        text = replace_matches(text, _validation_error, search.validation_error, budget)
    if "form-data" in folded:
        text = replace_matches(text, _form_part, search.form_part, budget)
    if ("val" in folded or "content" in folded or "input" in folded) and any(
        map(folded.__contains__, _VALUE_KEYS_WITH_SIGN)
    ):
        text = replace_matches(text, _name_first, search.value_after_name, budget)
        text = replace_matches(text, _value_first, search.value_before_name, budget)
    return _redact_quoted_values(text, folded, search, budget) if "'" in text else text


def _redact_quoted_values(text: str, folded: str, search: _Replacements, budget: Budget) -> str:
    if "password" in folded or "identified" in folded:
        text = replace_matches(text, sql_password, search.quoted_value, budget)
    if "values" in folded:
        text = replace_matches(text, _inserted, search.in_rows, budget)
    if "' for " in text:
        text = replace_matches(text, _for_column, search.before_its_column, budget)
    if "' must" in text or "' should" in text or "' cannot" in text:
        text = replace_matches(text, _refused_value, search.in_refusal, budget)
    return text


class _Replacements:
    """The replacement of a match of each pattern; None for a match that stays."""

    def __init__(self, names: SensitiveNames, budget: Budget) -> None:
        self._names = names
        self._budget = budget
        self._text = ""
        self._closings: dict[str, int] = {}

    def _is_sensitive(self, name: str) -> bool:
        return self._names.is_sensitive(name, budget=self._budget)

    def element(self, match: re.Match[str]) -> Replacement | None:
        is_named = self._is_sensitive(match["name"].rpartition(":")[2])
        has_name = "name" in match["attributes"] or "key" in match["attributes"]
        if not is_named and not (has_name and self._has_sensitive_name(match)):
            return None
        start = match.end()
        closing = "&lt;/" if match[0].startswith("&lt;") else "</"
        end = self._closing(match.string, f"{closing}{match['name']}", start)
        if end <= start or not match.string[start:end].strip():
            return None
        if not is_named and (inner := _only_child.fullmatch(match.string, start, end)):
            return inner.start(2), inner.end(2), REDACTED
        if not is_named and ("<" in (shown := match.string[start:end]) or _words.fullmatch(shown)):
            return None  # a form, a button
        return start, end, REDACTED

    def _closing(self, text: str, tag: str, start: int) -> int:
        """Return where an element ends, -1 if it is not near; search for each end once."""
        if text is not self._text:
            self._text = text
            self._closings.clear()
        end = self._closings.get(tag, 0)
        if 0 <= end < start:
            end = self._closings[tag] = text.find(tag, start)
        return end if end - start <= _MAX_ELEMENT_LENGTH else -1

    def in_named_element(self, match: re.Match[str]) -> Replacement | None:
        if not self._is_sensitive(match["name"]):
            return None
        start = match.end()
        end = self._closing(match.string, f"</{match['other']}", start)
        return (start, end, REDACTED) if end > start else None

    def in_tag(self, match: re.Match[str]) -> Replacement | None:
        """Replace a value by the tag's other attributes, in any order."""
        if not self._has_sensitive_name(match):
            return None
        for one in _attribute.finditer(match.string, *match.span("attributes")):
            if one[1].lower() in _HOLDING and one[3]:
                return one.start(3), one.end(3), REDACTED
        return None

    def _has_sensitive_name(self, match: re.Match[str]) -> bool:
        attributes = _attribute.findall(match["attributes"])
        return any(
            name.lower() in _NAMING and self._is_sensitive(value)
            for name, _, value in attributes[:20]
        )

    def in_errors(self, match: re.Match[str]) -> Replacement | None:
        """Replace the input in Pydantic's errors: ``'loc': ('body', 'token'), … 'input': …``."""
        names = [name.strip("\\\"' ") for name in match["names"].split(",")[:20]]
        is_parent = "'missing'" in match[0] or '"missing"' in match[0]
        if is_parent or not any(self._is_sensitive(name) for name in names):
            return None
        is_none = match.string.startswith(("null", "None"), match.end())
        return None if is_none else self.quoted_value(match)

    def in_rows(self, match: re.Match[str]) -> Replacement | None:
        """Replace values by their columns: ``INSERT INTO a (b, token) VALUES (1, 'x')``."""
        columns = match["columns"].split(",")
        hidden = [self._is_sensitive(one.strip(' \t\n"`[]')) for one in columns]
        if not any(hidden):
            return None
        shown, end = self._rows(match.string, match.end(), hidden)
        return match.end(), end, shown

    def _rows(self, text: str, start: int, hidden: list[bool]) -> tuple[str, int]:
        shown: list[str] = []
        depth = column = 0
        for part in _sql.finditer(text, start):
            token = part[0]
            if not depth and token not in ("(", ",") and not token.isspace():
                return "".join(shown), part.start()
            if not self._budget.spend(1):
                shown.append(self._budget.append_cut_marker("", len(text) - part.start()))
                break
            if depth == 1 and token[0] == "'" and column < len(hidden) and hidden[column]:
                token = f"'{REDACTED}'"
            depth += (token == "(") - (token == ")")
            column = 0 if depth == 0 else column + (token == "," and depth == 1)
            shown.append(token)
        return "".join(shown), len(text)

    def before_its_column(self, match: re.Match[str]) -> Replacement | None:
        if not self._is_sensitive(match["name"]):
            return None
        return match.start("value"), match.end("value"), REDACTED

    def in_refusal(self, match: re.Match[str]) -> Replacement | None:
        if not self._is_sensitive(match["name"]):
            return None
        shown = _string.sub(rf"\1{REDACTED}\1", match["rest"])
        return (*match.span("rest"), shown) if shown != match["rest"] else None

    def form_part(self, match: re.Match[str]) -> Replacement | None:
        if not self._is_sensitive(match["name"]):
            return None
        return match.end(), find_mark(_end_of_form_part, match.string, match.end()), REDACTED

    def validation_error(self, match: re.Match[str]) -> Replacement | None:
        if not any(self._is_sensitive(part) for part in match["name"].split(".")[:20]):
            return None
        if "[type=missing," in match[0]:
            return None  # the input is what the field is missing in
        return match.end(), find_mark(_end_of_validation_error, match.string, match.end()), REDACTED

    def value_after_name(self, match: re.Match[str]) -> Replacement | None:
        is_empty = match.string.startswith(('""', "''"), match.end())
        is_secret = not is_empty and self._is_sensitive(match["name"])
        return self.quoted_value(match) if is_secret else None

    def value_before_name(self, match: re.Match[str]) -> Replacement | None:
        end = self._find_value_end(match)
        named = _name_after_value.match(match.string, end)
        if named is None or not self._is_sensitive(named["name"]):
            self._budget.spend((end - match.end()) // 64)  # this part may be searched again
            return None
        return match.end(), end, redact_in_quotes(match.string[match.end() : end])

    def quoted_value(self, match: re.Match[str]) -> Replacement:
        end = self._find_value_end(match)
        return match.end(), end, redact_in_quotes(match.string[match.end() : end])

    def _find_value_end(self, match: re.Match[str]) -> int:
        return find_value_end(match.string, match.end(), self._budget)
