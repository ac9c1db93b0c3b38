"""Settings: one frozen value with every setting, its default, its validator and its parser."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

from wsgi_observe import validators
from wsgi_observe.errors import Error
from wsgi_observe.validators import FrozenDict, SettingsError, Validator
from wsgi_observe.wsgi.client_address import REMOTE_ADDR_MODES

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from wsgi_observe.redaction import Redactor

__all__ = ["Settings", "SettingsError"]

ENV_PREFIX = "WSGI_OBSERVE_"

MIDDLEWARE_NAMES = ("request_id", "health", "access_log", "errors")
"""The names of the four middlewares, from the outside in."""


Parser = Callable[[str, str], Any]
"""Called with the name of an environment variable and its text; a validator checks the result."""

_BOOLEANS = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


def _parse_number(convert: Callable[[str], float], allowed: str) -> Parser:
    def parse(name: str, text: str) -> float:
        try:
            return convert(text)
        except ValueError as error:
            raise SettingsError(name, allowed, text) from error

    return parse


def _boolean_or(parse: Parser) -> Parser:
    """Return a parser of ``1 true yes on`` and ``0 false no off``; `parse` reads another text."""
    return lambda name, text: (
        _BOOLEANS[text.lower()] if text.lower() in _BOOLEANS else parse(name, text)
    )


def _refuse_text(name: str, text: str) -> Any:
    raise SettingsError(name, "one of " + ", ".join(_BOOLEANS), text)


def _parse_list(name: str, text: str) -> tuple[str, ...]:
    """Split at commas; an empty text is an empty list."""
    return tuple(item.strip() for item in text.split(",")) if text else ()


def _parse_lines(name: str, text: str) -> tuple[str, ...]:
    """Split at line breaks, for regular expressions: a comma or a bracket may be part of one."""
    return tuple(line.strip() for line in text.split("\n") if line.strip())


def _parse_mapping(name: str, text: str) -> dict[str, str]:
    """Parse ``service=shop,version=1.2``."""
    pairs = [item.partition("=") for item in _parse_list(name, text)]
    if not all(equals for _, equals, _ in pairs):
        raise SettingsError(name, "name=value, with commas between", text)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _parse_int_or_list(name: str, text: str) -> int | tuple[str, ...]:
    return int(text) if text.isdecimal() and len(text) < 10 else _parse_list(name, text)


def _parse_int_or_text(name: str, text: str) -> int | str:
    return int(text) if text.isdecimal() and len(text) < 10 else text


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


_parse_boolean = _boolean_or(_refuse_text)
_parse_float = _parse_number(float, "a number")
_parse_int = _parse_number(int, "a whole number")


def _setting(
    default: Any,
    validate: Validator,
    parse: Parser = lambda name, text: text,
    *,
    is_secret: bool = False,
) -> Any:
    """Declare a setting.

    :param default: in its canonical form: it is not validated.
    :param parse: reads its text in the environment.
    """
    # A callable object of the user's may have no hash.
    is_hashed = validate not in (validators.callable_or_none, validators.boolean_or_callable)
    metadata = {"validate": validate, "parse": parse}
    return field(default=default, repr=not is_secret, hash=is_hashed, metadata=metadata)


class _FieldsSet:
    """Has the slot `fields_set`, which is neither a field nor among the ``vars`` of settings."""

    __slots__ = ("fields_set",)

    fields_set: frozenset[str]
    """The names of the settings that were given, even those that were given their default."""


@dataclass(frozen=True, kw_only=True)
class Settings(_FieldsSet):
    """The settings of `observe`, `configure_logging`, the middlewares and the integrations.

    ``docs/settings.md`` has the table of them.

    :raises SettingsError: for an unknown name or an invalid value: the setting, what is allowed,
        what it got.

    >>> Settings(check_ttl=5).check_ttl
    5.0
    """

    middlewares: Iterable[str] = _setting(
        MIDDLEWARE_NAMES, validators.subset_of(*MIDDLEWARE_NAMES, least=1), _parse_list
    )
    request_id_headers: Iterable[str] = _setting(
        ("X-Request-ID",), validators.header_names, _parse_list
    )
    trust_request_id: bool | Iterable[str | IPv4Network | IPv6Network] = _setting(
        True, validators.trusted_networks, _boolean_or(_parse_list)
    )
    expose_request_id: bool = _setting(True, validators.boolean, _parse_boolean)
    trace: str = _setting("auto", validators.one_of("auto", "always", "off"))
    propagate_to: Iterable[str] = _setting((), validators.host_entries, _parse_list)
    log_calls: str = _setting("off", validators.one_of("off", "debug", "info"))
    error_format: str = _setting("envelope", validators.one_of("envelope", "problem"))
    html_errors: str = _setting("stock", validators.one_of("stock", "replace", "keep"))
    negotiate: bool = _setting(False, validators.boolean, _parse_boolean)
    propagate: bool | Callable[..., object] = _setting(
        False, validators.boolean_or_callable, _boolean_or(import_object)
    )
    render_error: Callable[[Error], Mapping[str, object]] | None = _setting(
        None, validators.callable_or_none, import_object
    )
    live_path: str = _setting("/health", validators.url_path)
    ready_path: str = _setting("/ready", validators.url_path)
    check_timeout: float = _setting(0.8, validators.positive_seconds, _parse_float)
    check_ttl: float = _setting(2.0, validators.seconds, _parse_float)
    check_remind: float = _setting(300.0, validators.seconds_or_infinity, _parse_float)
    access_log: bool = _setting(True, validators.boolean, _parse_boolean)
    access_level: Callable[[Mapping[str, Any], int, float], int | None] | None = _setting(
        None, validators.callable_or_none, import_object
    )
    access_query: bool = _setting(False, validators.boolean, _parse_boolean)
    access_fields: Iterable[str] = _setting(
        (), validators.subset_of("host", "referer", "request_bytes"), _parse_list
    )
    remote_addr: str = _setting("full", validators.one_of(*REMOTE_ADDR_MODES))
    trusted_proxies: int | Iterable[str | IPv4Network | IPv6Network] = _setting(
        0, validators.proxy_count_or_networks, _parse_int_or_list
    )
    slow_query_seconds: float = _setting(1.0, validators.seconds, _parse_float)
    many_queries: int = _setting(50, validators.query_count, _parse_int)
    log_level: str = _setting("INFO", validators.log_levels)
    log_format: str = _setting("auto", validators.one_of("auto", "json", "console"))
    log_color: bool = _setting(False, validators.boolean, _parse_boolean)
    log_stream: str = _setting("stdout", validators.log_stream)
    log_wait: float = _setting(0.25, validators.seconds, _parse_float)
    log_fields: Mapping[str, object] = _setting(
        FrozenDict(), validators.static_fields, _parse_mapping
    )
    log_encoder: str = _setting("json", validators.one_of("json", "orjson"))
    debug_on_error: bool = _setting(False, validators.boolean, _parse_boolean)
    max_line_bytes: int = _setting(4096, validators.line_bytes, _parse_int)
    redact: bool = _setting(True, validators.boolean, _parse_boolean)
    redact_add: Iterable[str] = _setting((), validators.names, _parse_list)
    redact_keep: Iterable[str] = _setting((), validators.names, _parse_list)
    redact_patterns: Iterable[str] = _setting((), validators.patterns, _parse_lines)
    redact_personal: bool = _setting(False, validators.boolean, _parse_boolean)
    user_key: str | bytes | None = _setting(None, validators.secret_key_or_none, is_secret=True)
    mail_to: Iterable[str] = _setting((), validators.mail_addresses, _parse_list)
    mail_from: str = _setting("", validators.mail_address)
    mail_host: str = _setting("localhost", validators.host_and_port)
    mail_user: str = _setting("", validators.secret_string)
    mail_password: str = _setting("", validators.secret_string, is_secret=True)
    mail_tls: str = _setting("off", validators.one_of("off", "starttls", "tls"))
    capture_uncaught: bool = _setting(True, validators.boolean, _parse_boolean)
    allow_debug: bool = _setting(False, validators.boolean, _parse_boolean)
    checks: Mapping[str, Any] = _setting(FrozenDict(), validators.readiness_checks, _parse_mapping)
    flask: bool = _setting(False, validators.boolean, _parse_boolean)
    sentry: bool = _setting(False, validators.boolean, _parse_boolean)
    drain_seconds: float = _setting(0.0, validators.seconds, _parse_float)
    slow_request_seconds: float | None = _setting(None, validators.seconds_or_none, _parse_float)
    recorder_path: str = _setting("", validators.file_path)
    metrics_path: str = _setting("", validators.url_path)
    metrics_port: int | str = _setting(0, validators.port_or_address, _parse_int_or_text)

    def __new__(cls, /, **values: Any) -> Self:
        """Refuse unknown names before the dataclass does, and with the nearest known ones."""
        for name in values:
            if name not in SETTINGS:
                raise _unknown_name_error(name, name, SETTINGS)
        self = super().__new__(cls)
        object.__setattr__(self, "fields_set", frozenset(values))
        return self

    def __post_init__(self) -> None:
        for name, value in self._given().items():
            validate: Validator = SETTINGS[name].metadata["validate"]
            object.__setattr__(self, name, validate(name, value))
        taken: dict[str, str] = {}
        for name in ("live_path", "ready_path", "metrics_path"):
            path = getattr(self, name)
            # Trailing slashes make no other path of it.
            other = taken.setdefault(path.rstrip("/") or path[:1], name)
            if path and other != name:
                raise SettingsError(name, f"another path than {other}", path)

    def __reduce__(self) -> tuple[Any, ...]:
        # By default, `copy` and `pickle` restore a slot by assignment.
        return partial(type(self), **self._given()), ()

    def _given(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in SETTINGS if name in self.fields_set}

    def replace(self, /, **changes: Any) -> Self:
        """Return a copy with these changes, which join `fields_set`.

        Not `dataclasses.replace`, for which every setting of the copy is one that was given.
        """
        return type(self)(**{**self._given(), **changes}) if changes else self

    __replace__ = replace  # copy.replace, Python 3.13

    def with_defaults(self, defaults: Self) -> Self:
        """Return a copy with what was given to `defaults` where nothing was given here."""
        return defaults.replace(**self._given())

    def has_middleware(self, middleware: str) -> bool:
        """Return whether one of the `MIDDLEWARE_NAMES` is used."""
        is_off = middleware == "access_log" and not self.access_log
        return middleware in self.middlewares and not is_off

    def redactor(self) -> Redactor:
        """Return the redactor that these settings configure."""
        # Only for those who log: it loads a good deal.
        from wsgi_observe.redaction import Redactor

        return Redactor(
            add=self.redact_add,
            keep=self.redact_keep,
            patterns=self.redact_patterns,
            personal=self.redact_personal,
        )

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Return the settings that `environ` has as ``WSGI_OBSERVE_<FIELD>``.

        A terminal gets colours unless ``NO_COLOR`` is set (no-color.org).

        :raises SettingsError: for an unknown ``WSGI_OBSERVE_*`` variable or an invalid value.
        """
        known = {ENV_PREFIX + name.upper(): name for name in SETTINGS}
        values: dict[str, Any] = {"log_color": not environ.get("NO_COLOR")}
        for variable, text in environ.items():
            if variable.startswith(ENV_PREFIX):
                if variable not in known:
                    raise _unknown_name_error(variable, variable.upper(), known)
                name = known[variable]
                values[name] = SETTINGS[name].metadata["parse"](variable, text)
        return cls(**values)


SETTINGS: Mapping[str, Field[Any]] = {each.name: each for each in fields(Settings)}
"""The fields of the settings by their names."""


def _unknown_name_error(name: str, meant: str, known: Iterable[str]) -> SettingsError:
    from difflib import get_close_matches  # only when there is a mistake to explain

    nearest = get_close_matches(meant, known) or sorted(known)
    return SettingsError(name, "the name of a setting, one of " + ", ".join(nearest), name)
