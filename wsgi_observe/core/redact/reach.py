"""How far a value reaches in free text: a quoted one, a bracketed one, a bare one."""

from __future__ import annotations

import re

from wsgi_observe.core.redact.search import Budget

_LONGEST_LINE = 4096

_QUOTES = "\"'`"
_opening = re.compile(r"[bfruBFRUN]{0,2}(\\*)([\"'`])")
_in_brackets = re.compile(r"[\"'()\[\]{}]")
_ends_of_header = {mark: re.compile(rf"[\r\n{mark}]|\\[rn]") for mark in ("", *_QUOTES)}
_bare = re.compile(
    r"""(?:
        [^\s&,;"'`\\()\[\]{}<>]
      | [,;&](?![\s,;&"'`)\]}>]|$|[\w.%\[\]$-]{1,64}(?:[\"'])?[=:])
      | ["'`\\]++(?![\s,;:&)\]}>]|$)
      | [)\]}>]++(?![\s,;&"'`\\]|:(?:\s|$)|$)
      | <(?!/)
    )++""",
    re.VERBOSE,
)


def end_of_value(text: str, start: int, budget: Budget) -> int:
    """Return where the value that begins at `start` ends.

    What opens and never closes reaches to the end of the text, and so does what takes more than
    the budget: better too much than half.
    """
    if start >= len(text):
        return start
    if opened := _opening.match(text, start):
        return end_of_quoted(text, opened, len(text), budget)
    if text[start] in "([{":
        return _end_of_brackets(text, start, len(text), budget)
    if text[start] == "<" and (closed := text.find(">", start, _end_of_line(text, start))) >= 0:
        return closed + 1
    return _end_of_bare(text, start, budget)


def end_of_header(text: str, start: int, before: str) -> int:
    """Return where a header's value ends, which holds spaces: with its line, or its quotes.

    :param before: the character before the header's name.
    """
    found = _ends_of_header[before if before in _ends_of_header else ""].search(text, start)
    return found.start() if found else len(text)


def end_of_quoted(text: str, opened: re.Match[str], limit: int, budget: Budget) -> int:
    """Return where a quoted text ends, which may be quoted in another one.

    At each level a quote has more backslashes before it: none, one, three, seven.
    """
    depth, mark = len(opened[1]), opened[2]
    if not depth and text.startswith(mark * 2, opened.end()):  # three of them
        closed = text.find(mark * 3, opened.end() + 2, limit)
        return limit if closed < 0 else closed + 3
    position = text.find(mark, opened.end(), limit)
    while position >= 0:
        first = max(_before_backslashes(text, position), opened.end())
        before = position - first
        if before < depth:
            return first  # what it is part of ends here
        if (before - depth) % (2 * (depth + 1)) == 0:
            return position + 1
        if not budget.take(1 + before // 16):
            break
        position = text.find(mark, position + 1, limit)
    return limit


def _end_of_bare(text: str, start: int, budget: Budget) -> int:
    position = start
    while position < len(text):
        found = _bare.match(text, position)
        if found is not None:
            position = found.end()
        elif text[position] in "([{":
            position = _end_of_brackets(text, position, _end_of_line(text, position), budget)
        else:
            return position
        if not budget.take(1):
            return len(text)
    return position


def _end_of_brackets(text: str, start: int, limit: int, budget: Budget) -> int:
    depth, position = 0, start
    while found := _in_brackets.search(text, position, limit):
        position = found.end()
        mark = found[0]
        if mark in "([{":
            depth += 1
        elif mark in ")]}":
            depth -= 1
            if depth == 0:
                return position
        elif not _is_apostrophe(text, found.start()):
            opened = _opening.match(text, _before_backslashes(text, found.start()))
            assert opened is not None
            position = end_of_quoted(text, opened, limit, budget)
        if not budget.take(1):
            return len(text)
    return limit


def _is_apostrophe(text: str, position: int) -> bool:
    around = text[position - 1 : position] + text[position + 1 : position + 2]
    return text[position] == "'" and len(around) == 2 and around.isalpha()


def _before_backslashes(text: str, position: int) -> int:
    while position > 0 and text[position - 1] == "\\":
        position -= 1
    return position


def _end_of_line(text: str, start: int) -> int:
    # No further: who has a line without an end looked through for each word of it waits long.
    end = text.find("\n", start, start + _LONGEST_LINE)
    return min(len(text), start + _LONGEST_LINE) if end < 0 else end
