"""Bounds on what untrusted text may cost: a budget for its search, caches that are cleared."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

REDACTED = "[REDACTED]"
"""The text that replaces a secret."""

MAX_CHARACTERS = 64 * 1024
"""The part of one text that is searched: as much as the lines of a record hold."""

MAX_STEPS = 8_000
"""The work for one record besides; a step takes about a microsecond."""

_FRAME_START = '\n  File "'
_MAX_WORD_LENGTH = 1024  # characters of the longest credential without a space
_SECRET_GROUP = "secret"  # the part of a pattern that is replaced
_last_word = re.compile(r"\s\S*\Z")


def make_room(cache: set[Any] | dict[Any, Any], max_size: int) -> None:
    """Clear a cache that is full: its items come from clients, and the usual ones return."""
    if len(cache) >= max_size:
        cache.clear()


class Budget:
    """The work that may be done for the texts and data of one record.

    What has not been searched when it is spent is cut.

    :param characters: how many characters of texts may be searched.
    :param steps: how many matches, names and items may be processed, each at one step or some.
    """

    __slots__ = ("characters", "has_cut", "steps")

    def __init__(self, characters: int = MAX_CHARACTERS * 3 // 2, steps: int = MAX_STEPS) -> None:
        self.characters = characters
        self.steps = steps
        self.has_cut = False

    def reserve(self) -> Budget:
        """Split off two thirds of what is left, for one text, so that others can be searched."""
        reserve = Budget(self.characters * 2 // 3, self.steps * 2 // 3)
        self.characters -= reserve.characters
        self.steps -= reserve.steps
        return reserve

    def release(self, reserve: Budget) -> None:
        """Add what is left of a reserve."""
        self.characters += reserve.characters
        self.steps += max(0, reserve.steps)
        self.has_cut = self.has_cut or reserve.has_cut

    def spend(self, steps: int) -> bool:
        """Spend some steps; return whether there were enough."""
        self.steps -= steps
        return self.steps >= 0

    def append_cut_marker(self, text: str, count: int) -> str:
        """Return `text` with a marker for `count` characters that have been cut."""
        self.has_cut = True
        return f"{text}…[{count} characters cut]"


def redact_patterns(text: str, patterns: Iterable[re.Pattern[str]], budget: Budget) -> str:
    """Return `text` with the matches of all of the user's patterns replaced.

    Overlapping and adjacent matches become one `REDACTED`. The text after the last match that the
    budget allows is cut. The time that a pattern itself takes is its author's responsibility.
    """
    spans: list[tuple[int, int]] = []
    limit = len(text)
    for pattern in patterns:
        group = _SECRET_GROUP if _SECRET_GROUP in pattern.groupindex else 0
        for match in pattern.finditer(text):
            start, end = match.span(group)
            if not budget.spend(1):
                limit = min(limit, match.start())
                break
            if start < end and not _is_redacted(text, start, end):
                spans.append((start, end))
    parts: list[str] = []
    copied_to = 0
    for start, end in sorted(span for span in spans if span[0] < limit):
        if not parts or start > copied_to:
            parts += text[copied_to:start], REDACTED
        copied_to = max(copied_to, end)
    shown = "".join([*parts, text[copied_to:limit]])
    return shown if limit == len(text) else budget.append_cut_marker(shown, len(text) - limit)


def _is_redacted(text: str, start: int, end: int) -> bool:
    """Return whether a span is part of a `REDACTED`, so that redacting twice changes nothing."""
    length = len(REDACTED)
    return text.find(REDACTED, max(0, end - length), start + length) >= 0


def truncate_to_budget(text: str, budget: Budget) -> str:
    """Cut the middle of a long text; keep its beginning and a traceback's last frames.

    It is cut between words, since half a credential would not be recognised, and goes on with a
    frame, since values are searched for in each frame by itself.
    """
    characters = budget.characters
    if len(text) <= characters:
        return text
    tail_start = text.find(_FRAME_START, len(text) - characters // 3)
    tail = text[tail_start:] if tail_start >= 0 else ""
    head = text[: characters - len(tail)]
    word = _last_word.search(head, max(0, len(head) - _MAX_WORD_LENGTH))
    head = head[: word.start() if word else max(0, len(head) - _MAX_WORD_LENGTH)]
    return budget.append_cut_marker(head, len(text) - len(head) - len(tail)) + tail
