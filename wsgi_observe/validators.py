"""Validators: each checks one kind of value and returns it in its canonical form, immutable."""

from __future__ import annotations

import logging
import math
import os
import re
import string
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from wsgi_observe.field_names import RESERVED_NAMES

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    Networks = tuple[IPv4Network | IPv6Network, ...]

Validator = Callable[[str, Any], Any]
"""Called with the name of a setting and its value; raises `SettingsError`."""

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


class FrozenDict(dict[Any, Any]):
    """An immutable dictionary with a hash.

    Not a ``MappingProxyType``, which can be neither pickled nor, before Python 3.12, hashed.
    """

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self))  # not of the values, which may have none

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenDict, (dict(self),)

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError(f"{type(self).__name__} cannot be changed: {self!r}")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse


def _freeze(value: Any) -> Any:
    """Return an immutable copy of nested containers; any other value as it is.

    :raises RecursionError: for a container that contains itself.
    """
    if isinstance(value, Mapping):
        return FrozenDict({name: _freeze(item) for name, item in value.items()})
    if isinstance(value, (set, frozenset)):
        return frozenset(value)
    return tuple(map(_freeze, value)) if type(value) in (list, tuple) else value


# ---- kinds of validators


def _accept(allowed: str, is_valid: Callable[[Any], object]) -> Validator:
    """Return a validator for the values that `is_valid` is true of."""

    def validate(name: str, value: Any) -> Any:
        if not is_valid(value):
            raise SettingsError(name, allowed, value)
        return value

    return validate


def one_of(*allowed: str) -> Validator:
    """Return a validator for one of a few words."""
    return _accept("one of " + ", ".join(allowed), allowed.__contains__)


def subset_of(*allowed: str, least: int = 0) -> Validator:
    """Return a validator for some of a few words, at least `least` of them."""
    return _strings("some of " + ", ".join(allowed), allowed.__contains__, least)


def _strings(allowed: str, is_valid: Callable[[str], object], least: int = 0) -> Validator:
    """Return a validator for a sequence of strings, at least `least` of them."""

    def validate(name: str, value: Any) -> tuple[str, ...]:
        if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
            raise SettingsError(name, allowed, value)
        result = tuple(value)
        for each in result:
            if not isinstance(each, str) or not is_valid(each):
                raise SettingsError(name, allowed, each)
        if len(result) < least:
            raise SettingsError(name, allowed, value)
        return result

    return validate


def _number(allowed: str, is_valid: Callable[[float], bool]) -> Callable[[str, Any], float]:
    """Return a validator for a number; NaN fails each comparison."""
    accept = _accept(allowed, lambda value: _is_number(value, (int, float)) and is_valid(value))
    return lambda name, value: float(accept(name, value))


def _whole_number(noun: str, least: int, most: int) -> Validator:
    return _accept(
        f"{noun} from {least} to {most}",
        lambda value: _is_number(value, int) and least <= value <= most,
    )


def _is_number(value: object, types: type | tuple[type, ...]) -> bool:
    return isinstance(value, types) and not isinstance(value, bool)


# ---- switches, callables and numbers

boolean = _accept("True or False", lambda value: isinstance(value, bool))
boolean_or_callable = _accept(
    "True, False or a callable", lambda value: isinstance(value, bool) or callable(value)
)
callable_or_none = _accept("a callable or None", lambda value: value is None or callable(value))

seconds = _number(
    f"a number of seconds from 0 to {MAX_WAIT_SECONDS}",
    lambda number: 0 <= number <= MAX_WAIT_SECONDS,
)
positive_seconds = _number(
    f"a number of seconds above 0, at most {MAX_WAIT_SECONDS}",
    lambda number: 0 < number <= MAX_WAIT_SECONDS,
)
seconds_or_infinity = _number(
    f"a number of seconds above 0, at most {MAX_WAIT_SECONDS}, or infinity",
    lambda number: 0 < number <= MAX_WAIT_SECONDS or number == math.inf,
)
percentage = _number("a number above 0 and below 100", lambda number: 0 < number < 100)
query_count = _whole_number("a whole number", 0, 1_000_000)
port = _whole_number("a whole number", 1, 65535)
line_bytes = _whole_number("a number of bytes", 1024, 1024 * 1024)  # room for every line's fields


def seconds_or_none(name: str, value: Any) -> float | None:
    """Validate a number of seconds, 0 for never; None leaves the decision to the server."""
    return None if value is None else seconds(name, value)


# ---- requests

url_path = _accept(
    'a path that begins with "/", or "" for off',
    lambda value: isinstance(value, str) and (not value or re.fullmatch(r"/[!-~]*", value)),
)
header_names = _strings(
    "a sequence of header names such as X-Request-ID",
    re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch,  # RFC 9110, section 5.6.2
    least=1,
)


def trusted_networks(name: str, value: Any) -> bool | Networks:
    """Validate True, False, or networks."""
    return value if isinstance(value, bool) else _networks(name, value, "True, False")


def host_entries(name: str, value: Any) -> tuple[str, ...]:
    """Validate an allow-list of hosts."""
    allowed = "hosts such as api.example.com, *.internal, localhost:8080 or 10.0.0.0/8"
    entries = _strings(allowed, bool)(name, value)
    if not entries:
        return ()
    from wsgi_observe.allowed_hosts import parse_entry  # only for those who have one

    result = []
    for each in entries:
        try:
            result.append(str(parse_entry(each)))
        except ValueError as error:
            raise SettingsError(name, allowed, each) from error
    return tuple(result)


MAX_PROXIES = 32


def proxy_count_or_networks(name: str, value: Any) -> int | Networks:
    """Validate a number of proxies, or their networks."""
    if _is_number(value, int) and 0 <= value <= MAX_PROXIES:
        return int(value)
    return _networks(name, value, f"a number of proxies from 0 to {MAX_PROXIES}")


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


def _path_or(allowed: str, *others: str) -> Validator:
    """Return a validator for a file's path, or one of the words `others`."""

    def validate(name: str, value: Any) -> str:
        path = os.fspath(value) if isinstance(value, os.PathLike) else value
        # Without the slash a misspelt name would become a file.
        is_path = isinstance(path, str) and "/" in path and "\0" not in path
        if path not in others and not is_path:
            raise SettingsError(name, allowed, path)
        return str(path)

    return validate


_STREAMS = ("stdout", "stderr", "wsgi.errors")
log_stream = _path_or(f"{', '.join(_STREAMS)}, or a path with a /", *_STREAMS)
file_path = _path_or('a path with a /, or "" for off', "")


def static_fields(name: str, value: Any) -> FrozenDict:
    """Validate the fields of every line: none has the name of a field of ours."""
    if not isinstance(value, Mapping):
        raise SettingsError(name, "a mapping of names to values", value)
    for key in value:
        if not isinstance(key, str) or not key or key in RESERVED_NAMES:
            raise SettingsError(name, "a mapping of names that no log line has itself", key)
    try:
        return FrozenDict(_freeze(value))
    except RecursionError as error:
        raise SettingsError(name, "values that do not contain themselves", value) from error


# ---- redaction and users

names = _strings(
    "names such as ssn or order_note, each with a letter or a digit in it",
    lambda name: any(map(str.isalnum, name)),
)

_PATTERNS = "a list of regular expressions, as Python's re module has them"
_pattern_strings = _strings(_PATTERNS, lambda pattern: True)


def patterns(name: str, value: Any) -> tuple[str, ...]:
    """Validate regular expressions; one that matches the empty string would match everywhere."""
    result: tuple[str, ...] = _pattern_strings(name, value)
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


def secret_string(name: str, value: Any) -> str:
    """Validate a string that no error shows."""
    if not isinstance(value, str):
        raise SettingsError(name, "a string", Undisclosed(f"a {type(value).__name__}"))
    return value


# ---- mail

# What RFC 5321 allows and people have; above all nothing that could end a header.
_match_address = re.compile(
    r"[!#-'*+/-9=?A-Z^-~-]+(?:\.[!#-'*+/-9=?A-Z^-~-]+)*@[A-Za-z0-9.-]+"
).fullmatch
_match_host = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?").fullmatch

mail_addresses = _strings("mail addresses such as ops@example.com", _match_address)
mail_address = _accept(
    "a mail address such as shop@example.com",
    lambda value: isinstance(value, str) and (not value or _match_address(value)),
)


def host_and_port(name: str, value: Any) -> str:
    """Validate a host, with its port after a colon or without."""
    match = _match_host(value) if isinstance(value, str) else None
    if match is None or not 0 < int(match[1] or 25) < 65536:
        raise SettingsError(name, "a host such as mail.example.com or localhost:1025", value)
    return str(value)


_match_bind_address = re.compile(
    r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]*):(\d{1,5})"
).fullmatch


def port_or_address(name: str, value: Any) -> int | str:
    """Validate a port of this machine, 0 for none, or an address with a port after a colon."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 65536:
        return value
    match = _match_bind_address(value) if isinstance(value, str) else None
    if match is None or not 0 < int(match[1]) < 65536:
        allowed = "a port from 1 to 65535, an address such as 0.0.0.0:9464, or 0 for off"
        raise SettingsError(name, allowed, value)
    return str(value)


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
