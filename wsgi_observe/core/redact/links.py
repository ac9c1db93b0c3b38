"""Tokens in the paths of links that are good for one time, as to reset a password."""

from __future__ import annotations

import re

from wsgi_observe.core.redact.words import REDACTED

SHORTEST_LINK = 23
"""The characters of the shortest path that there is one in."""

_PURPOSES = (
    *("reset", "verif", "confirm", "activat", "token", "invit", "unsubscri", "magic", "unlock"),
    "recover",
)
# `/reset/<token>`, and with the user before it, as Django has it: `/reset/MQ/<token>/`.
_link = re.compile(
    rf"(?P<before>/[\w.~-]{{0,40}}(?:{'|'.join(_PURPOSES)})[\w.~-]{{0,40}}/(?:[\w.~=%-]{{1,64}}/)?)"
    r"(?P<token>[\w.~=%-]{16,})",
    re.IGNORECASE,
)


def without_links(path: str) -> str:
    """Return a path without the token of such a link.

    >>> without_links("/reset/4f5d6e7a8b9c0d1e2f3a"), without_links("/reset/how-to-do-that")
    ('/reset/[REDACTED]', '/reset/how-to-do-that')
    """
    if len(path) < SHORTEST_LINK:
        return path
    folded = path.lower()
    return _link.sub(_shown, path) if any(map(folded.__contains__, _PURPOSES)) else path


def _shown(found: re.Match[str]) -> str:
    token = found["token"]
    has_digits = any(map(str.isdigit, token)) and any(map(str.isalpha, token))
    is_random = has_digits or (not token.islower() and not token.isupper())
    return f"{found['before']}{REDACTED}" if is_random else found[0]
