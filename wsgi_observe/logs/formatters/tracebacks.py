"""Truncation of tracebacks: keep the frames and lines that a person needs first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import groupby, pairwise
from traceback import TracebackException
from typing import Any, NamedTuple

from wsgi_observe.logs.error_id import is_in_app, is_own_path
from wsgi_observe.logs.fields import safe_str
from wsgi_observe.logs.formatters.truncation import cut_middle, json_size
from wsgi_observe.wsgi.exceptions import any_failure

# An exception group draws its tree in front of each line.
_frame = re.compile(r'[ |+-]*  File "(?P<path>[^"\n]*)"')
_frame_continuation = re.compile(r"[ |]*(    |  \[Previous line repeated )")
_traceback_start = re.compile(r"[ |+-]*(Exception Group )?Traceback \(most recent call last\):$")
_chaining_line = re.compile(r"[ |]*(The above exception was |During handling of the above )")

_MAX_HEADLINE_BYTES = 400  # bytes of one, when there is more to show
_MIN_HEADLINE_BYTES = 40
_MAX_LINES = 1000


_FRAMES = ("own frame", "frame")


class TracebackSection(NamedTuple):
    """Some lines that are kept or cut together."""

    kind: str
    """``own frame`` (the app's), ``frame``, ``opening``, ``link``, ``headline``, or ``more``: the
    further lines of an exception's text."""
    text: str


def cut_traceback(text: str, limit: int) -> str:
    """Return `text` in at most `limit` bytes of JSON.

    Kept, in this order: the exception's own line, those of its causes, the frames that raised
    them, the app's own frames, frames of libraries; those nearest to the exception first. A line
    in place of what is cut has the number of frames.
    """
    if json_size(text) <= limit:
        return text
    sections = _cut_headlines(_split_sections(text), limit)
    selected: set[int] = set()
    gap = json_size(_format_gap(len(sections))) + 2
    available = limit - gap * 2
    for number in _order_by_priority(sections):
        # Each may make a gap on its other side.
        is_apart = bool(selected) and selected.isdisjoint((number - 1, number + 1))
        needs = json_size(sections[number].text) + 2 + gap * is_apart
        if needs <= available:
            selected.add(number)
            available -= needs
    return cut_middle("\n".join(_render_sections(sections, selected)), limit)


def _split_sections(text: str) -> list[TracebackSection]:
    sections: list[TracebackSection] = []
    kind = ""
    for line in _split_lines(text):
        if next_kind := _get_line_kind(line, kind):
            kind = next_kind
            sections.append(TracebackSection(kind, line))
        else:
            sections[-1] = sections[-1]._replace(text=f"{sections[-1].text}\n{line}")
    return sections


def _split_lines(text: str) -> list[str]:
    """Return the lines, of many the first and the last: the exception's own is at the end."""
    lines = text.split("\n")
    left_out = len(lines) - _MAX_LINES
    if left_out <= 0:
        return lines
    first = _MAX_LINES // 4
    return [*lines[:first], f"  … {left_out} lines cut", *lines[first + left_out :]]


def _get_line_kind(line: str, previous: str) -> str:
    """Return the kind of section that a line begins; empty if it continues the `previous` one."""
    if frame := _frame.match(line):
        is_own = is_in_app(frame["path"]) and not frame["path"].startswith("<")
        return "own frame" if is_own else "frame"
    if previous in _FRAMES and _frame_continuation.match(line):
        return ""
    if _traceback_start.match(line):
        return "opening"
    if _chaining_line.match(line) or not line.strip(" |+-0123456789."):
        return "" if previous == "link" else "link"
    return {"headline": "more", "more": ""}.get(previous, "headline")


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


def _order_by_priority(sections: list[TracebackSection]) -> list[int]:
    """Return the numbers of the sections, the most needed first."""
    ranks = {"headline": 1, "opening": 3, "link": 3, "own frame": 4, "more": 5, "frame": 6}
    priorities = [ranks[section.kind] for section in sections]
    for number, (first, second) in enumerate(pairwise(sections)):
        if first.kind in _FRAMES and second.kind not in _FRAMES:
            priorities[number] = 2  # it has raised the exception
    priorities[_find_last_headline(sections)] = 0
    return sorted(range(len(sections)), key=lambda number: (priorities[number], -number))


def _render_sections(sections: list[TracebackSection], selected: set[int]) -> Iterator[str]:
    numbered = groupby(enumerate(sections), key=lambda item: item[0] in selected)
    for is_selected, group in numbered:
        parts = [section for _, section in group]
        if is_selected:
            yield from (section.text for section in parts)
        else:
            yield _format_gap(sum(section.kind in _FRAMES for section in parts))


def _format_gap(frames: int) -> str:
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
