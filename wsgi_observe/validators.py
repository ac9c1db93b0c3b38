"""Validators: each checks one kind of value and returns it in its canonical form."""

from __future__ import annotations

import logging
import math
import os
import re
import string
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from wsgi_observe.field_names import RESERVED_NAMES
from wsgi_observe.frozen import FrozenDict, freeze

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    Networks = tuple[IPv4Network | IPv6Network, ...]

Validator = Callable[[str, Any], Any]

MAX_WAIT_SECONDS = 86_400
"""A day: threading raises OverflowError for waits of some centuries."""


class SettingsError(ValueError):
    """A setting with an unknown name or an invalid value.

    :param setting: its name, or that of its environment variable.
    :param allowed: the values that it takes, in the words that follow "must be".
    :param got: the value that was given.
    """

    def __init__(self, setting: str, allowed: str, got: object) -> None:
        super().__init__(f"{setting} must be {allowed}, got {got!r}")
        self.setting = setting
        self.allowed = allowed
        self.got = got


class Undisclosed(str):
    """A description in place of a value that an error must not show."""

    __slots__ = ()
    __repr__ = str.__str__


# ---- words and switches


def one_of(*allowed: str) -> Validator:
    """Return a validator for one of a few words."""

    def validate(name: str, value: Any) -> str:
        if value not in allowed:
            raise SettingsError(name, "one of " + ", ".join(allowed), value)
        return str(value)

    return validate


def subset_of(*allowed: str, least: int = 0) -> Validator:
    """Return a validator for some of a few words, at least `least` of them."""
    expected = "some of " + ", ".join(allowed)
    return lambda name, value: strings(name, value, expected, allowed.__contains__, least)


def strings(
    name: str, value: Any, allowed: str, is_valid: Callable[[str], object], least: int = 0
) -> tuple[str, ...]:
    """Validate a sequence of strings, at least `least` of them, each by `is_valid`."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise SettingsError(name, allowed, value)
    result = tuple(value)
    for each in result:
        if not isinstance(each, str) or not is_valid(each):
            raise SettingsError(name, allowed, each)
    if len(result) < least:
        raise SettingsError(name, allowed, value)
    return result


def boolean(name: str, value: Any) -> bool:
    """Validate a bool; 1 and "yes" are booleans in the environment only."""
    if not isinstance(value, bool):
        raise SettingsError(name, "True or False", value)
    return value


def boolean_or_callable(name: str, value: Any) -> bool | Callable[..., object]:
    """Validate a bool, or a callable that decides each time."""
    if not isinstance(value, bool) and not callable(value):
        raise SettingsError(name, "True, False or a callable", value)
    return cast("bool | Callable[..., object]", value)


def callable_or_none(name: str, value: Any) -> Callable[..., Any] | None:
    """Validate an optional callable."""
    if value is not None and not callable(value):
        raise SettingsError(name, "a callable or None", value)
    return cast("Callable[..., Any] | None", value)


# ---- numbers


def seconds(name: str, value: Any) -> float:
    """Validate a number of seconds from 0 to a day."""
    allowed = f"a number of seconds from 0 to {MAX_WAIT_SECONDS}"
    return _number(name, value, allowed, lambda number: 0 <= number <= MAX_WAIT_SECONDS)


def seconds_or_none(name: str, value: Any) -> float | None:
    """Validate a number of seconds, 0 for never; None leaves the decision to the server."""
    return None if value is None else seconds(name, value)


def positive_seconds(name: str, value: Any) -> float:
    """Validate a number of seconds above 0, up to a day."""
    allowed = f"a number of seconds above 0, at most {MAX_WAIT_SECONDS}"
    return _number(name, value, allowed, lambda number: 0 < number <= MAX_WAIT_SECONDS)


def seconds_or_infinity(name: str, value: Any) -> float:
    """Validate a number of seconds above 0, up to a day, or infinity."""
    allowed = f"a number of seconds above 0, at most {MAX_WAIT_SECONDS}, or infinity"
    return _number(
        name, value, allowed, lambda number: 0 < number <= MAX_WAIT_SECONDS or number == math.inf
    )


def percentage(name: str, value: Any) -> float:
    """Validate a number above 0 and below 100."""
    return _number(name, value, "a number above 0 and below 100", lambda number: 0 < number < 100)


def port(name: str, value: Any) -> int:
    """Validate a TCP port that can be connected to."""
    return _whole_number(name, value, "a whole number", 1, 65535)


def line_bytes(name: str, value: Any) -> int:
    """Validate the longest line: it has room at least for the fields of every line."""
    return _whole_number(name, value, "a number of bytes", 1024, 1024 * 1024)


def _number(name: str, value: Any, allowed: str, is_valid: Callable[[float], bool]) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not is_valid(value):  # NaN fails each comparison
        raise SettingsError(name, allowed, value)
    return float(value)


def _whole_number(name: str, value: Any, noun: str, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise SettingsError(name, f"{noun} from {least} to {most}", value)
    return value


# ---- requests


def url_path(name: str, value: Any) -> str:
    """Validate a URL path; an empty string is off."""
    if not isinstance(value, str) or (value and not re.fullmatch(r"/[!-~]*", value)):
        raise SettingsError(name, 'a path that begins with "/", or "" for off', value)
    return value


# RFC 9110, section 5.6.2.
_match_token = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch


def header_names(name: str, value: Any) -> tuple[str, ...]:
    """Validate one or more header names."""
    allowed = "a sequence of header names such as X-Request-ID"
    return strings(name, value, allowed, _match_token, least=1)


def trusted_networks(name: str, value: Any) -> bool | Networks:
    """Validate True, False, or networks."""
    return value if isinstance(value, bool) else _networks(name, value, "True, False")


MAX_PROXIES = 32


def proxy_count_or_networks(name: str, value: Any) -> int | Networks:
    """Validate a number of proxies, or their networks."""
    alternative = f"a number of proxies from 0 to {MAX_PROXIES}"
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_PROXIES:
        return value
    return _networks(name, value, alternative)


def _networks(name: str, value: Any, alternative: str) -> Networks:
    from ipaddress import ip_network  # only for those who name networks

    error = SettingsError(name, f"{alternative} or networks such as 10.0.0.0/8", value)
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise error
    try:
        networks = tuple(ip_network(str(network)) for network in value)
    except ValueError as cause:
        raise error from cause
    if not networks:
        raise error
    return networks


# ---- logging


def log_levels(name: str, value: Any) -> str:
    """Validate root's level by name or number, and those of other loggers after commas."""
    if not isinstance(value, str):
        return _log_level(name, value)
    root, *others = value.split(",")
    pairs = [(logger.strip(), level) for logger, _, level in (o.partition("=") for o in others)]
    if not all(logger for logger, _ in pairs):
        raise SettingsError(name, "a level, then logger=level", value)
    levels = [f"{logger}={_log_level(name, level)}" for logger, level in pairs]
    return ",".join([_log_level(name, root), *levels])


def _log_level(name: str, value: Any) -> str:
    known = logging.getLevelNamesMapping()
    level = logging.getLevelName(value) if isinstance(value, int) else str(value).strip().upper()
    if level not in known:
        raise SettingsError(name, "one of " + ", ".join(sorted(known)), value)
    return str(level)


def log_stream(name: str, value: Any) -> str:
    """Validate the name of a stream, or a file's path."""
    if value in ("stdout", "stderr", "wsgi.errors"):
        return str(value)
    return _path(name, value, "stdout, stderr, wsgi.errors, or a path with a /")


def file_path(name: str, value: Any) -> str:
    """Validate a file's path; an empty string is none."""
    return "" if value == "" else _path(name, value, 'a path with a /, or "" for off')


def _path(name: str, value: Any, allowed: str) -> str:
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    # Without the slash a misspelt name would become a file.
    if not isinstance(path, str) or "/" not in path or "\0" in path:
        raise SettingsError(name, allowed, path)
    return path


def static_fields(name: str, value: Any) -> FrozenDict:
    """Validate the fields of every line: none has the name of a field of ours."""
    if not isinstance(value, Mapping):
        raise SettingsError(name, "a mapping of names to values", value)
    for key in value:
        if not isinstance(key, str) or not key or key in RESERVED_NAMES:
            raise SettingsError(name, "a mapping of names that no log line has itself", key)
    try:
        return FrozenDict(freeze(value))
    except RecursionError as error:
        raise SettingsError(name, "values that do not contain themselves", value) from error


# ---- redaction and users


def names(name: str, value: Any) -> tuple[str, ...]:
    """Validate a sequence of names, possibly empty."""
    allowed = "names such as ssn or order_note, each with a letter or a digit in it"
    return strings(name, value, allowed, lambda each: any(map(str.isalnum, each)))


_PATTERNS = "a list of regular expressions, as Python's re module has them"


def patterns(name: str, value: Any) -> tuple[str, ...]:
    """Validate regular expressions; one that matches the empty string would match everywhere."""
    result = strings(name, value, _PATTERNS, lambda each: True)
    for each in result:
        try:
            compiled = re.compile(each)
        except (re.error, OverflowError, RecursionError) as error:
            raise SettingsError(name, f"{_PATTERNS} ({error})", each) from None
        for sample in "", string.printable:
            if any(match.start() == match.end() for match in compiled.finditer(sample)):
                raise SettingsError(name, f"{_PATTERNS}, none that matches the empty string", each)
    return result


_MIN_KEY_BYTES = 32  # a shorter key can be found by trying (RFC 2104, section 3)


def secret_key_or_none(name: str, value: Any) -> bytes | None:
    """Validate an optional key; an empty string is none."""
    return None if value is None or value in ("", b"") else secret_key(name, value)


def secret_key(name: str, value: Any) -> bytes:
    """Validate a key, which no error shows."""
    key = value.encode() if isinstance(value, str) else value
    if not isinstance(key, bytes) or len(key) < _MIN_KEY_BYTES:
        got = f"{len(key)} bytes" if isinstance(key, bytes) else f"a {type(key).__name__}"
        allowed = f"a secret of at least {_MIN_KEY_BYTES} bytes"
        raise SettingsError(name, allowed, Undisclosed(got))
    return key


# ---- mail

# What RFC 5321 allows and people have; above all nothing that could end a header.
_match_address = re.compile(
    r"[!#-'*+/-9=?A-Z^-~-]+(?:\.[!#-'*+/-9=?A-Z^-~-]+)*@[A-Za-z0-9.-]+"
).fullmatch
_match_host = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?").fullmatch


def mail_addresses(name: str, value: Any) -> tuple[str, ...]:
    """Validate a sequence of mail addresses, possibly empty."""
    return strings(name, value, "mail addresses such as ops@example.com", _match_address)


def mail_address(name: str, value: Any) -> str:
    """Validate a mail address; an empty string is none."""
    if value != "" and (not isinstance(value, str) or not _match_address(value)):
        raise SettingsError(name, "a mail address such as shop@example.com", value)
    return str(value)


def host_and_port(name: str, value: Any) -> str:
    """Validate a host, with its port after a colon or without."""
    match = _match_host(value) if isinstance(value, str) else None
    if match is None or not 0 < int(match[1] or 25) < 65536:
        raise SettingsError(name, "a host such as mail.example.com or localhost:1025", value)
    return str(value)


def secret_string(name: str, value: Any) -> str:
    """Validate a string that no error shows."""
    if not isinstance(value, str):
        raise SettingsError(name, "a string", Undisclosed(f"a {type(value).__name__}"))
    return value


def validate_mail_settings(settings: Any) -> None:
    """Validate the settings of mail together."""
    if bool(settings.mail_user) != bool(settings.mail_password):
        got = Undisclosed("only one of them")
        raise SettingsError("mail_password", "given together with mail_user", got)
    is_local = settings.mail_host.partition(":")[0] in ("localhost", "127.0.0.1")
    if settings.mail_user and settings.mail_tls == "off" and not is_local:
        raise SettingsError("mail_tls", "starttls or tls, since a password is sent", "off")


# ---- readiness checks

_match_import_path = re.compile(r"[^\W\d][\w.]*:[^\W\d][\w.]*").fullmatch


def readiness_checks(name: str, value: Any) -> FrozenDict:
    """Validate a mapping of checks; `Readiness` validates each of them.

    An import path is not followed here: the arbiter of a server reads the settings, and what a
    check imports belongs in its workers.
    """
    if not isinstance(value, Mapping):
        raise SettingsError(name, "a mapping of names to callables, Checks or import paths", value)
    for check in value.values():
        if isinstance(check, str) and not _match_import_path(check):
            raise SettingsError(name, "import paths, package.module:attribute", check)
    return FrozenDict(value)
