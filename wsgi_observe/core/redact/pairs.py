"""Names and their values in free text: ``key=value``, ``key: value``, JSON, headers, forms."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wsgi_observe.core.redact.names import Names
from wsgi_observe.core.redact.reach import end_of_value
from wsgi_observe.core.redact.words import REDACTED

_LONGEST_NAME = 128  # characters: of a longer run the end is looked at

_pair = re.compile(
    r"""
    (?<![\w%.$-])
    (?P<name>(?:[\w%$\[.-]|\\u[0-9a-fA-F]{4})(?:[\w%.$\[\]-]|\\u[0-9a-fA-F]{4})*+)
    (?P<quote>(?:\\*["'`])?)[)\]]?
    (?P<sign>[ \t]{0,8}(?:=>|:=|={1,3}|:)[ \t]{0,8}|,[ ](?=\\*["'b])|[ ]+)
    """,
    re.VERBOSE,
)
_before = re.compile(r"[\w]{1,32}(?:[ ]|-)(?:[\w]{1,32}[ ])?\Z")
_scheme = re.compile(r"(?:bearer|basic|digest|negotiate|token|apikey|aws4-[\w-]{1,20})[ ]+", re.I)
_header = re.compile(r"(?:authorization|cookie)\Z", re.I)
_end_of_header = re.compile(r"[\r\n]|\\[rn]")
_says_nothing = frozenset(
    {
        *("none", "null", "nil", "true", "false", "undefined", "is", "was", "are", "has", "not"),
        *("must", "should", "may", "cannot", "the", "this", "field", "invalid", "expired"),
        *("missing", "required", "incorrect", "wrong", "failed", "unexpected", "expected", "no"),
    }
)


def without_values(text: str, names: Names) -> str:
    """Return `text` with the values of sensitive names left out."""
    parts: list[str] = []
    position = kept = 0
    while found := _pair.search(text, position):
        span = _span(text, found, names)
        if span is None:
            # What follows the name may be a name itself.
            position = found.end("quote")
            continue
        start, end, shown = span
        parts += text[kept:start], shown
        position = kept = end
    return "".join([*parts, text[kept:]]) if parts else text


def _span(text: str, found: re.Match[str], names: Names) -> tuple[int, int, str] | None:
    """Return what to replace by what, None for a name that may stand with its value."""
    name, quote, sign = found["name"][-_LONGEST_NAME:], found["quote"], found["sign"]
    if not _joins(text, found, quote, sign):
        return None
    before = text[max(0, found.start() - 1) : found.start()]
    if not _is_sensitive(text, found, name, names, before if sign == "=" else ""):
        return None
    start = found.end()
    end = _end(text, start, name, before, sign)
    if end == start or (not quote and text[start:end].casefold() in _says_nothing):
        return None
    return start, end, _shown(text[start:end], quote)


def _joins(text: str, found: re.Match[str], quote: str, sign: str) -> bool:
    """Tell whether a name and what follows belong together."""
    if sign.isspace():
        return text.startswith("--", found.start())  # an option of a command
    if sign == ", ":
        return bool(quote)  # `('Cookie', 'a=b')`, or a command's arguments
    return True


def _is_sensitive(text: str, found: re.Match[str], name: str, names: Names, before: str) -> bool:
    if before and before in "?&" and names.in_a_query(name):
        return True
    if name in names:
        return True
    # `api key: …`, `"card number": …`
    words = _before.search(text, max(0, found.start() - 66), found.start())
    return words is not None and _ends_a_term(f"{words[0]}{name}", name, names)


def _ends_a_term(phrase: str, name: str, names: Names) -> bool:
    return f"{phrase.split()[-2:][0]} {name}" in names


def _end(text: str, start: int, name: str, before: str, sign: str) -> int:
    if _header.search(name) and ":" in sign and not text.startswith(('"', "'", "\\"), start):
        return _end_of_header_value(text, start, before)
    scheme = _scheme.match(text, start)
    return end_of_value(text, scheme.end() if scheme else start)


def _end_of_header_value(text: str, start: int, before: str) -> int:
    found = _end_of_header.search(text, start)
    end = found.start() if found else len(text)
    if before and before in "\"'`":
        closed = text.find(before, start, end)
        return end if closed < 0 else closed
    return end


def _shown(value: str, quote: str) -> str:
    """Return what stands for a value, in quotes where that keeps the text JSON."""
    opened = re.match(r"[bBrRuUfF]{0,2}(\\*[\"'`])", value)
    if opened is None:
        return f"{quote}{REDACTED}{quote}" if quote and not value.startswith(REDACTED) else REDACTED
    mark = opened[1]
    return f"{opened[0]}{REDACTED}{mark if value.endswith(mark) else ''}"


def names_in(text: str) -> Iterator[str]:
    """Yield every name that has a value in `text`."""
    return (found["name"] for found in _pair.finditer(text))
