"""Fit-checks for several texts, such as the names that are added to a list."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable
from typing import Any

from wsgi_observe.core.fit import Check, SettingsError, items

_PATTERNS = "a list of regular expressions, as Python's re module has them"
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


def patterns(name: str, value: Any) -> tuple[str, ...]:
    """Check regular expressions, if any; one that matches no character would match everywhere."""
    found = texts(name, value, _PATTERNS, lambda each: True)
    for each in found:
        try:
            compiled = re.compile(each)
        except (re.error, OverflowError, RecursionError) as error:
            raise SettingsError(name, f"{_PATTERNS} ({error})", each) from None
        for text in "", string.printable:
            if any(match.start() == match.end() for match in compiled.finditer(text)):
                raise SettingsError(name, f"{_PATTERNS}, none that matches the empty string", each)
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


def pattern_lines(name: str, value: str) -> tuple[str, ...]:
    """Read regular expressions, one on each line: a comma or a bracket may be part of one."""
    return tuple(line.strip() for line in value.split("\n") if line.strip())
