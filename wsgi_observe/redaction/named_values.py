"""Names and their values in free text: ``key=value``, ``key: value``, JSON, headers, options."""

from __future__ import annotations

import re
from functools import lru_cache

from wsgi_observe.redaction.budget import Budget, Replacement, replace_matches
from wsgi_observe.redaction.harmless_values import (
    is_file_name,
    is_harmless_value,
    is_number_or_bool,
    is_string_literal,
)
from wsgi_observe.redaction.languages import fold
from wsgi_observe.redaction.sensitive_names import SensitiveNames
from wsgi_observe.redaction.sensitive_words import REDACTED, TERM_ENDINGS
from wsgi_observe.redaction.value_ends import find_header_end, find_value_end

_MAX_NAME_LENGTH = 128  # characters: of a longer run the end is looked at
_MAX_CACHED_FRAME_LENGTH = 1024  # characters, of those that are remembered
_MAX_CACHED_FRAMES = 1024
_MAX_PRECEDING_LENGTH = 64  # characters of the words before a name
_MIN_LENGTH = 3  # characters of a name with its value

# Begins only where a run of a name's characters does, and takes few brackets: whatever else stands
# there, each character is looked at a few times at most.
_combining_marks = (
    r"\u0300-\u036f\u064b-\u065f\u0900-\u0e7f"  # on letters, which are none themselves
)
_blanks = r"[ \t\xa0]{0,64}+"
_name_part = rf"(?:[\w%.${_combining_marks}-]|\\u[0-9a-fA-F]{{4}})"
_name_and_sign = re.compile(
    rf"""
    (?<![\w%.${_combining_marks}-])(?!(?<=\\)u[0-9a-fA-F]{{4}})
    (?P<name>{_name_part}++(?:\[{_name_part}*+\]?{_name_part}*+){{0,3}}+\]?)
    (?P<quote>(?:\\*["'`])?)[)\]]?
    # Also a comma: behind a header as it is listed, ('Cookie', 'a=b'), or a command's option.
    (?P<sign>
        {_blanks}(?:(?:is|was)[ ]?:|[=-]>|:=|={{1,3}}|:){_blanks}
      | (?<=["'`]),[ ]?(?=b?\\*["'`])
    )
    """,
    re.VERBOSE,
)
_listed_name = re.compile(r"(?:\(b?|\[[ ]?\[b?|\][)]?,[ ]?\[b?)\\*[\"'`][^\"'`(\[]*\Z|--[\w%-]*\Z")
_command_option = re.compile(r"(?<![\w%-])--(?P<name>\w[\w%-]*+)(?P<quote>)(?P<sign>[ ]+)(?!-)")
_auth_scheme = re.compile(
    r"(?:bearer|basic|digest|negotiate|token|apikey|aws4-[\w-]{1,20})[ ]+(?!realm=)", re.I
)
_name_of_spaced_value = re.compile(
    r"(?P<header>(?:authorization|cookies?)\Z)|(?P<phrase>phrase\Z)"
    r"|(?P<number>card|iban|number|account|ssn)",
    re.IGNORECASE,
)
_digit_groups = re.compile(r"(?:[A-Za-z]{2})?\d{2,6}(?:[ -]\d{2,6}(?!\w))+")
# A query within a query: `next=%2Fback%3Ftoken%3D…`
_encoded_pair = re.compile(
    r"(?:%3F|%26|[?&]|(?<![\w.~%-])(?=\w))(?P<name>(?:[\w.~-]|%(?!3D|26|23|3F)[0-9A-F]{2})++)(?P<quote>)(?P<sign>%3D)",
    re.IGNORECASE,
)
_end_of_encoded = re.compile(r"%26|%23|[&\s\"'<>]|\Z", re.IGNORECASE)
# A value alone on the line below its name; a word of prose, or another name, is none.
_value_on_next_line = re.compile(
    r"\r?\n[ \t]{0,40}(?![^\s:]*:(?:\s|\Z))((?=\S*[\d_$%!#+/=@])[^\s<>]{6,256})(?=\r?\n|\Z)"
)
_YAML_BLOCK_MARKERS = ("|", "|-", ">", ">-")  # YAML: the value is below
_opening_quote = re.compile(r"b?(\\*[\"'`])")
# A frame of a traceback: the code in it may open what it never closes.
_traceback_frame = re.compile(
    r'^[ |+-]*  File "[^"\n]*", line \d[^\n]*(?:\n[ |]*    [^\n]*)*+', re.MULTILINE
)


def redact_named_values(text: str, names: SensitiveNames, budget: Budget) -> str:
    """Return `text` with the values of sensitive names left out."""
    if '  File "' not in text:
        return _redact_values(text, names, budget)
    pieces: list[tuple[str, bool]] = []
    end = 0
    for frame in _traceback_frame.finditer(text):
        pieces += (text[end : frame.start()], False), (frame[0], True)
        end = frame.end()
    shown = [_redact_values(text[end:], names, budget)]
    # From the end, which has the exception's own line: where a budget runs out, the rest is cut.
    for piece, is_frame in reversed(pieces):
        search = _redact_frame if is_frame else _redact_values
        shown.append(search(piece, names, budget))
    return "".join(reversed(shown))


def _redact_frame(frame: str, names: SensitiveNames, budget: Budget) -> str:
    """Do it once for each line of code that failures pass: it is the same each time."""
    shown = names.redacted_frames.get(frame)
    if shown is not None:
        budget.spend(1)
        return shown
    budget.spend(10)
    shown = _redact_values(frame, names, budget, in_code=True)
    if budget.steps >= 0 and len(frame) <= _MAX_CACHED_FRAME_LENGTH:
        if len(names.redacted_frames) >= _MAX_CACHED_FRAMES:
            names.redacted_frames.clear()
        names.redacted_frames[frame] = shown
    return shown


def _redact_values(
    text: str, names: SensitiveNames, budget: Budget, *, in_code: bool = False
) -> str:
    if len(text) < _MIN_LENGTH:
        return text

    def replace_value(match: re.Match[str]) -> Replacement | None:
        if in_code and not is_string_literal(match.string, match.end()):
            return None
        return _replace_value(match, names, budget)

    text = replace_matches(text, _name_and_sign, replace_value, budget)
    if "--" in text:
        text = replace_matches(text, _command_option, replace_value, budget)
    return replace_matches(text, _encoded_pair, replace_value, budget) if "%3" in text else text


def _replace_value(
    match: re.Match[str], names: SensitiveNames, budget: Budget
) -> Replacement | None:
    """Return what to replace by what, None for a name that may stand with its value."""
    name, quote = match["name"][-_MAX_NAME_LENGTH:], match["quote"]
    if match["sign"] in (",", ", ") and not _is_listed_value(match):
        return None
    if is_file_name(name, match["sign"]):
        return None
    if not _is_sensitive(match, name, names, budget):
        return None
    text, start = match.string, match.end()
    end = _find_value_end(match, name, budget)
    is_block = text[start:end] in _YAML_BLOCK_MARKERS
    if (end == start or is_block) and (below := _value_on_next_line.match(text, end)):
        return None if is_number_or_bool(below[1]) else (below.start(1), below.end(1), REDACTED)
    if end == start or is_harmless_value(match, end, name, names):
        return None
    return start, end, _redact_in_quotes(text[start:end], quote)


def _is_listed_value(match: re.Match[str]) -> bool:
    """Return whether what follows a comma is the value: of a header, or of a command's option."""
    end = match.end("name")
    start = max(0, match.start() - 6, end - _MAX_NAME_LENGTH)
    return _listed_name.search(match.string, start, end) is not None


def _is_sensitive(match: re.Match[str], name: str, names: SensitiveNames, budget: Budget) -> bool:
    """Return whether a name in a text is sensitive, with what precedes it."""
    text, start, sign = match.string, match.start(), match["sign"]
    if names.is_sensitive_name(name, budget):
        return True
    in_query = sign in ("%3D", "%3d") or (sign == "=" and text[start - 1 : start] in ("?", "&"))
    if in_query and names.is_sensitive_name(name, budget, in_query=True):
        return True
    if fold(name) not in TERM_ENDINGS:
        return False
    # `api key: …`, `mot de passe : …`
    before = text[max(0, start - _MAX_PRECEDING_LENGTH) : start].replace("-", " ").split(" ")[-3:]
    if before[-1] or len(before) < 2:
        return False
    terms = (" ".join([*before[-1 - count : -1], name]) for count in range(1, len(before)))
    return any(names.is_sensitive_name(term, budget) for term in terms)


def _find_value_end(match: re.Match[str], name: str, budget: Budget) -> int:
    text, start, sign = match.string, match.end(), match["sign"]
    if sign in ("%3D", "%3d"):
        ended = _end_of_encoded.search(text, start)
        return ended.start() if ended else len(text)
    kind = _get_value_form(name)
    if kind is not None and not text.startswith(_OPENING_CHARACTERS, start):
        if kind == "phrase" or (kind == "header" and ":" in sign and not match["quote"]):
            return find_header_end(text, start, text[max(0, match.start() - 1) : match.start()])
        if kind == "number" and (groups := _digit_groups.match(text, start)):
            return groups.end()
    scheme = _auth_scheme.match(text, start)
    return find_value_end(text, scheme.end() if scheme else start, budget)


@lru_cache(1024)
def _get_value_form(name: str) -> str | None:
    """Return what a name says of its value's form: that there are spaces in it."""
    match = _name_of_spaced_value.search(name)
    return None if match is None else match.lastgroup


_OPENING_CHARACTERS = ('"', "'", "\\", "[", "{", "(")


def _redact_in_quotes(value: str, quote: str) -> str:
    """Return what stands for a value, in quotes where that keeps the text JSON."""
    opened = _opening_quote.match(value)
    if opened is not None:
        return f"{opened[0]}{REDACTED}{opened[1] if value.endswith(opened[1]) else ''}"
    return f"{quote}{REDACTED}{quote}" if quote and value != REDACTED else REDACTED
