"""Fit-check for the names that are added to a list, or taken from it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wsgi_observe.core.fit import SettingsError, items

_ALLOWED = "names such as ssn or order_note, each with a letter or a digit in it"


def words(name: str, value: Any) -> tuple[str, ...]:
    """Check names, if any."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise SettingsError(name, _ALLOWED, value)
    found = tuple(value)
    for each in found:
        if not isinstance(each, str) or not any(map(str.isalnum, each)):
            raise SettingsError(name, _ALLOWED, each)
    return found


def word_items(name: str, value: str) -> tuple[str, ...]:
    """Read names between commas; nothing at all is none."""
    return items(name, value) if value else ()
