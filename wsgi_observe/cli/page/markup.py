"""HTML elements whose texts are escaped: a log line is what an attacker writes."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from wsgi_observe.logs.formatters.truncation import cut_middle, escape_control_characters

_MAX_TEXT_BYTES = 8000
_VOID = frozenset({"input"})  # of HTML alone: in SVG, what is not closed has what follows in it
_PARAMETERS = {"class_": "class", "for_": "for"}


class Html(str):
    """Text that is HTML already; only this module makes it."""

    __slots__ = ()


Child = str | Iterable[str]
"""A text, which is escaped unless it is `Html`, or several of them."""


def element(tag: str, *children: Child, **attributes: str | float | bool | None) -> Html:
    """Return an element. `True` is an attribute without a value, `None` and `False` none.

    >>> element("p", "a < b", class_="note", hidden=False)
    '<p class="note">a &lt; b</p>'
    """
    start = f"<{tag}{_format_attributes(attributes)}>"
    return Html(start if tag in _VOID else f"{start}{join(children)}</{tag}>")


def join(children: Iterable[Child]) -> Html:
    """Return texts and elements as one."""
    return Html("".join([_to_html(child) for child in children]))


def to_shown(text: str, limit: int = _MAX_TEXT_BYTES) -> str:
    r"""Return a text of a log as it may be shown: bounded, with its line breaks, else printable.

    Bidirectional overrides and control characters become escapes, as on a terminal: what they
    would do to the text beside them is not what was logged.
    """
    if len(text) > limit // 6:  # a character takes up to 6 bytes there
        text = cut_middle(text, limit)
    if text.isprintable():
        return text
    return "\n".join(map(_escape_line, text.splitlines()))


def _escape_line(line: str) -> str:
    return escape_control_characters(line.replace("\t", "    "))


def _to_html(child: Child) -> str:
    if isinstance(child, Html):
        return child
    if isinstance(child, str):
        return escape(to_shown(child), quote=False)
    return join(child)


def _format_attributes(attributes: dict[str, str | float | bool | None]) -> str:
    parts = []
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        name = _PARAMETERS.get(name, name).replace("_", "-")
        if value is True:
            parts.append(f" {name}")
        else:
            text = to_shown(value) if isinstance(value, str) else f"{value:g}"
            parts.append(f' {name}="{escape(text)}"')
    return "".join(parts)
