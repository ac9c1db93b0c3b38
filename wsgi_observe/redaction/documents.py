"""Values in documents: XML and HTML, forms, ``{"name": …, "value": …}``, validators, SQL."""

from __future__ import annotations

import re
from functools import partial

from wsgi_observe.redaction.budget import REDACTED
from wsgi_observe.redaction.search import Replacement, Search
from wsgi_observe.redaction.sensitive_names import NAME_KEYS, VALUE_KEYS
from wsgi_observe.redaction.value_ends import find_mark

_MAX_ELEMENT_LENGTH = 16 * 1024  # characters of an element
_STEPS_WITHOUT_END = 16  # steps to search that many for an end that is not there

_quote = r"""(?:\\*["'`])?"""
_name_keys = "|".join(NAME_KEYS)
_value_keys = "|".join(VALUE_KEYS)
_VALUE_KEYS_WITH_SIGN = tuple(f"{key}{sign}" for key in VALUE_KEYS for sign in "\"'\\=:")
_newline = r"(?:\r?\n|(?:\\r)?\\n)"
_name = r"(?P<name>[\w.%$\[\]:/-]{1,128}+)"
# A property list, Hadoop's configuration: `<key>password</key><string>…</string>`.
_named_element = re.compile(
    r"<(?P<tag>key|name)>\s{0,40}(?P<name>[\w.:-]{1,128}+)\s{0,40}</(?P=tag)>\s{0,40}"
    r"<(?P<other>string|value|val|data|content|integer)>",
    re.IGNORECASE,
)
_element = re.compile(
    r"(?:<|&lt;)(?P<name>[A-Za-z_][\w.:-]{0,127}+)(?P<attributes>(?:\s[^<>]{0,256})?+)(?<!/)(?:>|&gt;)"
)
_tag = re.compile(r"<[A-Za-z][\w.:-]{0,63}+(?P<attributes>\s[^<>]{1,1024}+)")
# Pydantic's errors as data: `'loc': ('body', 'token'), … 'input': …`
_input_of = re.compile(
    r"([\"'])loc\\*\1\s?:\s?[\[(](?P<names>[^\[\](){}]{1,200}+)[\])][^{}]{1,400}?"
    r"\1input\\*\1\s?:\s?"
)
# And as text: the field on one line, and on the next `… [type=string_type, input_value='…',`.
_validation_error = re.compile(
    r"^(?P<names>[\w.\[\]-]{1,128}+)\n  [^\n]{0,400}?\[type=\w{1,64}, input_value="
    r"(?P<value>(?:(?!, input_type=)[^\n])*+)",
    re.MULTILINE,
)
# RFC 7578: the value follows the blank line that ends the part's headers.
_form_part = re.compile(
    rf"(?<![\w-])name={_quote}(?P<name>[\w.%$\[\]-]{{1,128}}+){_quote}[^\r\n\\]{{0,200}}"
    rf"(?:{_newline}[^\r\n\\]{{1,200}}){{0,3}}{_newline}{_newline}"
)
_end_of_form_part = re.compile(rf"{_newline}--")
# `"name": "DB_PASSWORD", "value": "…"`, as in a container's environment and in HAR files, also in
# YAML; `<input name="password" type="text" value="…">`.
_name_first = re.compile(
    rf"(?<![\w-])(?:parameter)?(?:{_name_keys}){_quote}\s{{0,4}}[:=]\s{{0,4}}{_quote}{_name}"
    rf"{_quote}\s{{0,40}}+,?(?:\s{{0,40}}+\\*[\"'][\w-]{{1,20}}+\\*[\"']\s?:\s?\\*[\"'][^\"'<>]{{0,64}}+[\"'],){{0,3}}(?:\s{{0,40}}+[\w-]{{1,20}}+=[\"'][^\"'<>]{{0,64}}+[\"']){{0,3}}\s{{0,40}}+"
    rf"{_quote}(?:parameter)?(?:{_value_keys}){_quote}\s{{0,4}}[:=]\s{{0,4}}+(?!\"\"|'')",
    re.IGNORECASE,
)
_value_first = re.compile(
    rf"(?<![\w-])(?:{_value_keys})(?=\\*[\"']|=){_quote}\s{{0,4}}[:=]\s{{0,4}}(?=\\*[\"'])",
    re.IGNORECASE,
)
sql_password = re.compile(
    r"\b(?:password|identified\s{1,8}(?:with\s{1,8}\w{1,64}\s{1,8})?by(?:\s{1,8}password)?)(?:\s{1,8}|\s{0,8}\(\s{0,8})(?=')",
    re.I,
)
_inserted = re.compile(
    r"\binto\s{1,8}[\w.\"`\[\]]{1,128}+\s{0,8}\((?P<columns>[^()]{1,2000})\)\s{0,8}values\s{0,8}(?=\()",
    re.I,
)
# MySQL: `Duplicate entry 'a' for key 'user.token'`, `Data too long for column 'token'`.
_for_column = re.compile(
    r"'(?P<value>[^'\n]{1,512}+)' for (?:key|column) '(?P<name>[^'\n]{1,128}+)'"
)
# attrs: `'password' must match regex 'a+' ('b' doesn't)`.
_refused_value = re.compile(
    r"'(?P<name>[\w.-]{1,128}+)' (?:must|should|cannot)\b(?P<rest>[^\n]{1,1000}+)"
)
beside_quotes = re.compile(
    rf"{sql_password.pattern}|values\s{{0,8}}\(|\bin[ ]?\('|' (?:for|must|should|cannot)\b", re.I
)


def redact_documents(text: str, search: Search) -> str:
    """Return `text` without values that are joined to their names by a document's structure."""
    folded, replace = text.lower(), search.replace_matches
    if "</" in text or "&lt;/" in text:
        text = replace(text, _named_element, partial(_replace_in_named_element, search))
        text = replace(text, _element, partial(_replace_element, search))
    if "<" in text:
        text = replace(text, _tag, partial(_replace_in_tag, search))
    if "loc" in folded and "input" in folded:
        text = replace(text, _input_of, partial(_replace_input, search))
    if "input_value=" in text:
        text = replace(text, _validation_error, partial(_replace_invalid_input, search))
    if "form-data" in folded:
        text = replace(text, _form_part, partial(_replace_form_part, search))
    if ("val" in folded or "content" in folded or "input" in folded) and any(
        map(folded.__contains__, _VALUE_KEYS_WITH_SIGN)
    ):
        text = replace(text, _name_first)
        text = replace(text, _value_first, partial(_replace_value_before_name, search))
    return _redact_quoted_values(text, folded, search) if "'" in text else text


def _redact_quoted_values(text: str, folded: str, search: Search) -> str:
    replace = search.replace_matches
    if "password" in folded or "identified" in folded:
        text = replace(text, sql_password, search.replace_following)
    if "values" in folded:
        text = replace(text, _inserted, partial(_replace_in_rows, search))
    if "' for " in text:
        text = replace(text, _for_column)
    if "' must" in text or "' should" in text or "' cannot" in text:
        text = replace(text, _refused_value, partial(_replace_in_refusal, search))
    return text


_attribute = re.compile(r"([\w:-]{1,32})\s?=\s?(\\*[\"'])((?:(?!\2).){0,512})\2", re.DOTALL)
_NAMING = frozenset({"name", "id", "key", "type", "property", "itemprop", "data-name"})
_HOLDING = frozenset({"value", "content"})
_only_child = re.compile(r"\s*<(\w{1,32})>([^<>]+)</\1>\s*")
_next_tag = re.compile("<")
_words = re.compile(r"\s*[^\W\d_]+(?:\s+[^\W\d_]+)+\s*")


def _replace_element(search: Search, match: re.Match[str]) -> Replacement | None:
    is_named = search.is_sensitive(match["name"].rpartition(":")[2])
    has_name = "name" in match["attributes"] or "key" in match["attributes"]
    if not is_named and not (has_name and _has_sensitive_name(search, match)):
        return None
    text, start = match.string, match.end()
    closing = "&lt;/" if match[0].startswith("&lt;") else "</"
    end = _find_closing(search, text, f"{closing}{match['name']}", start)
    if end <= start or not text[start:end].strip():
        return None
    if not is_named and (inner := _only_child.fullmatch(text, start, end)):
        return inner.start(2), inner.end(2), REDACTED
    if not is_named and ("<" in (shown := text[start:end]) or _words.fullmatch(shown)):
        return None  # a form, a button
    return start, end, REDACTED


def _replace_in_named_element(search: Search, match: re.Match[str]) -> Replacement | None:
    if not search.is_sensitive(match["name"]):
        return None
    text, start = match.string, match.end()
    end = _find_closing(search, text, f"</{match['other']}", start)
    if end < 0:  # the text is cut within the value
        end = find_mark(_next_tag, text, start)
    return (start, end, REDACTED) if end > start else None


def _find_closing(search: Search, text: str, tag: str, start: int) -> int:
    """Return where an element ends, -1 if it is not near."""
    end = text.find(tag, start, start + _MAX_ELEMENT_LENGTH)
    search.budget.spend((end - start) // 1024 if end >= 0 else _STEPS_WITHOUT_END)
    return end


def _replace_in_tag(search: Search, match: re.Match[str]) -> Replacement | None:
    """Replace a value by the tag's other attributes, in any order."""
    if not _has_sensitive_name(search, match):
        return None
    for one in _attribute.finditer(match.string, *match.span("attributes")):
        if one[1].lower() in _HOLDING and one[3]:
            return one.start(3), one.end(3), REDACTED
    return None


def _has_sensitive_name(search: Search, match: re.Match[str]) -> bool:
    attributes = _attribute.findall(match["attributes"])
    return any(
        name.lower() in _NAMING and search.is_sensitive(value) for name, _, value in attributes[:20]
    )


def _replace_input(search: Search, match: re.Match[str]) -> Replacement | None:
    names = [name.strip("\\\"' ") for name in match["names"].split(",")[:20]]
    is_parent = "'missing'" in match[0] or '"missing"' in match[0]
    if is_parent or not any(map(search.is_sensitive, names)):
        return None
    is_none = match.string.startswith(("null", "None"), match.end())
    return None if is_none else search.replace_following(match)


def _replace_invalid_input(search: Search, match: re.Match[str]) -> Replacement | None:
    if not any(map(search.is_sensitive, match["names"].split(".")[:20])):
        return None
    # The input is what the field is missing in.
    return None if "[type=missing," in match[0] else (*match.span("value"), REDACTED)


def _replace_form_part(search: Search, match: re.Match[str]) -> Replacement | None:
    if not search.is_sensitive(match["name"]):
        return None
    return match.end(), find_mark(_end_of_form_part, match.string, match.end()), REDACTED


_name_after_value = re.compile(
    rf"\s{{0,4}},?\s{{0,40}}{_quote}(?:{_name_keys}){_quote}\s{{0,4}}[:=]\s{{0,4}}"
    rf"{_quote}{_name}{_quote}(?![\w-])",
    re.IGNORECASE,
)


def _replace_value_before_name(search: Search, match: re.Match[str]) -> Replacement | None:
    start, end, shown = search.replace_following(match)
    named = _name_after_value.match(match.string, end)
    if named is None or not search.is_sensitive(named["name"]):
        search.budget.spend((end - start) // 64)  # this part may be searched again
        return None
    return start, end, shown


_sql = re.compile(r"'(?:[^'\\]|''|\\.)*+'?|[(),]|\s++|[^'(),\s]++", re.DOTALL)


def _replace_in_rows(search: Search, match: re.Match[str]) -> Replacement | None:
    """Replace values by their columns: ``INSERT INTO a (b, token) VALUES (1, 'x')``."""
    columns = match["columns"].split(",")
    hidden = [search.is_sensitive(one.strip(' \t\n"`[]')) for one in columns]
    if not any(hidden):
        return None
    text, shown = match.string, list[str]()
    depth = column = 0
    for part in _sql.finditer(text, match.end()):
        token = part[0]
        if not depth and token not in ("(", ",") and not token.isspace():
            return match.end(), part.start(), "".join(shown)
        if not search.budget.spend(1):
            shown.append(search.budget.append_cut_marker("", len(text) - part.start()))
            break
        if depth == 1 and token[0] == "'" and column < len(hidden) and hidden[column]:
            token = f"'{REDACTED}'"
        depth += (token == "(") - (token == ")")
        column = 0 if depth == 0 else column + (token == "," and depth == 1)
        shown.append(token)
    return match.end(), len(text), "".join(shown)


_string = re.compile(r"(?<![\w\\])(\\*[\"'])(?=\w|[^\w\s])((?:(?!\1).){1,512}?)\1(?!\w)")


def _replace_in_refusal(search: Search, match: re.Match[str]) -> Replacement | None:
    if not search.is_sensitive(match["name"]):
        return None
    shown = _string.sub(rf"\1{REDACTED}\1", match["rest"])
    return (*match.span("rest"), shown) if shown != match["rest"] else None
