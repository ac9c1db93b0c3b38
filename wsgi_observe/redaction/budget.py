"""Search and replace in untrusted text, within a budget of work."""

from __future__ import annotations

import re
from collections.abc import Callable

CHARACTERS = 64 * 1024
"""How much of one text is searched: as much as a record's lines hold."""

STEPS = 8_000
"""How much else is done for one record: a step is about a microsecond."""

_FRAME = '\n  File "'
_WORD = 1024  # characters: no credential without a blank in it is taken to be longer
_last_word = re.compile(r"\s\S*\Z")

Span = tuple[int, int, str]
"""Where a replacement begins and ends, and what it is."""


class Budget:
    """The work that may be spent on the texts and data of one record.

    What is left unsearched when it is spent is cut, not shown.

    :param characters: of the texts that are searched.
    :param steps: a place in a text, a name, an item of data cost one or some.
    """

    __slots__ = ("characters", "has_cut", "steps")

    def __init__(self, characters: int = CHARACTERS * 3 // 2, steps: int = STEPS) -> None:
        self.characters = characters
        self.steps = steps
        self.has_cut = False

    def part(self) -> Budget:
        """Return two thirds of what is left, for one text: a long one leaves room for others."""
        part = Budget(self.characters * 2 // 3, self.steps * 2 // 3)
        self.characters -= part.characters
        self.steps -= part.steps
        return part

    def put_back(self, part: Budget) -> None:
        """Take what is left of a part."""
        self.characters += part.characters
        self.steps += max(0, part.steps)
        self.has_cut = self.has_cut or part.has_cut

    def take(self, steps: int) -> bool:
        """Spend some steps; return whether there were as many."""
        self.steps -= steps
        return self.steps >= 0

    def cut_off(self, text: str, count: int) -> str:
        """Return `text` with a mark for the characters behind it that are not shown."""
        self.has_cut = True
        return f"{text}…[{count} characters cut]"


def replaced(
    text: str,
    pattern: re.Pattern[str],
    span_of: Callable[[re.Match[str]], Span | None],
    budget: Budget,
    cost: int = 1,
) -> str:
    """Return `text` with what `span_of` says of each match of `pattern`, from left to right.

    :param span_of: returns None for a match that stays; what follows its group ``name``, or the
        match where there is none, is searched on.
    :param cost: the steps that `span_of` takes.
    """
    parts: list[str] = []
    position = kept = 0
    after = "quote" if "quote" in pattern.groupindex else 0
    search = pattern.search
    while found := search(text, position):
        budget.steps -= cost
        if budget.steps < 0:
            shown = "".join([*parts, text[kept : found.start()]])
            return budget.cut_off(shown, len(text) - found.start())
        span = span_of(found)
        if span is None:
            position = found.end(after)
            continue
        start, end, shown = span
        budget.steps -= 2
        parts += text[kept:start], shown
        position = kept = end
    return "".join([*parts, text[kept:]]) if parts else text


def within(text: str, budget: Budget) -> str:
    """Return what of a long text is searched: its beginning, and a traceback's last frames.

    It is cut between words, so that no half of a credential is left, which has not its form; and
    goes on with a frame, where the search for values begins again.
    """
    characters = budget.characters
    if len(text) <= characters:
        return text
    resumed = text.find(_FRAME, len(text) - characters // 3)
    tail = text[resumed:] if resumed >= 0 else ""
    head = text[: characters - len(tail)]
    word = _last_word.search(head, max(0, len(head) - _WORD))
    head = head[: word.start() if word else max(0, len(head) - _WORD)]
    return budget.cut_off(head, len(text) - len(head) - len(tail)) + tail
