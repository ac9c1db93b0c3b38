"""Fit-checks for several texts, such as the names that are added to a list."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from wsgi_observe.core.fit import Check, SettingsError, items

_ALLOWED = "names such as ssn or order_note, each with a letter or a digit in it"


def words(name: str, value: Any) -> tuple[str, ...]:
    """Check names, if any."""
    return texts(name, value, _ALLOWED, lambda each: any(map(str.isalnum, each)))


def texts(name: str, value: Any, allowed: str, is_fit: Callable[[str], object]) -> tuple[str, ...]:
    """Check texts, if any, each by `is_fit`."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise SettingsError(name, allowed, value)
    found = tuple(value)
    for each in found:
        if not isinstance(each, str) or not is_fit(each):
            raise SettingsError(name, allowed, each)
    return found


def some_of(*allowed: str, least: int = 0) -> Check:
    """Return the check for some words out of a few."""
    expected = "some of " + ", ".join(allowed)

    def check(name: str, value: Any) -> tuple[str, ...]:
        found = texts(name, value, expected, allowed.__contains__)
        if len(found) < least:
            raise SettingsError(name, expected, value)
        return found

    return check


def word_items(name: str, value: str) -> tuple[str, ...]:
    """Read names between commas; nothing at all is none."""
    return items(name, value) if value else ()
