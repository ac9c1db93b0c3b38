"""Values whose name is an element, an attribute or a key of its own: XML, forms, JSON, SQL."""

from __future__ import annotations

import re

from wsgi_observe.core.redact.names import Names
from wsgi_observe.core.redact.reach import end_of_value
from wsgi_observe.core.redact.search import Budget, Span, replaced
from wsgi_observe.core.redact.words import REDACTED

_LONGEST = 16 * 1024  # characters of an element, of a part of a form

VALUES = ("value", "val", "content", "input")
"""What the value is called where its name has a key of its own."""

_KEYS_OF_VALUES = tuple(f"{key}{sign}" for key in VALUES for sign in "\"'\\=:")

_opening = re.compile(r"\\*[\"'`]")
_quote = r"""(?:\\*["'`])?"""
_values = "|".join(VALUES)
_newline = r"(?:\r?\n|(?:\\r)?\\n)"
_name = r"(?P<name>[\w.%$\[\]:/-]{1,128}+)"
# `"name": "DB_PASSWORD", "value": "…"`, as in a container's environment and in HAR files, also in
# YAML; `<input name="password" type="text" value="…">`.
_name_first = re.compile(
    rf"(?<![\w-])(?:parameter)?(?:name|key|field|header|param){_quote}\s{{0,4}}[:=]\s{{0,4}}{_quote}{_name}"
    rf"{_quote}\s{{0,40}}+,?(?:\s{{0,40}}+\\*[\"'][\w-]{{1,20}}+\\*[\"']\s?:\s?\\*[\"'][^\"'<>]{{0,64}}+[\"'],){{0,3}}(?:\s{{0,40}}+[\w-]{{1,20}}+=[\"'][^\"'<>]{{0,64}}+[\"']){{0,3}}\s{{0,40}}+"
    rf"{_quote}(?:parameter)?(?:{_values}){_quote}\s{{0,4}}[:=]\s{{0,4}}",
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
_end_of_part = re.compile(rf"{_newline}--|\Z")
# Pydantic: the place on one line, and on the next `… [type=string_too_short, input_value='…',`.
_validated = re.compile(
    r"^(?P<name>[\w.\[\]-]{1,128}+)\n  [^\n]{0,400}?\[type=\w{1,64}, input_value=", re.MULTILINE
)
_end_of_validated = re.compile(r", input_type=|\n|\Z")
_input_of = re.compile(
    r"([\"'])loc\\*\1\s?:\s?[\[(](?P<names>[^\[\](){}]{1,200}+)[\])][^{}]{1,400}?"
    r"\1input\\*\1\s?:\s?"
)
in_sql = re.compile(
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
_refused = re.compile(
    r"'(?P<name>[\w.-]{1,128}+)' (?:must|should|cannot)\b(?P<rest>[^\n]{1,1000}+)"
)
_string = re.compile(r"(?<![\w\\])(\\*[\"'])(?=\w|[^\w\s])((?:(?!\1).){1,512}?)\1(?!\w)")
beside_quotes = re.compile(
    rf"{in_sql.pattern}|values\s{{0,8}}\(|\bin[ ]?\('|' (?:for|must|should|cannot)\b", re.I
)


def without_documents(text: str, names: Names, budget: Budget) -> str:
    """Return `text` without the values that no sign joins to their names."""
    folded = text.lower()
    search = _Search(names, budget)
    if "</" in text or "&lt;/" in text:
        text = replaced(text, _named_element, search.in_named_element, budget)
        text = replaced(text, _element, search.in_element, budget)
    if "<" in text:
        text = replaced(text, _tag, search.in_tag, budget)
    if "loc" in folded and "input" in folded:
        text = replaced(text, _input_of, search.in_errors, budget)
    if "input_value=" in text:
        text = replaced(text, _validated, search.validated, budget)
    if "form-data" in folded:
        text = replaced(text, _form_part, search.in_part, budget)
    if ("val" in folded or "content" in folded or "input" in folded) and any(
        map(folded.__contains__, _KEYS_OF_VALUES)
    ):
        text = replaced(text, _name_first, search.behind_its_name, budget)
        text = replaced(text, _value_first, search.before_its_name, budget)
    return _without_quoted(text, folded, search, budget) if "'" in text else text


def _without_quoted(text: str, folded: str, search: _Search, budget: Budget) -> str:
    if "password" in folded or "identified" in folded:
        text = replaced(text, in_sql, search.in_sql, budget)
    if "values" in folded:
        text = replaced(text, _inserted, search.in_rows, budget)
    if "' for " in text:
        text = replaced(text, _for_column, search.before_its_column, budget)
    if "' must" in text or "' should" in text or "' cannot" in text:
        text = replaced(text, _refused, search.in_refusal, budget)
    return text


class _Search:
    """What to replace by what, for a match of each kind; None for what stays."""

    def __init__(self, names: Names, budget: Budget) -> None:
        self._names = names
        self._budget = budget
        self._text = ""
        self._closings: dict[str, int] = {}

    def in_element(self, found: re.Match[str]) -> Span | None:
        is_named = self._names.judge(found["name"].rpartition(":")[2], self._budget)
        has_name = "name" in found["attributes"] or "key" in found["attributes"]
        if not is_named and not (has_name and self._names_in(found)):
            return None
        start = found.end()
        closing = "&lt;/" if found[0].startswith("&lt;") else "</"
        end = self._closing(found.string, f"{closing}{found['name']}", start)
        if end <= start or not found.string[start:end].strip():
            return None
        if not is_named and (inner := _only_child.fullmatch(found.string, start, end)):
            return inner.start(2), inner.end(2), REDACTED
        if not is_named and ("<" in (shown := found.string[start:end]) or _words.fullmatch(shown)):
            return None  # a form, a button
        return start, end, REDACTED

    def _closing(self, text: str, tag: str, start: int) -> int:
        """Return where an element ends, -1 if nowhere near; a text is looked through once."""
        if text is not self._text:
            self._text = text
            self._closings.clear()
        end = self._closings.get(tag, 0)
        if 0 <= end < start:
            end = self._closings[tag] = text.find(tag, start)
        return end if end - start <= _LONGEST else -1

    def in_named_element(self, found: re.Match[str]) -> Span | None:
        if not self._names.judge(found["name"], self._budget):
            return None
        start = found.end()
        end = self._closing(found.string, f"</{found['other']}", start)
        return (start, end, REDACTED) if end > start else None

    def in_tag(self, found: re.Match[str]) -> Span | None:
        """Look at all attributes of a tag: their order says nothing."""
        if not self._names_in(found):
            return None
        for one in _attribute.finditer(found.string, *found.span("attributes")):
            if one[1].lower() in _HOLDING and one[3]:
                return one.start(3), one.end(3), REDACTED
        return None

    def _names_in(self, found: re.Match[str]) -> bool:
        attributes = _attribute.findall(found["attributes"])
        return any(
            name.lower() in _NAMING and self._names.judge(value, self._budget)
            for name, _, value in attributes[:20]
        )

    def in_errors(self, found: re.Match[str]) -> Span | None:
        """Leave out what pydantic quotes, under its place: `'loc': ('body', 'token'), …`."""
        names = [name.strip("\\\"' ") for name in found["names"].split(",")[:20]]
        is_parent = "'missing'" in found[0] or '"missing"' in found[0]
        if is_parent or not any(self._names.judge(name, self._budget) for name in names):
            return None
        is_none = found.string.startswith(("null", "None"), found.end())
        return None if is_none else self.in_sql(found)

    def in_rows(self, found: re.Match[str]) -> Span | None:
        """Leave out values in SQL by their columns: `INSERT INTO a (b, token) VALUES (1, 'x')`."""
        columns = found["columns"].split(",")
        hidden = [self._names.judge(one.strip(' \t\n"`[]'), self._budget) for one in columns]
        if not any(hidden):
            return None
        shown, end = self._rows(found.string, found.end(), hidden)
        return found.end(), end, shown

    def _rows(self, text: str, start: int, hidden: list[bool]) -> tuple[str, int]:
        shown: list[str] = []
        depth = column = 0
        for part in _sql.finditer(text, start):
            token = part[0]
            if not depth and token not in ("(", ",") and not token.isspace():
                return "".join(shown), part.start()
            if not self._budget.take(1):
                break
            if depth == 1 and token[0] == "'" and column < len(hidden) and hidden[column]:
                token = f"'{REDACTED}'"
            depth += (token == "(") - (token == ")")
            column = 0 if depth == 0 else column + (token == "," and depth == 1)
            shown.append(token)
        else:
            return "".join(shown), len(text)
        return "".join(shown), len(text)

    def before_its_column(self, found: re.Match[str]) -> Span | None:
        if not self._names.judge(found["name"], self._budget):
            return None
        return found.start("value"), found.end("value"), REDACTED

    def in_refusal(self, found: re.Match[str]) -> Span | None:
        if not self._names.judge(found["name"], self._budget):
            return None
        shown = _string.sub(rf"\1{REDACTED}\1", found["rest"])
        return (*found.span("rest"), shown) if shown != found["rest"] else None

    def in_part(self, found: re.Match[str]) -> Span | None:
        if not self._names.judge(found["name"], self._budget):
            return None
        ended = _end_of_part.search(found.string, found.end())
        return found.end(), ended.start() if ended else len(found.string), REDACTED

    def validated(self, found: re.Match[str]) -> Span | None:
        if not any(self._names.judge(part, self._budget) for part in found["name"].split(".")[:20]):
            return None
        if "[type=missing," in found[0]:
            return None  # the input is what it is missing in
        ended = _end_of_validated.search(found.string, found.end())
        return found.end(), ended.start() if ended else len(found.string), REDACTED

    def behind_its_name(self, found: re.Match[str]) -> Span | None:
        is_empty = found.string.startswith(('""', "''"), found.end())
        is_secret = not is_empty and self._names.judge(found["name"], self._budget)
        return self.in_sql(found) if is_secret else None

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
