"""Logical lines of Dockerfiles, scripts and units: no comments, continued lines joined."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HEREDOC = re.compile(r"(?<!<)<<-?\s*(['\"]?)([A-Za-z_]\w*)\1")
_COMMENT = re.compile(r"#")
_NEVER = re.compile(r"(?!)")


@dataclass(frozen=True)
class Line:
    """A logical line.

    :param number: of its first line in the file.
    :param heredoc: the text of the heredocs that follow it.
    """

    number: int
    text: str
    heredoc: str = ""


def join_lines(
    text: str,
    escape: str = "\\",
    ignored: re.Pattern[str] = _COMMENT,
    heredocs: re.Pattern[str] = _NEVER,
) -> Iterator[Line]:
    """Yield the logical lines that are not empty.

    :param escape: what a line that is continued ends with.
    :param ignored: how a line begins that is left out, also between continued ones.
    :param heredocs: how a line begins that may have heredocs.
    """
    numbered = ((number, line.strip()) for number, line in enumerate(text.split("\n"), 1))
    lines = ((number, line) for number, line in numbered if not ignored.match(line))
    for number, line in lines:
        parts = [line]
        while parts[-1].endswith(escape):
            parts[-1] = parts[-1].removesuffix(escape).rstrip()
            parts.append(next(lines, (0, ""))[1])
        line = " ".join(parts).rstrip()
        taken: list[str] = []
        for heredoc in _HEREDOC.finditer(line) if heredocs.match(line) else ():
            for _, content in numbered:
                if content == heredoc[2]:
                    break
                taken.append(content)
        if line:
            yield Line(number, line, "\n".join(taken))
