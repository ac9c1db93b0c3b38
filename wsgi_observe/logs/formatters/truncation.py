"""Texts of untrusted size and content: truncation in the middle, escapes."""

from __future__ import annotations

from json.encoder import encode_basestring


def json_size(text: str) -> int:
    """Return the bytes that `text` takes between the quotes of a JSON string."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return len(text)
    try:
        return len(encode_basestring(text).encode()) - 2
    except UnicodeEncodeError:
        return len(encode_basestring(escape_surrogates(text)).encode()) - 2


def escape_surrogates(text: str) -> str:
    r"""Return `text` with lone surrogates, which UTF-8 has no form for, written as escapes.

    >>> escape_surrogates("a" + chr(0xDCFF))
    'a\\udcff'
    """
    return text.encode("utf-8", "backslashreplace").decode()


def escape_control_characters(text: str) -> str:
    r"""Return `text` with what is not printable written as escapes: it may forge a line.

    Control characters, terminal sequences, bidirectional overrides, lone surrogates.

    >>> escape_control_characters("a" + chr(27) + "[2J" + chr(0x202E))
    'a\\x1b[2J\\u202e'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def cut_middle(text: str, limit: int) -> str:
    """Return `text`, or its beginning and its end with the number of characters cut.

    >>> cut_middle("a" * 50 + "b" * 50, 40)
    'aaaaaaa…[86 characters cut]…bbbbbbb'
    """
    if json_size(text) <= limit:
        return text
    text = escape_surrogates(text)
    available = limit - json_size(_format_cut_marker(len(text)))
    if available <= 0:
        return "…" if limit >= json_size("…") else ""
    first = take_head(text, 0, (available + 1) // 2)
    last = take_head(text[-available:][::-1], 0, available - json_size(first))[::-1]
    return f"{first}{_format_cut_marker(len(text) - len(first) - len(last))}{last}"


def take_head(text: str, start: int, limit: int) -> str:
    """Return as much of `text`, from `start` on, as takes `limit` bytes."""
    shown = text[start : start + limit]
    while (byte_count := json_size(shown)) > limit:
        # In proportion: a character takes from one to six bytes.
        shown = shown[: min(len(shown) - 1, len(shown) * limit // byte_count)]
    return shown


def _format_cut_marker(count: int) -> str:
    return f"…[{count} characters cut]…"
