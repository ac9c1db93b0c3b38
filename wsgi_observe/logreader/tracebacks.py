"""A traceback's text as exceptions and frames, the app's own apart from those of libraries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

_tree = re.compile(r" *[|+] ?(?![-+])")  # which an exception group draws before each line
_frame = re.compile(
    r'  File "(?P<path>[^"\n]{0,4096})", line (?P<line>\d{1,9})(?:, in (?P<function>.*))?$'
)
_opening = re.compile(r"(?:(?:Exception Group )?Traceback|Stack) \(most recent call last\):$")
_place = re.compile(r"(?P<path>[^\n]{1,4096}):(?P<line>\d{1,9}) in (?P<function>[^\n]{1,300})")
_link = re.compile(r"(?:The above exception was |During handling of the above )")
_group_rule = re.compile(r"[ |]*\+[-+]+(?P<number> (?:\d+|\.\.\.) -+)?$")
_library = re.compile(
    r"(?:site|dist)-packages[/\\]|[/\\]lib(?:64)?[/\\]python3|^<"
    r"|[/\\]wsgi_observe[/\\](?!demo[/\\])"  # this library, but for its example
)
_package = re.compile(r".*(?:site|dist)-packages[/\\]([\w.-]+)|.*[/\\](wsgi_observe)[/\\]")
_MAX_LINES = 20_000
_MAX_HEADLINE_LINES = 50
_cut = re.compile(r"  … (?:\d+ )?(?:frames|lines) cut$")


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame: where, and the source line if the traceback has it."""

    path: str
    line: int
    function: str
    code: str = ""
    is_own: bool = False

    @property
    def package(self) -> str:
        """The name of its library; empty for a frame of the app."""
        if self.is_own:
            return ""
        found = _package.match(self.path)
        return (found[1] or found[2]).removesuffix(".py") if found else "python"


@dataclass(frozen=True, slots=True)
class RaisedException:
    """An exception of a traceback with its frames, outermost first.

    :ivar headline: its type and message as Python prints them, over several lines or not.
    :ivar link: what the next one is to it: its ``cause``, its ``context``, or nothing. One of an
        exception group has ``member``.
    """

    headline: str
    frames: tuple[Frame, ...]
    link: str = ""

    @property
    def type(self) -> str:
        """The name of its class, with its module."""
        name = self.headline.partition(":")[0].strip()
        return name if re.fullmatch(r"[\w.<>]{1,300}", name) else ""

    @property
    def own_frames(self) -> tuple[Frame, ...]:
        """The frames of the app."""
        return tuple(frame for frame in self.frames if frame.is_own)


@lru_cache(maxsize=64)
def parse_traceback(text: str) -> tuple[RaisedException, ...]:
    """Return the exceptions of a traceback: the one that was logged, what it is from, members."""
    parser = _Parser()
    for line in _limit(text.split("\n")):
        parser.feed(line)
    parser.end_exception()
    chain = [one for one in parser.exceptions if one.link != "member"]
    members = [one for one in parser.exceptions if one.link == "member"]
    return (*reversed(chain), *members)


class _Parser:
    def __init__(self) -> None:
        self.exceptions: list[RaisedException] = []
        self._frames: list[Frame] = []
        self._headline: list[str] = []
        self._link = ""

    def feed(self, line: str) -> None:
        """Take the next line."""
        line = _tree.sub("", line, count=1) if _tree.match(line) else line
        frame, rule, link = _frame.match(line), _group_rule.match(line), _link.match(line)
        is_start = bool(rule or link or _opening.match(line))
        if (frame or is_start) and self._headline:
            self.end_exception()
        if frame:
            path, number, function = frame.group("path", "line", "function")
            is_own = not _library.search(path)
            self._frames.append(Frame(path, int(number), function or "", is_own=is_own))
        elif link:
            self._link = "cause" if "direct cause" in line else "context"
        elif rule and rule["number"]:
            self._link = "member"
        elif not is_start:
            self._add_text(line)

    def end_exception(self) -> None:
        """Add the exception whose lines have come, if there were any."""
        if self._frames and not any(frame.is_own for frame in self._frames):
            # Of an app that is installed as a package, the frame that raised says most.
            self._frames[-1] = replace(self._frames[-1], is_own=True)
        if self._headline or self._frames:
            headline = "\n".join(self._headline)
            self.exceptions.append(RaisedException(headline, tuple(self._frames), self._link))
        self._frames, self._headline, self._link = [], [], ""

    def _add_text(self, line: str) -> None:
        """Add a line that is the source of the last frame, or of an exception's own text."""
        text = line.strip()
        if _cut.match(line):
            return
        if self._frames and not self._headline and line.startswith("    "):
            last = self._frames[-1]
            if not last.code and text.strip("~^ "):
                self._frames[-1] = replace(last, code=text)
        elif text and len(self._headline) < _MAX_HEADLINE_LINES:
            self._headline.append(text)


def iter_linked(exceptions: Iterable[RaisedException]) -> Iterator[tuple[str, RaisedException]]:
    """Yield exceptions, each after what it is to the one before it: ``cause`` or ``context``.

    That is ``member`` for one of an exception group, and empty for the first.
    """
    link = ""
    for exception in exceptions:
        yield "member" if exception.link == "member" else link, exception
        link = exception.link


def parse_stack(text: str) -> tuple[Frame, ...]:
    """Return the frames of a stack, outermost first."""
    return tuple(frame for one in parse_traceback(text) for frame in one.frames)


def select_stack_frames(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
    """Return the frames of the app, and the last one of all: what the stack waits for."""
    return tuple(frame for frame in frames if frame.is_own or frame is frames[-1])


def parse_place(text: str) -> Frame | None:
    """Return the frame that a text such as ``/srv/shop.py:7 in crash`` names."""
    found = _place.fullmatch(text)
    if found is None:
        return None
    is_own = not _library.search(found["path"])
    return Frame(found["path"], int(found["line"]), found["function"], is_own=is_own)


def _limit(lines: list[str]) -> list[str]:
    """Return the lines, of very many the first and the last."""
    half = _MAX_LINES // 2
    return lines if len(lines) <= _MAX_LINES else [*lines[:half], *lines[-half:]]


def find_raising_frame(exceptions: tuple[RaisedException, ...]) -> Frame | None:
    """Return the last frame of the app before the exception, or the last one at all."""
    for exception in exceptions:
        if exception.own_frames:
            return exception.own_frames[-1]
    return next((one.frames[-1] for one in exceptions if one.frames), None)
