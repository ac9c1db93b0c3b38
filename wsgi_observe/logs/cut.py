"""A text cut in its middle, to a size that counts as JSON counts."""

from __future__ import annotations

from json.encoder import encode_basestring


def size(text: str) -> int:
    """Return the bytes that `text` takes between the quotes of a JSON string."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return len(text)
    return len(encode_basestring(text).encode("utf-8", "replace")) - 2


def cut(text: str, limit: int) -> str:
    """Return `text`, or its beginning and its end, with what is missing between them.

    >>> cut("a" * 50 + "b" * 50, 40)
    'aaaaaaaaaa…[82 characters cut]…bbbbbbbb'
    """
    if size(text) <= limit:
        return text
    kept = min(len(text), limit)
    while kept > 0:
        shown = _without_middle(text, kept)
        taken = size(shown)
        if taken <= limit:
            return shown
        # In proportion: a character may take from one to six bytes.
        kept = min(kept - 1, kept - (taken - limit) // 6)
    return "…"


def head(text: str, start: int, limit: int) -> str:
    """Return as much of `text` from `start` on as fits."""
    shown = text[start : start + limit]
    while (taken := size(shown)) > limit:
        shown = shown[: min(len(shown) - 1, len(shown) * limit // taken)]
    return shown


def _without_middle(text: str, kept: int) -> str:
    first = (kept + 1) // 2
    last = len(text) - (kept - first)
    return f"{text[:first]}…[{last - first} characters cut]…{text[last:]}"
