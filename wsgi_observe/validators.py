"""Fit-checks for settings: each returns the value in its one right form, or says what is wrong."""

from __future__ import annotations

import logging
import math
import os
import re
import string
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from wsgi_observe.field_names import RESERVED_NAMES
from wsgi_observe.frozen import FrozenDict, frozen

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

Validator = Callable[[str, Any], Any]
Parser = Callable[[str, str], Any]

MAX_WAIT_SECONDS = 86_400.0
"""A day, in seconds: threading raises OverflowError for waits of some centuries."""

# RFC 9110, section 5.6.2.
_match_token = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_BOOLEANS = {
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


def one_of(*allowed: str) -> Validator:
    """Return the check for a word out of a few."""

    def validate(name: str, value: Any) -> str:
        if value not in allowed:
            raise SettingsError(name, "one of " + ", ".join(allowed), value)
        return str(value)

    return validate


def boolean(name: str, value: Any) -> bool:
    """Check a bool; 1 and "yes" are not one outside the environment."""
    if not isinstance(value, bool):
        raise SettingsError(name, "True or False", value)
    return value


def boolean_or_callable(name: str, value: Any) -> bool | Callable[..., object]:
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


def seconds_or_infinity(name: str, value: Any) -> float:
    """Check a number of seconds above 0, up to a day, or infinity."""
    is_infinite = isinstance(value, float) and value == math.inf
    return value if is_infinite else _seconds(name, value, "above 0", ", or infinity")


def url_path(name: str, value: Any) -> str:
    """Check a URL path, or the empty string for off."""
    if not isinstance(value, str) or (value and not re.fullmatch(r"/[!-~]*", value)):
        raise SettingsError(name, 'a path that begins with "/", or "" for off', value)
    return value


def log_levels(name: str, value: Any) -> str:
    """Check root's level by name or number, and those of other loggers behind commas."""
    if not isinstance(value, str):
        return _log_level(name, value)
    first, *others = value.split(",")
    pairs = [other.partition("=") for other in others]
    result = [
        f"{logger.strip()}={_log_level(name, value_text.strip())}"
        for logger, _, value_text in pairs
    ]
    if any(item.startswith("=") for item in result):
        raise SettingsError(name, "a level, then logger=level", value)
    return ",".join([_log_level(name, first.strip()), *result])


def _log_level(name: str, value: Any) -> str:
    names = logging.getLevelNamesMapping()
    level = logging.getLevelName(value) if isinstance(value, int) else str(value).upper()
    if level not in names:
        raise SettingsError(name, "one of " + ", ".join(sorted(names)), value)
    return str(level)


def log_stream(name: str, value: Any) -> str:
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
    names = _nonempty_list(name, value, "header names")
    for header in names:
        if not isinstance(header, str) or not _match_token(header):
            raise SettingsError(name, "header names such as X-Request-ID", header)
    return tuple(names)


def trusted_networks(
    name: str, value: Any, alternatives: str = "True, False"
) -> bool | tuple[IPv4Network | IPv6Network, ...]:
    """Check True, False, or networks; `alternatives` is what is allowed beside networks."""
    if isinstance(value, bool):
        return value
    from ipaddress import ip_network  # for those who name networks

    try:
        return tuple(
            ip_network(str(network)) for network in _nonempty_list(name, value, "networks")
        )
    except ValueError as error:
        raise SettingsError(
            name, f"{alternatives} or networks such as 10.0.0.0/8", value
        ) from error


def static_fields(name: str, value: Any) -> dict[str, object]:
    """Check the fields of every line: their names must be free."""
    if not isinstance(value, Mapping):
        raise SettingsError(name, "a mapping of names to values", value)
    for key in value:
        if not isinstance(key, str) or not key or key in RESERVED_NAMES:
            raise SettingsError(name, "names that the line does not have itself", key)
    try:
        fields: dict[str, object] = frozen(value)
    except RecursionError as error:
        raise SettingsError(name, "values that do not hold themselves", value) from error
    return fields


def parse_string(name: str, value: str) -> str:
    """Read a setting's text as it stands."""
    return value


def parse_float(name: str, value: str) -> float:
    """Read a decimal number."""
    try:
        return float(value)
    except ValueError as error:
        raise SettingsError(name, "a number", value) from error


def parse_int(name: str, value: str) -> int:
    """Read a whole number."""
    try:
        return int(value)
    except ValueError as error:
        raise SettingsError(name, "a whole number", value) from error


def parse_boolean(name: str, value: str) -> bool:
    """Read ``1 true yes on`` or ``0 false no off``."""
    if value.lower() not in _BOOLEANS:
        raise SettingsError(name, "one of " + ", ".join(_BOOLEANS), value)
    return _BOOLEANS[value.lower()]


def split_commas(name: str, value: str) -> tuple[str, ...]:
    """Read items between commas."""
    return tuple(item.strip() for item in value.split(","))


def parse_boolean_or_items(name: str, value: str) -> bool | tuple[str, ...]:
    """Read a switch, or items between commas."""
    return _BOOLEANS[value.lower()] if value.lower() in _BOOLEANS else split_commas(name, value)


def parse_mapping(name: str, value: str) -> dict[str, str]:
    """Read ``service=shop,version=1.2``."""
    result = {}
    for item in split_commas(name, value) if value else ():
        key, equals, value_text = item.partition("=")
        if not equals:
            raise SettingsError(name, "name=value, with commas between", value)
        result[key.strip()] = value_text.strip()
    return result


def import_string(name: str, value: str) -> Any:
    """Read an import path, ``package.module:attribute``."""
    module, _, attribute = value.partition(":")
    try:
        result = import_module(module)
        for part in attribute.split("."):
            result = getattr(result, part)
    except Exception as error:  # also what the module raises as it is imported
        allowed = f"an import path, package.module:attribute ({error})"
        raise SettingsError(name, allowed, value) from error
    return result


def parse_boolean_or_import(name: str, value: str) -> Any:
    """Read a switch, or an import path."""
    return _BOOLEANS[value.lower()] if value.lower() in _BOOLEANS else import_string(name, value)


def _nonempty_list(name: str, value: Any, noun: str) -> list[Any]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise SettingsError(name, f"a sequence of {noun}", value)
    values = list(value)
    if not values:
        raise SettingsError(name, f"at least one of the {noun}", value)
    return values


def _seconds(name: str, value: Any, least: str, end: str = "", *, zero: bool = False) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # NaN fails each comparison.
    if not is_number or not (0 < value <= MAX_WAIT_SECONDS or (zero and value == 0)):
        raise SettingsError(
            name, f"a number of seconds {least} to {MAX_WAIT_SECONDS:.0f}{end}", value
        )
    return float(value)


_match_import_path = re.compile(r"[^\W\d][\w.]*:[^\W\d][\w.]*").fullmatch


def readiness_checks(name: str, value: Any) -> dict[str, Any]:
    """Check a mapping; the engine that runs the checks judges them itself.

    An import path is not followed here: the arbiter of a server reads the settings, and what a
    check imports belongs in its workers.
    """
    if not isinstance(value, Mapping):
        raise SettingsError(name, "a mapping of names to callables, Checks or import paths", value)
    for validate in value.values():
        if isinstance(validate, str) and not _match_import_path(validate):
            raise SettingsError(name, "import paths, package.module:attribute", validate)
    return FrozenDict(value)


def seconds_or_none(name: str, value: Any) -> float | None:
    """Check a number of seconds, 0 for never; None where the server's own setting decides."""
    return None if value is None else seconds(name, value)


def file_path(name: str, value: Any) -> str:
    """Check a file's path, or the empty string for none."""
    value = os.fspath(value) if isinstance(value, os.PathLike) else value
    # Without the slash a slip of the pen would become a file.
    if not isinstance(value, str) or (value and "/" not in value) or "\0" in value:
        raise SettingsError(name, 'a path with a /, or "" for off', value)
    return value


_ALLOWED_ADDRESSES = "mail addresses such as ops@example.com"

# What RFC 5321 allows and people have; above all nothing that could end a header.
_ADDRESS_PATTERN = r"[!#-'*+/-9=?A-Z^-~-]+(?:\.[!#-'*+/-9=?A-Z^-~-]+)*@[A-Za-z0-9.-]+"
_HOST_PATTERN = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?"


def mail_addresses(name: str, value: Any) -> tuple[str, ...]:
    """Check mail addresses, if any."""
    return strings(
        name, value, _ALLOWED_ADDRESSES, lambda each: re.fullmatch(_ADDRESS_PATTERN, each)
    )


def mail_address(name: str, value: Any) -> str:
    """Check one mail address, or an empty text for none."""
    if value != "" and (not isinstance(value, str) or not re.fullmatch(_ADDRESS_PATTERN, value)):
        raise SettingsError(name, "a mail address such as shop@example.com", value)
    return str(value)


def host_and_port(name: str, value: Any) -> str:
    """Check a host, and its port behind a colon."""
    result = re.fullmatch(_HOST_PATTERN, value) if isinstance(value, str) else None
    if result is None or not 0 < int(result[1] or 25) < 65536:
        raise SettingsError(name, "a host such as mail.example.com or localhost:1025", value)
    return str(value)


def secret_string(name: str, value: Any) -> str:
    """Check a text that no error may tell."""
    if not isinstance(value, str):
        raise SettingsError(name, "a text", f"a {type(value).__name__}")
    return value


def validate_mail_settings(settings: Any) -> None:
    """Check what only the settings of mail together can tell."""
    if bool(settings.mail_user) != bool(settings.mail_password):
        raise SettingsError("mail_password", "both mail_user and mail_password, or none", "one")
    is_local = settings.mail_host.partition(":")[0] in ("localhost", "127.0.0.1")
    if settings.mail_user and settings.mail_tls == "off" and not is_local:
        raise SettingsError("mail_tls", "starttls or tls, since a password is sent", "off")


_PATTERNS = "a list of regular expressions, as Python's re module has them"
_ALLOWED_NAMES = "names such as ssn or order_note, each with a letter or a digit in it"


def names(name: str, value: Any) -> tuple[str, ...]:
    """Check names, if any."""
    return strings(name, value, _ALLOWED_NAMES, lambda each: any(map(str.isalnum, each)))


def strings(
    name: str, value: Any, allowed: str, is_valid: Callable[[str], object]
) -> tuple[str, ...]:
    """Check texts, if any, each by `is_valid`."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise SettingsError(name, allowed, value)
    result = tuple(value)
    for each in result:
        if not isinstance(each, str) or not is_valid(each):
            raise SettingsError(name, allowed, each)
    return result


def patterns(name: str, value: Any) -> tuple[str, ...]:
    """Check regular expressions, if any; one that matches no character would match everywhere."""
    result = strings(name, value, _PATTERNS, lambda each: True)
    for each in result:
        try:
            compiled = re.compile(each)
        except (re.error, OverflowError, RecursionError) as error:
            raise SettingsError(name, f"{_PATTERNS} ({error})", each) from None
        for parse_string in "", string.printable:
            if any(match.start() == match.end() for match in compiled.finditer(parse_string)):
                raise SettingsError(name, f"{_PATTERNS}, none that matches the empty string", each)
    return result


def subset_of(*allowed: str, least: int = 0) -> Validator:
    """Return the check for some words out of a few."""
    expected = "some of " + ", ".join(allowed)

    def validate(name: str, value: Any) -> tuple[str, ...]:
        result = strings(name, value, expected, allowed.__contains__)
        if len(result) < least:
            raise SettingsError(name, expected, value)
        return result

    return validate


def parse_names(name: str, value: str) -> tuple[str, ...]:
    """Read names between commas; nothing at all is none."""
    return split_commas(name, value) if value else ()


def pattern_lines(name: str, value: str) -> tuple[str, ...]:
    """Read regular expressions, one on each line: a comma or a bracket may be part of one."""
    return tuple(line.strip() for line in value.split("\n") if line.strip())
