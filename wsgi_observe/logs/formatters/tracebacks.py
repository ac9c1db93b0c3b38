"""A traceback's text cut so that what a person needs first is what is left."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from wsgi_observe.logs.fields import text_of
from wsgi_observe.logs.formatters.truncation import cut, size
from wsgi_observe.wsgi.exceptions import any_failure

# An exception group draws its tree in front of each line.
_frame = re.compile(r'[ |+-]*  File "(?P<path>[^"\n]*)"')
_below_a_frame = re.compile(r"[ |]*(    |  \[Previous line repeated )")
_opening = re.compile(r"[ |+-]*(Exception Group )?Traceback \(most recent call last\):$")
_link = re.compile(r"[ |]*(The above exception was |During handling of the above )")
_others = re.compile(r"(site|dist)-packages|[/\\]lib[/\\]python3|<frozen |^<")

_HEADLINE = 400  # bytes of one, when there is more to show
_SHORTEST = 40
_MOST_LINES = 1000


class Piece(NamedTuple):
    """Some lines that are kept or cut together."""

    kind: str  # opening, frame, link, headline or more (the further lines of an exception's text)
    text: str
    is_own: bool = False  # a frame of the app's


def cut_traceback(text: str, limit: int) -> str:
    """Return `text` in at most `limit` bytes of JSON.

    Kept, in this order: the exception's own line, every cause's, the frame that raised, the
    frames that raised the causes, the app's own frames, other people's; those nearest to the
    exception first. In place of what is cut stands how much that was.
    """
    if size(text) <= limit:
        return text
    pieces = _short_headlines(list(_pieces(text)), limit)
    kept: set[int] = set()
    room = limit - size(_gap(len(pieces), "")) * 2
    for number in _in_order_of_need(pieces):
        # Each may make a gap on its other side.
        needs = size(pieces[number].text) + 2 + _gap_cost(pieces, kept, number)
        if needs <= room:
            kept.add(number)
            room -= needs
    return cut("\n".join(_shown(pieces, kept)), limit)


def _pieces(text: str) -> Iterator[Piece]:
    """Split a traceback into the pieces that it is kept or cut by."""
    lines: list[str] = []
    kind, is_own = "headline", False
    for line in _lines(text):
        frame = _frame.match(line)
        if frame is None and lines and kind == "frame" and _below_a_frame.match(line):
            lines.append(line)
            continue
        same = {"more": "headline", "link": "link"}.get(kind)
        if frame is None and lines and _kind_of(line) == same:
            lines.append(line)
            continue
        if lines:
            yield Piece(kind, "\n".join(lines), is_own)
        after_headline = bool(lines) and kind in ("headline", "more")
        kind = "frame" if frame else _kind_of(line)
        if kind == "headline" and after_headline:
            kind = "more"
        is_own = frame is not None and not _others.search(frame["path"])
        lines = [line]
    yield Piece(kind, "\n".join(lines), is_own)


def _lines(text: str) -> list[str]:
    """Return the lines, of many the first and the last: the exception's own is at the end."""
    lines = text.split("\n")
    left_out = len(lines) - _MOST_LINES
    if left_out <= 0:
        return lines
    first = _MOST_LINES // 4
    return [*lines[:first], f"  … {left_out} lines cut", *lines[first + left_out :]]


def _kind_of(line: str) -> str:
    if _opening.match(line):
        return "opening"
    return "link" if _link.match(line) or not line.strip(" |+-0123456789.") else "headline"


def _short_headlines(pieces: list[Piece], limit: int) -> list[Piece]:
    """Cut long headlines: a hundred causes have to share the room, and one may be a megabyte."""
    count = sum(piece.kind == "headline" for piece in pieces)
    share = max(_SHORTEST, min(_HEADLINE, limit // (2 * count + 1)))
    shares = {_own_line(pieces): max(share, limit // 3)}
    return [
        piece._replace(text=cut(piece.text, shares.get(number, share)))
        if piece.kind in ("headline", "more")
        else piece
        for number, piece in enumerate(pieces)
    ]


def _own_line(pieces: list[Piece]) -> int:
    """Return which piece is the headline of the exception itself: the last and least indented."""

    def depth(number: int) -> tuple[int, int]:
        text = pieces[number].text
        return len(text) - len(text.lstrip(" |+-")), -number

    headlines = [number for number, piece in enumerate(pieces) if piece.kind == "headline"]
    return min(headlines, key=depth, default=0)


def _in_order_of_need(pieces: list[Piece]) -> Iterable[int]:
    """Return the pieces' numbers, what is needed first first."""
    raising = {
        first
        for first, second in pairwise(range(len(pieces)))
        if pieces[first].kind == "frame" and pieces[second].kind != "frame"
    }

    own_line = _own_line(pieces)
    needs = {"headline": 1, "opening": 3, "link": 3, "more": 5}

    def need(number: int) -> tuple[int, int]:
        kind = pieces[number].kind
        if kind == "frame":
            return 2 if number in raising else 4 if pieces[number].is_own else 6, -number
        return 0 if number == own_line else needs[kind], -number

    return sorted(range(len(pieces)), key=need)


def _gap_cost(pieces: list[Piece], kept: set[int], number: int) -> int:
    beside_kept = number - 1 in kept or number + 1 in kept
    return 0 if beside_kept or not kept else size(_gap(len(pieces), "")) + 2


def _shown(pieces: list[Piece], kept: set[int]) -> Iterator[str]:
    cut_before: list[Piece] = []
    for number, piece in enumerate(pieces):
        if number not in kept:
            cut_before.append(piece)
            continue
        if cut_before:
            yield _gap(sum(one.kind == "frame" for one in cut_before), cut_before[0].text)
            cut_before = []
        yield piece.text
    if cut_before:
        yield _gap(0, "")


def _gap(frames: int, text: str) -> str:
    return f"  … {frames} frames cut" if frames else "  … lines cut"


def format_exception(formatter: logging.Formatter, exc_info: Any) -> str:
    """Return what `formatter` makes of an exception, or its name and why there is no more."""
    try:
        return formatter.formatException(exc_info)
    except any_failure() as error:
        kind, value, _ = exc_info
        why = f"{type(error).__name__} while its traceback was made"
        return f"{getattr(kind, '__name__', kind)}: {text_of(value)} ({why})"
