"""Search: finds the secrets in one text by patterns, and replaces them, within a budget."""

from __future__ import annotations

import re
from collections.abc import Callable

from wsgi_observe.redaction.budget import REDACTED, Budget
from wsgi_observe.redaction.sensitive_names import SensitiveNames
from wsgi_observe.redaction.value_ends import find_value_end, redact_in_quotes

Replacement = tuple[int, int, str]
"""The start and end of a part of a text, and the text that replaces it."""

# Masked already, or to be filled in: `{password}`.
_placeholder = re.compile(r"\**|\$?\{[^{}]*\}|<[^<>]*>|%s|%\(\w+\)s|\$[A-Z_]+|\[REDACTED\]")


class Search:
    """The search in one text, with the names that are sensitive, and what it may cost."""

    def __init__(self, names: SensitiveNames, budget: Budget) -> None:
        self.names = names
        self.budget = budget

    def is_sensitive(self, name: str) -> bool:
        """Return whether the value of this name is a secret."""
        return self.names.is_sensitive(name, budget=self.budget)

    def replace_value(self, match: re.Match[str]) -> Replacement | None:
        """Return the replacement of a match's group ``value``, or of the value that follows it.

        None if the match has a ``name`` that is not sensitive, or has none and its value is a
        placeholder.
        """
        groups = match.re.groupindex
        if "name" in groups:
            is_kept = not self.is_sensitive(match["name"])
        else:
            is_kept = _placeholder.fullmatch(match["value"]) is not None
        if is_kept:
            return None
        if "value" not in groups:
            return self.replace_following(match)
        return *match.span("value"), REDACTED

    def replace_following(self, match: re.Match[str]) -> Replacement:
        """Return the replacement of the value that follows a match."""
        text, start = match.string, match.end()
        end = find_value_end(text, start, self.budget)
        return start, end, redact_in_quotes(text[start:end])

    def replace_matches(
        self,
        text: str,
        pattern: re.Pattern[str],
        replace: Callable[[re.Match[str]], Replacement | None] | None = None,
        cost: int = 1,
    ) -> str:
        """Replace the matches of `pattern` in `text`, from left to right.

        :param replace: `replace_value` by default. It returns None for a match that stays; the
            search goes on behind its group ``quote``, which follows the name, or behind the match
            if the pattern has no such group.
        :param cost: the steps that a call of `replace` takes.
        """
        replace = replace or self.replace_value
        parts: list[str] = []
        position = copied_to = 0
        after = "quote" if "quote" in pattern.groupindex else 0
        search, budget = pattern.search, self.budget
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
