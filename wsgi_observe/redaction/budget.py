"""Search and replace in untrusted text, within a budget of work."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from wsgi_observe.redaction.sensitive_words import REDACTED

MAX_CHARACTERS = 64 * 1024
"""How much of one text is searched: as much as a record's lines hold."""

MAX_STEPS = 8_000
"""How much else is done for one record: a step is about a microsecond."""

_FRAME_START = '\n  File "'
_MAX_WORD_LENGTH = 1024  # characters: no credential without a blank in it is taken to be longer
_SECRET_GROUP = "secret"  # the part of a pattern that is replaced
_last_word = re.compile(r"\s\S*\Z")

Replacement = tuple[int, int, str]
"""Where a replacement begins and ends, and what it is."""


class Budget:
    """The work that may be spent on the texts and data of one record.

    What is left unsearched when it is spent is cut, not shown.

    :param characters: of the texts that are searched.
    :param steps: a place in a text, a name, an item of data cost one or some.
    """

    __slots__ = ("characters", "has_cut", "steps")

    def __init__(self, characters: int = MAX_CHARACTERS * 3 // 2, steps: int = MAX_STEPS) -> None:
        self.characters = characters
        self.steps = steps
        self.has_cut = False

    def reserve(self) -> Budget:
        """Return two thirds of what is left, for one text: a long one leaves room for others."""
        reserve = Budget(self.characters * 2 // 3, self.steps * 2 // 3)
        self.characters -= reserve.characters
        self.steps -= reserve.steps
        return reserve

    def release(self, reserve: Budget) -> None:
        """Take what is left of a part."""
        self.characters += reserve.characters
        self.steps += max(0, reserve.steps)
        self.has_cut = self.has_cut or reserve.has_cut

    def spend(self, steps: int) -> bool:
        """Spend some steps; return whether there were as many."""
        self.steps -= steps
        return self.steps >= 0

    def append_cut_marker(self, text: str, count: int) -> str:
        """Return `text` with a mark for the characters behind it that are not shown."""
        self.has_cut = True
        return f"{text}…[{count} characters cut]"


def replace_matches(
    text: str,
    pattern: re.Pattern[str],
    replace: Callable[[re.Match[str]], Replacement | None],
    budget: Budget,
    cost: int = 1,
) -> str:
    """Return `text` with what `replace` says of each match of `pattern`, from left to right.

    :param replace: returns None for a match that stays; what follows its group ``name``, or the
        match where there is none, is searched on.
    :param cost: the steps that `replace` takes.
    """
    parts: list[str] = []
    position = copied_to = 0
    after = "quote" if "quote" in pattern.groupindex else 0
    search = pattern.search
    while match := search(text, position):
        budget.steps -= cost
        if budget.steps < 0:
            shown = "".join([*parts, text[copied_to : match.start()]])
            return budget.append_cut_marker(shown, len(text) - match.start())
        replacement = replace(match)
        if replacement is None:
            position = match.end(after)
            continue
        start, end, shown = replacement
        budget.steps -= 2
        parts += text[copied_to:start], shown
        position = copied_to = end
    return "".join([*parts, text[copied_to:]]) if parts else text


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
    shown = _replace_spans(text, sorted(spans), limit) if spans else text[:limit]
    return shown if limit == len(text) else budget.append_cut_marker(shown, len(text) - limit)


def _is_redacted(text: str, start: int, end: int) -> bool:
    """Return whether a span is part of a `REDACTED`, so that redacting twice changes nothing."""
    length = len(REDACTED)
    return text.find(REDACTED, max(0, end - length), start + length) >= 0


def _replace_spans(text: str, spans: Iterable[tuple[int, int]], limit: int) -> str:
    parts: list[str] = []
    copied_to = 0
    for start, end in spans:
        if start >= limit:
            break
        if not parts or start > copied_to:
            parts += text[copied_to:start], REDACTED
        copied_to = max(copied_to, end)
    return "".join([*parts, text[copied_to:limit]])


def truncate_to_budget(text: str, budget: Budget) -> str:
    """Return what of a long text is searched: its beginning, and a traceback's last frames.

    It is cut between words, so that no half of a credential is left, which has not its form; and
    goes on with a frame, where the search for values begins again.
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
