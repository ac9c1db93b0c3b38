"""Fit-checks for settings: each returns the value in its one right form, or says what is wrong."""

from __future__ import annotations

import logging
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from wsgi_observe.core.frozen import frozen
from wsgi_observe.core.names import RESERVED

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

Check = Callable[[str, Any], Any]
Parse = Callable[[str, str], Any]

LONGEST_WAIT = 86_400.0
"""A day, in seconds: threading raises OverflowError for waits of some centuries."""

# RFC 9110, section 5.6.2.
_is_token = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_SWITCH = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


class SettingsError(ValueError):
    """A setting that cannot be used: which one, what is allowed, what it got."""

    def __init__(self, setting: str, allowed: str, got: object) -> None:
        super().__init__(f"{setting}: allowed is {allowed}; got {got!r}")
        self.setting = setting
        self.allowed = allowed
        self.got = got


def one_of(*allowed: str) -> Check:
    """Return the check for a word out of a few."""

    def check(name: str, value: Any) -> str:
        if value not in allowed:
            raise SettingsError(name, "one of " + ", ".join(allowed), value)
        return str(value)

    return check


def switch(name: str, value: Any) -> bool:
    """Check a bool; 1 and "yes" are not one outside the environment."""
    if not isinstance(value, bool):
        raise SettingsError(name, "True or False", value)
    return value


def switch_or_callable(name: str, value: Any) -> bool | Callable[..., object]:
    """Check a bool, or a callable that decides each time."""
    if not isinstance(value, bool) and not callable(value):
        raise SettingsError(name, "True, False or a callable", value)
    return cast("bool | Callable[..., object]", value)


def callable_or_none(name: str, value: Any) -> Callable[..., Any] | None:
    """Check a callable that may be left out."""
    if value is not None and not callable(value):
        raise SettingsError(name, "a callable or None", value)
    return cast("Callable[..., Any] | None", value)


def seconds(name: str, value: Any) -> float:
    """Check a number of seconds, from 0 to a day."""
    return _seconds(name, value, "from 0", zero=True)


def positive_seconds(name: str, value: Any) -> float:
    """Check a number of seconds above 0, up to a day."""
    return _seconds(name, value, "above 0")


def seconds_or_never(name: str, value: Any) -> float:
    """Check a number of seconds above 0, up to a day, or infinity."""
    is_never = isinstance(value, float) and value == math.inf
    return value if is_never else _seconds(name, value, "above 0", ", or infinity")


def path(name: str, value: Any) -> str:
    """Check a URL path, or the empty string for off."""
    if not isinstance(value, str) or (value and not re.fullmatch(r"/[!-~]*", value)):
        raise SettingsError(name, 'a path that begins with "/", or "" for off', value)
    return value


def levels(name: str, value: Any) -> str:
    """Check root's level by name or number, and those of other loggers behind commas."""
    if not isinstance(value, str):
        return _level(name, value)
    first, *others = value.split(",")
    pairs = [other.partition("=") for other in others]
    found = [f"{logger.strip()}={_level(name, said.strip())}" for logger, _, said in pairs]
    if any(item.startswith("=") for item in found):
        raise SettingsError(name, "a level, then logger=level", value)
    return ",".join([_level(name, first.strip()), *found])


def _level(name: str, value: Any) -> str:
    names = logging.getLevelNamesMapping()
    known = logging.getLevelName(value) if isinstance(value, int) else str(value).upper()
    if known not in names:
        raise SettingsError(name, "one of " + ", ".join(sorted(names)), value)
    return str(known)


def stream(name: str, value: Any) -> str:
    """Check the name of a stream, or a file's path."""
    value = os.fspath(value) if isinstance(value, os.PathLike) else value
    if value in ("stdout", "stderr", "wsgi.errors"):
        return str(value)
    # Without the slash a slip of the pen would become a file.
    if not isinstance(value, str) or "/" not in value or "\0" in value:
        raise SettingsError(name, "stdout, stderr, wsgi.errors, or a path with a /", value)
    return value


def line_bytes(name: str, value: Any) -> int:
    """Check how long a line may be: room for the fields that it always has."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1024 <= value <= 1024 * 1024:
        raise SettingsError(name, "a number of bytes from 1024 to 1048576", value)
    return value


def header_names(name: str, value: Any) -> tuple[str, ...]:
    """Check one or more header names."""
    names = _several(name, value, "header names")
    for header in names:
        if not isinstance(header, str) or not _is_token(header):
            raise SettingsError(name, "header names such as X-Request-ID", header)
    return tuple(names)


def trust(
    name: str, value: Any, otherwise: str = "True, False"
) -> bool | tuple[IPv4Network | IPv6Network, ...]:
    """Check True, False, or networks; `otherwise` is what is allowed beside networks."""
    if isinstance(value, bool):
        return value
    from ipaddress import ip_network  # for those who name networks

    try:
        return tuple(ip_network(str(network)) for network in _several(name, value, "networks"))
    except ValueError as error:
        raise SettingsError(name, f"{otherwise} or networks such as 10.0.0.0/8", value) from error


def static_fields(name: str, value: Any) -> dict[str, object]:
    """Check the fields of every line: their names must be free."""
    if not isinstance(value, Mapping):
        raise SettingsError(name, "a mapping of names to values", value)
    for key in value:
        if not isinstance(key, str) or not key or key in RESERVED:
            raise SettingsError(name, "names that the line does not have itself", key)
    try:
        fields: dict[str, object] = frozen(value)
    except RecursionError as error:
        raise SettingsError(name, "values that do not hold themselves", value) from error
    return fields


def text(name: str, value: str) -> str:
    """Read a setting's text as it stands."""
    return value


def number(name: str, value: str) -> float:
    """Read a decimal number."""
    try:
        return float(value)
    except ValueError as error:
        raise SettingsError(name, "a number", value) from error


def whole_number(name: str, value: str) -> int:
    """Read a whole number."""
    try:
        return int(value)
    except ValueError as error:
        raise SettingsError(name, "a whole number", value) from error


def switch_text(name: str, value: str) -> bool:
    """Read ``1 true yes on`` or ``0 false no off``."""
    if value.lower() not in _SWITCH:
        raise SettingsError(name, "one of " + ", ".join(_SWITCH), value)
    return _SWITCH[value.lower()]


def items(name: str, value: str) -> tuple[str, ...]:
    """Read items between commas."""
    return tuple(item.strip() for item in value.split(","))


def switch_or_items(name: str, value: str) -> bool | tuple[str, ...]:
    """Read a switch, or items between commas."""
    return _SWITCH[value.lower()] if value.lower() in _SWITCH else items(name, value)


def pairs(name: str, value: str) -> dict[str, str]:
    """Read ``service=shop,version=1.2``."""
    found = {}
    for item in items(name, value) if value else ():
        key, equals, said = item.partition("=")
        if not equals:
            raise SettingsError(name, "name=value, with commas between", value)
        found[key.strip()] = said.strip()
    return found


def imported(name: str, value: str) -> Any:
    """Read an import path, ``package.module:attribute``."""
    module, _, attribute = value.partition(":")
    try:
        found = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:  # also what the module raises as it is imported
        allowed = f"an import path, package.module:attribute ({error})"
        raise SettingsError(name, allowed, value) from error
    return found


def switch_or_import(name: str, value: str) -> Any:
    """Read a switch, or an import path."""
    return _SWITCH[value.lower()] if value.lower() in _SWITCH else imported(name, value)


def _several(name: str, value: Any, what: str) -> list[Any]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise SettingsError(name, f"a sequence of {what}", value)
    values = list(value)
    if not values:
        raise SettingsError(name, f"at least one of the {what}", value)
    return values


def _seconds(name: str, value: Any, least: str, end: str = "", *, zero: bool = False) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # NaN fails each comparison.
    if not is_number or not (0 < value <= LONGEST_WAIT or (zero and value == 0)):
        raise SettingsError(name, f"a number of seconds {least} to {LONGEST_WAIT:.0f}{end}", value)
    return float(value)
