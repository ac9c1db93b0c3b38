"""Names and their values in free text: ``key=value``, ``key: value``, JSON, headers, options."""

from __future__ import annotations

import re
from functools import lru_cache

from wsgi_observe.core.redact.languages import folded
from wsgi_observe.core.redact.names import Names
from wsgi_observe.core.redact.ordinary import is_file, is_literal, is_ordinary, is_plain_number
from wsgi_observe.core.redact.reach import end_of_header, end_of_value
from wsgi_observe.core.redact.search import Budget, Span, replaced
from wsgi_observe.core.redact.words import ENDS_A_TERM, REDACTED

_LONGEST_NAME = 128  # characters: of a longer run the end is looked at
_LONGEST_FRAME = 1024  # characters, of those that are remembered
_MOST_FRAMES = 1024
_LONGEST_BEFORE = 64  # characters of the words before a name
_SHORTEST = 3  # characters of a name with its value

# Begins only where a run of a name's characters does, and takes few brackets: whatever else stands
# there, each character is looked at a few times at most.
_marks = r"\u0300-\u036f\u064b-\u065f\u0900-\u0e7f"  # on letters, which are none themselves
_blanks = r"[ \t\xa0]{0,64}+"
_run = rf"(?:[\w%.${_marks}-]|\\u[0-9a-fA-F]{{4}})"
_pair = re.compile(
    rf"""
    (?<![\w%.${_marks}-])(?!(?<=\\)u[0-9a-fA-F]{{4}})
    (?P<name>{_run}++(?:\[{_run}*+\]?{_run}*+){{0,3}}+\]?)
    (?P<quote>(?:\\*["'`])?)[)\]]?
    # Also a comma: behind a header as it is listed, ('Cookie', 'a=b'), or a command's option.
    (?P<sign>
        {_blanks}
        (?:(?:is|was|lautet|ist|est)[ ]?:|[=-]>|:=|={{1,3}}|::(?=[ ])|:(?!:)|[\uff1a\uff1d])
        {_blanks}
        (?:(?<==>)\s{{0,40}}string\(\d{{1,9}}\)[ ](?="))?  # PHP's var_dump()
      | ;s:\d{{1,9}}:(?=\\*["'])  # and serialize()
      | [ ](?:is|was)[ ]
      | [ ](?:IN|in)[ ]?\((?=['"])
      | [ ](?=["'])
      | (?<=["'`]),[ ]?(?=b?\\*["'`])
    )
    """,
    re.VERBOSE,
)
_listed = re.compile(r"(?:\(b?|\[[ ]?\[b?|\][)]?,[ ]?\[b?)\\*[\"'`][^\"'`(\[]*\Z|--[\w%-]*\Z")
_option = re.compile(r"(?<![\w%-])--(?P<name>\w[\w%-]*+)(?P<quote>)(?P<sign>[ ]+)(?!-)")
_scheme = re.compile(
    r"(?:bearer|basic|digest|negotiate|token|apikey|aws4-[\w-]{1,20})[ ]+(?![a-z_]+=[\w\"'])"
    r"|[&!][\w-]{1,32}[ ]+",
    re.I,
)
_spaced = re.compile(
    r"(?P<header>(?:authorization|cookies?)\Z)|(?P<phrase>phrase\Z)"
    r"|(?P<number>card|iban|number|account|ssn)",
    re.IGNORECASE,
)
_groups = re.compile(r"(?:[A-Za-z]{2})?\d{2,6}(?:[ -]\d{2,6}(?!\w))+")
# A query within a query: `next=%2Fback%3Ftoken%3D…`
_encoded = re.compile(
    r"(?:%(?:25)?(?:3F|26|22|27|2C)|[?&]|(?<![\w.~%-])(?=\w))"
    r"(?P<name>(?:[\w.~-]|%(?!(?:25)?(?:3D|26|23|3F|22|27|3A|2C))[0-9A-F]{2})++)(?P<quote>)"
    r"(?P<sign>%(?:25)?3D|"
    r"%(?:25)?2[27](?:%(?:25)?20|[+])*+%(?:25)?3A(?:%(?:25)?20|[+])*+%(?:25)?2[27])",
    re.IGNORECASE,
)
_end_of_encoded = re.compile(r"%(?:25)?(?:2[2367]|7D)|[&\s\"'<>]|\Z", re.IGNORECASE)
# `password 'a1b2'`, `the token is a1b2`: a value only if it looks like one.
_after_is = re.compile(r"(?=\w*\d)(?=\w*[^\W\d_])[\w$!#%+/=@.-]{6,}[\w$!#%+/=@-]|\d{4,}+(?![ ]\w)")
_apposed = re.compile(
    r"([\"'])(?=[^\"']{0,63}[\d$!#%+=@])(?=[^\"']{0,63}\w)([^\s\"'/<>(){}:]{4,64}+)\1(?!\w)"
)
_metavariable = re.compile(r"[A-Z_]{2,8}(?![\w-])")
_end_of_string = re.compile(r"[\"'](?=\s|[,)\]]|\Z)")
# In `auth: backend=ldap` the value is another name with its own.
_another_pair = re.compile(r"[a-z]\w{0,31}=\w|[A-Za-z][A-Za-z_.]{0,63}:(?=\s)")
# A value alone on the line below its name; a word of prose, or another name, is none.
_line = (
    r"(?![^\s:]*:(?:\s|\Z))"
    r"(?=\S*(?:[\d_$%!#+/=@]|[a-z][A-Z]|[A-Z]{9}|-\S{1,64}-|[a-z]{11}))[^\s<>]{6,256}"
)
_below = re.compile(
    rf"(?:[|>][+-]?)?\r?\n[ \t]{{0,40}}(?:-[ ])?"
    rf"({_line}(?:\r?\n[ \t]{{0,40}}-[ ]{_line}){{0,50}})(?=\r?\n|\Z)"
)
_opening = re.compile(r"[bfruBFRUN]{0,2}(\\*[\"'`])")
# A frame of a traceback: the code in it may open what it never closes.
_frame = re.compile(r'^[ |+-]*  File "[^"\n]*", line \d[^\n]*(?:\n[ |]*    [^\n]*)*+', re.MULTILINE)


def without_values(text: str, names: Names, budget: Budget) -> str:
    """Return `text` with the values of sensitive names left out."""
    if '  File "' not in text:
        return _without_values(text, names, budget)
    pieces: list[tuple[str, bool]] = []
    end = 0
    for frame in _frame.finditer(text):
        pieces += (text[end : frame.start()], False), (frame[0], True)
        end = frame.end()
    shown = [_without_values(text[end:], names, budget)]
    # From the end, which has the exception's own line: where a budget runs out, the rest is cut.
    for piece, is_frame in reversed(pieces):
        search = _without_values_in_frame if is_frame else _without_values
        shown.append(search(piece, names, budget))
    return "".join(reversed(shown))


def _without_values_in_frame(frame: str, names: Names, budget: Budget) -> str:
    """Do it once for each line of code that failures pass: it is the same each time."""
    shown = names.frames.get(frame)
    if shown is not None:
        budget.take(1)
        return shown
    budget.take(10)
    shown = _without_values(frame, names, budget, in_code=True)
    if budget.steps >= 0 and len(frame) <= _LONGEST_FRAME:
        if len(names.frames) >= _MOST_FRAMES:
            names.frames.clear()
        names.frames[frame] = shown
    return shown


def _without_values(text: str, names: Names, budget: Budget, *, in_code: bool = False) -> str:
    if len(text) < _SHORTEST:
        return text

    def value_of(found: re.Match[str]) -> Span | None:
        if in_code:
            budget.steps -= 4
            if not is_literal(found.string, found.end()):
                return None
        return _value_of(found, names, budget)

    text = replaced(text, _pair, value_of, budget)
    if "--" in text:
        text = replaced(text, _option, value_of, budget)
    return replaced(text, _encoded, value_of, budget) if "%3" in text or "%25" in text else text


def _value_of(found: re.Match[str], names: Names, budget: Budget) -> Span | None:
    """Return what to replace by what, None for a name that may stand with its value."""
    name, quote = found["name"][-_LONGEST_NAME:], found["quote"]
    if found["sign"] in (",", ", ") and not _is_listed(found):
        return None
    if found.re is _pair and found["sign"] in (" is ", " was ", " "):
        return _loosely_joined(found, names, budget)
    if is_file(name, found["sign"]):
        return None
    if not _is_sensitive(found, name, names, budget):
        return None
    budget.steps -= 3
    text, start = found.string, found.end()
    if _is_no_value(found, name):
        return None
    end = _end(found, name, budget)
    # YAML has `|` or `>` where the value is below.
    if (end - start <= 2) and (below := _below.match(text, start)):
        return None if is_plain_number(below[1]) else (below.start(1), below.end(1), REDACTED)
    if end == start or is_ordinary(found, end, name, names):
        return None
    return start, end, _shown(text[start:end], quote)


def _loosely_joined(found: re.Match[str], names: Names, budget: Budget) -> Span | None:
    """Return what to replace of a value that no sign marks, where it looks like a secret."""
    text, start, name = found.string, found.end(), found["name"][-_LONGEST_NAME:]
    if found["quote"]:
        return None
    if value := _apposed.match(text, start):
        span = value.start(2), value.end(2), REDACTED
    elif found["sign"] != " " and (value := _after_is.match(text, start)):
        if value[0].isdigit() and not names.hides_numbers(name):
            return None
        span = value.start(), value.end(), REDACTED
    else:
        return None
    return span if _is_sensitive(found, name, names, budget) else None


def _is_no_value(found: re.Match[str], name: str) -> bool:
    """Return whether what follows is no value: the end of a string, a help text, another pair."""
    text, start, sign = found.string, found.end(), found["sign"]
    if "->" in sign and (text[found.end("quote")] == ")" or text[found.start() - 1] == "/"):
        return True  # what a function returns, where a route leads
    if found.re is _option:
        return len(sign) > 1 or _metavariable.match(text, start) is not None
    if not found["quote"] and _end_of_string.match(text, start):
        line = text.rfind("\n", max(0, found.start() - _LONGEST_NAME), found.start()) + 1
        before = text[max(line, found.start() - _LONGEST_NAME) : found.start()]
        return before.count(text[start]) % 2 == 1  # `"Enter a password: "`
    is_text = ":" in sign and sign.endswith(" ") and _kind_of(name) != "header"
    return is_text and _another_pair.match(text, start) is not None


def _is_listed(found: re.Match[str]) -> bool:
    """Return whether what follows a comma is the value: of a header, or of a command's option."""
    end = found.end("name")
    start = max(0, found.start() - 6, end - _LONGEST_NAME)
    return _listed.search(found.string, start, end) is not None


def _is_sensitive(found: re.Match[str], name: str, names: Names, budget: Budget) -> bool:
    """Return whether a name in a text is sensitive, with what precedes it."""
    text, start, sign = found.string, found.start(), found["sign"]
    if names.judge(name, budget):
        return True
    in_query = sign[:1] == "%" or (sign == "=" and text[start - 1 : start] in ("?", "&"))
    if in_query and names.judge(name, budget, in_query=True):
        return True
    if folded(name) not in ENDS_A_TERM:
        return False
    # `api key: …`, `mot de passe : …`
    before = text[max(0, start - _LONGEST_BEFORE) : start].replace("-", " ").split(" ")[-3:]
    if before[-1] or len(before) < 2 or not before[-2][-1:].isalnum():
        return False
    terms = (" ".join([*before[-1 - count : -1], name]) for count in range(1, len(before)))
    return any(names.judge(term, budget) for term in terms)


def _end(found: re.Match[str], name: str, budget: Budget) -> int:
    text, start, sign = found.string, found.end(), found["sign"]
    if sign[:1] == "%":
        ended = _end_of_encoded.search(text, start)
        return ended.start() if ended else len(text)
    kind = _kind_of(name)
    if kind is not None and not text.startswith(_QUOTES, start):
        if kind == "phrase" or (kind == "header" and ":" in sign and not found["quote"]):
            return end_of_header(text, start, text[max(0, found.start() - 1) : found.start()])
        if kind == "number" and (groups := _groups.match(text, start)):
            return groups.end()
    scheme = _scheme.match(text, start)
    return end_of_value(text, scheme.end() if scheme else start, budget)


@lru_cache(1024)
def _kind_of(name: str) -> str | None:
    """Return what a name says of its value's form: that there are spaces in it."""
    found = _spaced.search(name)
    return None if found is None else found.lastgroup


_QUOTES = ('"', "'", "\\", "[", "{", "(")


def _shown(value: str, quote: str) -> str:
    """Return what stands for a value, in quotes where that keeps the text JSON."""
    opened = _opening.match(value)
    if opened is not None:
        return f"{opened[0]}{REDACTED}{opened[1] if value.endswith(opened[1]) else ''}"
    return f"{quote}{REDACTED}{quote}" if quote and value != REDACTED else REDACTED
