"""Parsers: each reads a setting's value from the text of an environment variable.

Validators then check what was read.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from wsgi_observe.validators import SettingsError

Parser = Callable[[str, str], Any]

_BOOLEANS = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


def parse_string(name: str, text: str) -> str:
    """Return the text as it is."""
    return text


def parse_float(name: str, text: str) -> float:
    """Parse a decimal number."""
    try:
        return float(text)
    except ValueError as error:
        raise SettingsError(name, "a number", text) from error


def parse_int(name: str, text: str) -> int:
    """Parse a whole number."""
    try:
        return int(text)
    except ValueError as error:
        raise SettingsError(name, "a whole number", text) from error


def parse_boolean(name: str, text: str) -> bool:
    """Parse ``1 true yes on`` or ``0 false no off``."""
    if text.lower() not in _BOOLEANS:
        raise SettingsError(name, "one of " + ", ".join(_BOOLEANS), text)
    return _BOOLEANS[text.lower()]


def parse_list(name: str, text: str) -> tuple[str, ...]:
    """Split at commas; an empty text is an empty list."""
    return tuple(item.strip() for item in text.split(",")) if text else ()


def parse_lines(name: str, text: str) -> tuple[str, ...]:
    """Split at line breaks, for regular expressions: a comma or a bracket may be part of one."""
    return tuple(line.strip() for line in text.split("\n") if line.strip())


def parse_mapping(name: str, text: str) -> dict[str, str]:
    """Parse ``service=shop,version=1.2``."""
    pairs = [item.partition("=") for item in parse_list(name, text)]
    if not all(equals for _, equals, _ in pairs):
        raise SettingsError(name, "name=value, with commas between", text)
    return {key.strip(): value.strip() for key, _, value in pairs}


def parse_boolean_or_list(name: str, text: str) -> bool | tuple[str, ...]:
    """Parse a boolean, or split at commas."""
    return _BOOLEANS[text.lower()] if text.lower() in _BOOLEANS else parse_list(name, text)


def parse_int_or_list(name: str, text: str) -> int | tuple[str, ...]:
    """Parse a whole number, or split at commas."""
    return int(text) if text.isdecimal() and len(text) < 10 else parse_list(name, text)


def parse_boolean_or_import(name: str, text: str) -> Any:
    """Parse a boolean, or import an object."""
    return _BOOLEANS[text.lower()] if text.lower() in _BOOLEANS else import_object(name, text)


def import_object(name: str, path: str) -> Any:
    """Import the object of an import path, ``package.module:attribute``."""
    module, _, attribute = path.partition(":")
    try:
        result = import_module(module)
        for part in attribute.split("."):
            result = getattr(result, part)
    except Exception as error:  # also what the module raises as it is imported
        allowed = f"an import path, package.module:attribute ({error})"
        raise SettingsError(name, allowed, path) from error
    return result
