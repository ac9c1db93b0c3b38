"""Names and their values in free text: ``key=value``, ``key: value``, JSON, headers, options."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, partial

from wsgi_observe.redaction.budget import REDACTED, make_room
from wsgi_observe.redaction.harmless_values import (
    is_file_name,
    is_harmless_value,
    is_number_or_bool,
    is_string_literal,
)
from wsgi_observe.redaction.search import Replacement, Search
from wsgi_observe.redaction.sensitive_names import TERM_ENDINGS, fold
from wsgi_observe.redaction.value_ends import (
    find_header_end,
    find_mark,
    find_value_end,
    redact_in_quotes,
)

_MAX_NAME_LENGTH = 128  # characters; of a longer run, the end is the name
_MAX_CACHED_FRAMES = 1024
_MAX_CACHED_FRAME_LENGTH = 1024  # characters of a frame that is cached
_MAX_PRECEDING_LENGTH = 64  # characters of the words before a name
_MIN_LENGTH = 3  # characters of a name with its value

# Matches only from the start of a run of name characters, with few brackets, so that each character
# of a hostile text is examined a few times at most.
_combining_marks = (
    r"\u0300-\u036f\u064b-\u065f\u0900-\u0e7f"  # on letters; `\w` does not match them
)
_blanks = r"[ \t\xa0]{0,64}+"
_name_part = rf"(?:[\w%.${_combining_marks}-]|\\u[0-9a-fA-F]{{4}})"
_name_and_sign = re.compile(
    rf"""
    (?<![\w%.${_combining_marks}-])(?!(?<=\\)u[0-9a-fA-F]{{4}})
    (?P<name>{_name_part}++(?:\[{_name_part}*+\]?{_name_part}*+){{0,3}}+\]?)
    (?P<quote>(?:\\*["'`])?)[)\]]?
    # A comma as in a list of headers, ('Cookie', 'a=b'), or after a command's option.
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
_listed_name = re.compile(r"(?:\(b?|\[[ ]?\[b?|\][)]?,[ ]?\[b?)\\*[\"'`][^\"'`(\[]*\Z|--[\w%-]*\Z")
_command_option = re.compile(r"(?<![\w%-])--(?P<name>\w[\w%-]*+)(?P<quote>)(?P<sign>[ ]+)(?!-)")
_auth_scheme = re.compile(
    r"(?:bearer|basic|digest|negotiate|token|apikey|aws4-[\w-]{1,20})[ ]+(?![a-z_]+=[\w\"'])"
    r"|[&!][\w-]{1,32}[ ]+",
    re.I,
)
_name_of_spaced_value = re.compile(
    r"(?P<header>(?:authorization|cookies?)\Z)|(?P<phrase>phrase\Z)"
    r"|(?P<number>card|iban|number|account|ssn)",
    re.IGNORECASE,
)
_digit_groups = re.compile(r"(?:[A-Za-z]{2})?\d{2,6}(?:[ -]\d{2,6}(?!\w))+")
# A query within a query: `next=%2Fback%3Ftoken%3D…`
_encoded_pair = re.compile(
    r"(?:%(?:25)?(?:3F|26|22|27|2C)|[?&]|(?<![\w.~%-])(?=\w))"
    r"(?P<name>(?:[\w.~-]|%(?!(?:25)?(?:3D|26|23|3F|22|27|3A|2C))[0-9A-F]{2})++)(?P<quote>)"
    r"(?P<sign>%(?:25)?3D|"
    r"%(?:25)?2[27](?:%(?:25)?20|[+])*+%(?:25)?3A(?:%(?:25)?20|[+])*+%(?:25)?2[27])",
    re.IGNORECASE,
)
_end_of_encoded = re.compile(r"%(?:25)?(?:2[2367]|7D)|[&\s\"'<>]", re.IGNORECASE)
# `password 'a1b2'`, `the token is a1b2`: a value only if it looks like one.
_after_is = re.compile(r"(?=\w*\d)(?=\w*[^\W\d_])[\w$!#%+/=@.-]{6,}[\w$!#%+/=@-]|\d{4,}+(?![ ]\w)")
_apposed = re.compile(
    r"([\"'])(?=[^\"']{0,63}[\d$!#%+=@])(?=[^\"']{0,63}\w)([^\s\"'/<>(){}:]{4,64}+)\1(?!\w)"
)
_metavariable = re.compile(r"[A-Z_]{2,8}(?![\w-])")
_end_of_string = re.compile(r"[\"'](?=\s|[,)\]]|\Z)")
# In `auth: backend=ldap` the value is another pair.
_another_pair = re.compile(r"[a-z]\w{0,31}=\w|[A-Za-z][A-Za-z_.]{0,63}:(?=\s)")
# A value alone on the line below its name, but no word of prose and no other name.
_line = (
    r"(?![^\s:]*:(?:\s|\Z))"
    r"(?=\S*(?:[\d_$%!#+/=@]|[a-z][A-Z]|[A-Z]{9}|-\S{1,64}-|[a-z]{11}))[^\s<>]{6,256}"
)
_value_on_next_line = re.compile(
    rf"(?:[|>][+-]?)?\r?\n[ \t]{{0,40}}(?:-[ ])?"
    rf"({_line}(?:\r?\n[ \t]{{0,40}}-[ ]{_line}){{0,50}})(?=\r?\n|\Z)"
)
# A frame of a traceback is searched by itself: its code may have brackets that never close.
_traceback_frame = re.compile(
    r'^([ |+-]*  File "[^"\n]*", line \d[^\n]*(?:\n[ |]*    [^\n]*)*+)', re.MULTILINE
)


def redact_named_values(text: str, search: Search) -> str:
    """Return `text` without the values of sensitive names."""
    # Texts, and at odd positions frames.
    pieces = _traceback_frame.split(text) if '  File "' in text else [text]
    # From the end, which has the exception's own line: when the budget is spent, the rest is cut.
    for index in reversed(range(len(pieces))):
        redact = _redact_frame if index % 2 else _redact_piece
        pieces[index] = redact(pieces[index], search)
    return "".join(pieces)


def _redact_frame(frame: str, search: Search) -> str:
    """Redact a frame; each is searched once, since the same frames occur again and again."""
    cached, budget = search.names.redacted_frames, search.budget
    shown = cached.get(frame)
    if shown is not None:
        budget.spend(1)
        return shown
    budget.spend(10)
    shown = _redact_piece(frame, search, _replace_literal)
    if budget.steps >= 0 and len(frame) <= _MAX_CACHED_FRAME_LENGTH:
        make_room(cached, _MAX_CACHED_FRAMES)
        cached[frame] = shown
    return shown


def _replace_literal(search: Search, match: re.Match[str]) -> Replacement | None:
    search.budget.steps -= 4
    is_literal = is_string_literal(match.string, match.end())
    return _replace_named_value(search, match) if is_literal else None


def _replace_named_value(search: Search, match: re.Match[str]) -> Replacement | None:
    """Return the replacement of a name's value, None if it is no secret."""
    name, sign = match["name"][-_MAX_NAME_LENGTH:], match["sign"]
    if sign in (",", ", ") and not _is_listed_value(match):
        return None
    if match.re is _name_and_sign and sign in (" is ", " was ", " "):
        return _replace_unsigned_value(search, match, name)
    if is_file_name(name, sign) or not _is_sensitive(search, match, name):
        return None
    search.budget.steps -= 3
    text, start = match.string, match.end()
    if _is_no_value(match, name):
        return None
    end = _find_value_end(search, match, name)
    # In YAML, `|` or `>` if the value is on the next lines.
    if (end - start <= 2) and (below := _value_on_next_line.match(text, start)):
        return None if is_number_or_bool(below[1]) else (*below.span(1), REDACTED)
    if end == start:
        return None
    # Where the budget is spent, the value goes on to the text's end, and cannot be judged.
    if search.budget.steps >= 0 and is_harmless_value(match, end, name, search.names):
        return None
    return start, end, redact_in_quotes(text[start:end], match["quote"])


def _redact_piece(
    text: str,
    search: Search,
    replace: Callable[[Search, re.Match[str]], Replacement | None] = _replace_named_value,
) -> str:
    if len(text) < _MIN_LENGTH:  # a line's end, between two frames
        return text
    replace_one = partial(replace, search)
    text = search.replace_matches(text, _name_and_sign, replace_one)
    if "--" in text:
        text = search.replace_matches(text, _command_option, replace_one)
    if "%3" in text or "%25" in text:
        text = search.replace_matches(text, _encoded_pair, replace_one)
    return text


def _replace_unsigned_value(search: Search, match: re.Match[str], name: str) -> Replacement | None:
    """Return the replacement of a value without a sign, if it looks like a secret."""
    text, start = match.string, match.end()
    if match["quote"]:
        return None
    if value := _apposed.match(text, start):
        span = value.span(2)
    elif match["sign"] != " " and (value := _after_is.match(text, start)):
        if value[0].isdigit() and not search.names.hides_numbers(name):
            return None
        span = value.span()
    else:
        return None
    return (*span, REDACTED) if _is_sensitive(search, match, name) else None


def _is_sensitive(search: Search, match: re.Match[str], name: str) -> bool:
    """Return whether a name in a text is sensitive, alone or with the words before it."""
    text, start, sign = match.string, match.start(), match["sign"]
    if search.names.is_sensitive(name, budget=search.budget):
        return True
    in_query = sign[:1] == "%" or (sign == "=" and text[start - 1 : start] in ("?", "&"))
    if in_query and search.names.is_sensitive(name, in_query=True, budget=search.budget):
        return True
    if fold(name) not in TERM_ENDINGS:
        return False
    # `api key: …`, `mot de passe : …`
    before = text[max(0, start - _MAX_PRECEDING_LENGTH) : start].replace("-", " ").split(" ")[-3:]
    if before[-1] or len(before) < 2 or not before[-2][-1:].isalnum():
        return False
    terms = (" ".join([*before[-1 - count : -1], name]) for count in range(1, len(before)))
    return any(map(search.is_sensitive, terms))


def _find_value_end(search: Search, match: re.Match[str], name: str) -> int:
    text, start, sign = match.string, match.end(), match["sign"]
    if sign[:1] == "%":
        return find_mark(_end_of_encoded, text, start)
    kind = _get_value_form(name)
    if kind is not None and not text.startswith(_OPENING_CHARACTERS, start):
        if kind == "phrase" or (kind == "header" and ":" in sign and not match["quote"]):
            return find_header_end(text, start, text[max(0, match.start() - 1) : match.start()])
        if kind == "number" and (groups := _digit_groups.match(text, start)):
            return groups.end()
    scheme = _auth_scheme.match(text, start)
    return find_value_end(text, scheme.end() if scheme else start, search.budget)


def _is_no_value(match: re.Match[str], name: str) -> bool:
    """Return whether no value follows, but the end of a string, a help text or another pair."""
    text, start, sign = match.string, match.end(), match["sign"]
    if "->" in sign and (text[match.end("quote")] == ")" or text[match.start() - 1] == "/"):
        return True  # a return type, the target of a route
    if match.re is _command_option:
        return len(sign) > 1 or _metavariable.match(text, start) is not None
    if not match["quote"] and _end_of_string.match(text, start):
        line = text.rfind("\n", max(0, match.start() - _MAX_NAME_LENGTH), match.start()) + 1
        before = text[max(line, match.start() - _MAX_NAME_LENGTH) : match.start()]
        return before.count(text[start]) % 2 == 1  # `"Enter a password: "`
    is_text = ":" in sign and sign.endswith(" ") and _get_value_form(name) != "header"
    return is_text and _another_pair.match(text, start) is not None


def _is_listed_value(match: re.Match[str]) -> bool:
    """Return whether the value after a comma is that of a header or a command's option."""
    end = match.end("name")
    start = max(0, match.start() - 6, end - _MAX_NAME_LENGTH)
    return _listed_name.search(match.string, start, end) is not None


@lru_cache(1024)
def _get_value_form(name: str) -> str | None:
    """Return the form of a value with spaces that a name implies: header, phrase or number."""
    match = _name_of_spaced_value.search(name)
    return None if match is None else match.lastgroup


_OPENING_CHARACTERS = ('"', "'", "\\", "[", "{", "(")
