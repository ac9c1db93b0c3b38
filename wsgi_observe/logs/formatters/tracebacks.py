"""Truncation of tracebacks: keep the frames and lines that a person needs first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from traceback import TracebackException
from typing import Any, NamedTuple

from wsgi_observe.logs.error_id import is_own_path
from wsgi_observe.logs.fields import safe_str
from wsgi_observe.logs.formatters.truncation import cut_middle, json_size
from wsgi_observe.wsgi.exceptions import any_failure

# An exception group draws its tree in front of each line.
_frame = re.compile(r'[ |+-]*  File "(?P<path>[^"\n]*)"')
_frame_continuation = re.compile(r"[ |]*(    |  \[Previous line repeated )")
_traceback_start = re.compile(r"[ |+-]*(Exception Group )?Traceback \(most recent call last\):$")
_chaining_line = re.compile(r"[ |]*(The above exception was |During handling of the above )")
_third_party_path = re.compile(r"(site|dist)-packages|[/\\]lib[/\\]python3|<frozen |^<")

_MAX_HEADLINE_BYTES = 400  # bytes of one, when there is more to show
_MIN_HEADLINE_BYTES = 40
_MAX_LINES = 1000


class TracebackSection(NamedTuple):
    """Some lines that are kept or cut together."""

    kind: str  # opening, frame, link, headline or more (the further lines of an exception's text)
    text: str
    is_own: bool = False  # a frame of the app's


def cut_traceback(text: str, limit: int) -> str:
    """Return `text` in at most `limit` bytes of JSON.

    Kept, in this order: the exception's own line, those of its causes, the frames that raised
    them, the app's own frames, frames of libraries; those nearest to the exception first. A line
    in place of what is cut has the number of frames.
    """
    if json_size(text) <= limit:
        return text
    sections = _cut_headlines(list(_split_sections(text)), limit)
    selected: set[int] = set()
    available = limit - json_size(_format_gap(len(sections), "")) * 2
    for number in _order_by_priority(sections):
        # Each may make a gap on its other side.
        needs = json_size(sections[number].text) + 2 + _get_gap_size(sections, selected, number)
        if needs <= available:
            selected.add(number)
            available -= needs
    return cut_middle("\n".join(_render_sections(sections, selected)), limit)


def _split_sections(text: str) -> Iterator[TracebackSection]:
    """Split a traceback into sections, each to be kept or cut."""
    lines: list[str] = []
    kind, is_own = "headline", False
    for line in _split_lines(text):
        frame = _frame.match(line)
        if frame is None and lines and kind == "frame" and _frame_continuation.match(line):
            lines.append(line)
            continue
        same = {"more": "headline", "link": "link"}.get(kind)
        if frame is None and lines and _get_line_kind(line) == same:
            lines.append(line)
            continue
        if lines:
            yield TracebackSection(kind, "\n".join(lines), is_own)
        after_headline = bool(lines) and kind in ("headline", "more")
        kind = "frame" if frame else _get_line_kind(line)
        if kind == "headline" and after_headline:
            kind = "more"
        is_own = frame is not None and not _third_party_path.search(frame["path"])
        lines = [line]
    yield TracebackSection(kind, "\n".join(lines), is_own)


def _split_lines(text: str) -> list[str]:
    """Return the lines, of many the first and the last: the exception's own is at the end."""
    lines = text.split("\n")
    left_out = len(lines) - _MAX_LINES
    if left_out <= 0:
        return lines
    first = _MAX_LINES // 4
    return [*lines[:first], f"  … {left_out} lines cut", *lines[first + left_out :]]


def _get_line_kind(line: str) -> str:
    if _traceback_start.match(line):
        return "opening"
    return "link" if _chaining_line.match(line) or not line.strip(" |+-0123456789.") else "headline"


def _cut_headlines(sections: list[TracebackSection], limit: int) -> list[TracebackSection]:
    """Cut long headlines: a hundred causes share the space, and one may be a megabyte."""
    count = sum(section.kind == "headline" for section in sections)
    share = max(_MIN_HEADLINE_BYTES, min(_MAX_HEADLINE_BYTES, limit // (2 * count + 1)))
    shares = {_find_last_headline(sections): max(share, limit // 3)}
    return [
        section._replace(text=cut_middle(section.text, shares.get(number, share)))
        if section.kind in ("headline", "more")
        else section
        for number, section in enumerate(sections)
    ]


def _find_last_headline(sections: list[TracebackSection]) -> int:
    """Return the number of the exception's own headline: the last and least indented."""

    def depth(number: int) -> tuple[int, int]:
        text = sections[number].text
        return len(text) - len(text.lstrip(" |+-")), -number

    headlines = [number for number, section in enumerate(sections) if section.kind == "headline"]
    return min(headlines, key=depth, default=0)


def _order_by_priority(sections: list[TracebackSection]) -> Iterable[int]:
    """Return the numbers of the sections, the most needed first."""
    raising = {
        first
        for first, second in pairwise(range(len(sections)))
        if sections[first].kind == "frame" and sections[second].kind != "frame"
    }

    last_headline = _find_last_headline(sections)
    needs = {"headline": 1, "opening": 3, "link": 3, "more": 5}

    def get_priority(number: int) -> tuple[int, int]:
        kind = sections[number].kind
        if kind == "frame":
            return 2 if number in raising else 4 if sections[number].is_own else 6, -number
        return 0 if number == last_headline else needs[kind], -number

    return sorted(range(len(sections)), key=get_priority)


def _get_gap_size(sections: list[TracebackSection], selected: set[int], number: int) -> int:
    beside_kept = number - 1 in selected or number + 1 in selected
    return 0 if beside_kept or not selected else json_size(_format_gap(len(sections), "")) + 2


def _render_sections(sections: list[TracebackSection], selected: set[int]) -> Iterator[str]:
    omitted: list[TracebackSection] = []
    for number, section in enumerate(sections):
        if number not in selected:
            omitted.append(section)
            continue
        if omitted:
            yield _format_gap(sum(one.kind == "frame" for one in omitted), omitted[0].text)
            omitted = []
        yield section.text
    if omitted:
        yield _format_gap(0, "")


def _format_gap(frames: int, text: str) -> str:
    return f"  … {frames} frames cut" if frames else "  … lines cut"


def format_exception(format_exc_info: Callable[[Any], str], exc_info: Any) -> str:
    """Return the traceback's text; if `format_exc_info` raises, the exception and why."""
    try:
        return format_exc_info(exc_info)
    except any_failure() as error:
        kind, value, _ = exc_info
        why = f"{type(error).__name__} while its traceback was made"
        return f"{getattr(kind, '__name__', kind)}: {safe_str(value)} ({why})"


def format_traceback(exc_info: Any) -> str:
    """Return the text that Python prints, without the frames of ours that an exception passed."""
    report = TracebackException(*exc_info, compact=True)
    waiting = [report]
    while waiting:
        one = waiting.pop()
        one.stack[:-1] = [frame for frame in one.stack[:-1] if not is_own_path(frame.filename)]
        linked = (one.__cause__, one.__context__, *(one.exceptions or ()))
        waiting += [other for other in linked if other is not None]
    return "".join(report.format()).removesuffix("\n")
