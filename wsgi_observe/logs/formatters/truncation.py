"""A text cut in its middle, to a size that counts as JSON counts."""

from __future__ import annotations

from json.encoder import encode_basestring


def size(text: str) -> int:
    """Return the bytes that `text` takes between the quotes of a JSON string."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return len(text)
    try:
        return len(encode_basestring(text).encode()) - 2
    except UnicodeEncodeError:
        return len(encode_basestring(in_utf8(text)).encode()) - 2


def in_utf8(text: str) -> str:
    r"""Return `text` with each lone surrogate, which UTF-8 cannot say, written out.

    >>> in_utf8("a" + chr(0xDCFF))
    'a\\udcff'
    """
    return text.encode("utf-8", "backslashreplace").decode()


def cut(text: str, limit: int) -> str:
    """Return `text`, or its beginning and its end, with what is missing between them.

    >>> cut("a" * 50 + "b" * 50, 40)
    'aaaaaaaa…[85 characters cut]…bbbbbbb'
    """
    if size(text) <= limit:
        return text
    text = in_utf8(text)
    room = limit - size(_mark(len(text)))
    if room <= 0:
        return "…" if limit >= size("…") else ""
    first = head(text, 0, (room + 1) // 2)
    last = _tail(text, room - size(first))
    return f"{first}{_mark(len(text) - len(first) - len(last))}{last}"


def head(text: str, start: int, limit: int) -> str:
    """Return as much of `text` from `start` on as fits."""
    shown = text[start : start + limit]
    while (taken := size(shown)) > limit:
        shown = shown[: _fewer(shown, limit, taken)]
    return shown


def _tail(text: str, limit: int) -> str:
    shown = text[max(0, len(text) - limit) :]
    while (taken := size(shown)) > limit:
        shown = shown[len(shown) - _fewer(shown, limit, taken) :]
    return shown


def _fewer(shown: str, limit: int, taken: int) -> int:
    """Return how many characters may fit, in proportion: one takes from one to six bytes."""
    return min(len(shown) - 1, len(shown) * limit // taken)


def _mark(count: int) -> str:
    return f"…[{count} characters cut]…"
