"""Ends of values in free text: quoted, in brackets, or bare."""

from __future__ import annotations

import re

from wsgi_observe.redaction.budget import REDACTED, Budget

_MAX_LINE_LENGTH = 4096

_QUOTES = "\"'`"
_opening_quote = re.compile(r"[bfruBFRUN]{0,2}(\\*)([\"'`])")
_bracket_or_quote = re.compile(r"[\"'()\[\]{}]")
_header_ends = {mark: re.compile(rf"[\r\n{mark}]|\\[rn]") for mark in ("", *_QUOTES)}
_bare_value = re.compile(
    r"""(?:
        [^\s&,;"'`\\()\[\]{}<>]
      | [,;&](?![\s,;&"'`)\]}>]|$|[\w.%\[\]$-]{1,64}(?:[\"'])?[=:])
      | ["'`\\]++(?![\s,;:&)\]}>]|$)
      | [)\]}>]++(?![\s,;&"'`\\]|:(?:\s|$)|$)
      | <(?!/)
    )++""",
    re.VERBOSE,
)


def find_value_end(text: str, start: int, budget: Budget) -> int:
    """Return where the value that begins at `start` ends.

    A quote or bracket that is never closed, or not within the budget, extends to the end of the
    text: rather too much is redacted than half a secret shown.
    """
    if start >= len(text):
        return start
    if opened := _opening_quote.match(text, start):
        return _find_quoted_end(text, opened, len(text), budget)
    if text[start] in "([{":
        return _find_bracket_end(text, start, len(text), budget)
    if text[start] == "<" and (closed := text.find(">", start, _find_line_end(text, start))) >= 0:
        return closed + 1
    return _find_bare_end(text, start, budget)


def find_header_end(text: str, start: int, before: str) -> int:
    """Return where a header's value, which may have spaces, ends: with its line or its quotes.

    :param before: the character before the header's name.
    """
    return find_mark(_header_ends[before if before in _header_ends else ""], text, start)


def find_mark(mark: re.Pattern[str], text: str, start: int) -> int:
    """Return where the first match of `mark` begins, or else where the text ends."""
    match = mark.search(text, start)
    return match.start() if match else len(text)


def _find_quoted_end(text: str, opened: re.Match[str], limit: int, budget: Budget) -> int:
    """Return where a quoted text ends, which may itself be in a quoted text.

    At each level of nesting a quote has more backslashes before it: none, one, three, seven.
    """
    depth, mark = len(opened[1]), opened[2]
    if not depth and text.startswith(mark * 2, opened.end()):  # three of them
        closed = text.find(mark * 3, opened.end() + 2, limit)
        return limit if closed < 0 else closed + 3
    position = text.find(mark, opened.end(), limit)
    while position >= 0:
        first = max(_skip_backslashes_before(text, position), opened.end())
        before = position - first
        if before < depth:
            return first  # the enclosing text ends here
        if (before - depth) % (2 * (depth + 1)) == 0:
            return position + 1
        if not budget.spend(1 + before // 16):
            break
        position = text.find(mark, position + 1, limit)
    return limit


def redact_in_quotes(value: str, quote: str = "") -> str:
    """Return the replacement of a value, in quotes where that keeps the text JSON.

    :param quote: that of the value's name.
    """
    if opened := _opening_quote.match(value):
        closing = opened[1] + opened[2]
        return f"{opened[0]}{REDACTED}{closing if value.endswith(closing, opened.end()) else ''}"
    return f"{quote}{REDACTED}{quote}" if quote and value != REDACTED else REDACTED


def _find_bare_end(text: str, start: int, budget: Budget) -> int:
    position = start
    while position < len(text):
        match = _bare_value.match(text, position)
        if match is not None:
            position = match.end()
        elif text[position] in "([{":
            position = _find_bracket_end(text, position, _find_line_end(text, position), budget)
        else:
            return position
        if not budget.spend(1):
            return len(text)
    return position


def _find_bracket_end(text: str, start: int, limit: int, budget: Budget) -> int:
    depth, position = 0, start
    while match := _bracket_or_quote.search(text, position, limit):
        position = match.end()
        mark = match[0]
        if mark in "([{":
            depth += 1
        elif mark in ")]}":
            depth -= 1
            if depth == 0:
                return position
        elif not _is_apostrophe(text, match.start()):
            opened = _opening_quote.match(text, _skip_backslashes_before(text, match.start()))
            assert opened is not None
            position = _find_quoted_end(text, opened, limit, budget)
        if not budget.spend(1):
            return len(text)
    return limit


def _is_apostrophe(text: str, position: int) -> bool:
    around = text[position - 1 : position] + text[position + 1 : position + 2]
    return text[position] == "'" and len(around) == 2 and around.isalpha()


def _skip_backslashes_before(text: str, position: int) -> int:
    while position > 0 and text[position - 1] == "\\":
        position -= 1
    return position


def _find_line_end(text: str, start: int) -> int:
    # Bounded: searching a line without an end for each of its words would take quadratic time.
    end = text.find("\n", start, start + _MAX_LINE_LENGTH)
    return min(len(text), start + _MAX_LINE_LENGTH) if end < 0 else end
