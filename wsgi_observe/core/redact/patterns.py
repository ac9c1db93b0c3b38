"""Regular expressions of a company's own, the matches of which are left out of any text."""

from __future__ import annotations

import re
from collections.abc import Iterable

from wsgi_observe.core.redact.search import Budget
from wsgi_observe.core.redact.words import REDACTED

_SECRET = "secret"  # the group that limits what is replaced


def without_matches(text: str, patterns: Iterable[re.Pattern[str]], budget: Budget) -> str:
    """Return `text` with the matches of all patterns replaced, adjacent ones by one mark.

    Each pattern is searched for in the text as it was; what is behind the last match that the
    budget allows is cut. How long a pattern itself takes is its author's responsibility.
    """
    spans: list[tuple[int, int]] = []
    limit = len(text)
    for pattern in patterns:
        group = _SECRET if _SECRET in pattern.groupindex else 0
        for found in pattern.finditer(text):
            start, end = found.span(group)
            if not budget.take(1):
                limit = min(limit, found.start())
                break
            if start < end and not _is_marked(text, start, end):
                spans.append((start, end))
    shown = _replaced(text, sorted(spans), limit) if spans else text[:limit]
    return shown if limit == len(text) else budget.cut_off(shown, len(text) - limit)


def _is_marked(text: str, start: int, end: int) -> bool:
    """Return whether it is part of a mark: what is redacted twice stays as it is."""
    length = len(REDACTED)
    return text.find(REDACTED, max(0, end - length), start + length) >= 0


def _replaced(text: str, spans: Iterable[tuple[int, int]], limit: int) -> str:
    parts: list[str] = []
    kept = 0
    for start, end in spans:
        if start >= limit:
            break
        if not parts or start > kept:
            parts += text[kept:start], REDACTED
        kept = max(kept, end)
    return "".join([*parts, text[kept:limit]])
