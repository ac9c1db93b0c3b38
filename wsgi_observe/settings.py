"""Every setting as one value: its name, its default, what it may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self, dataclass_transform

from wsgi_observe import validators
from wsgi_observe.errors import Error
from wsgi_observe.frozen import Frozen
from wsgi_observe.user import secret_key
from wsgi_observe.validators import (
    SettingsError,
    file_path,
    host_and_port,
    mail_address,
    mail_addresses,
    names,
    parse_names,
    pattern_lines,
    patterns,
    readiness_checks,
    seconds_or_none,
    secret_string,
    subset_of,
)
from wsgi_observe.wsgi.client_address import (
    REMOTE_ADDR_MODES,
    parse_int_or_items,
    proxy_count_or_networks,
)

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from wsgi_observe.redaction import Redactor

__all__ = ["Settings", "SettingsError"]

ENV_PREFIX = "WSGI_OBSERVE_"

MIDDLEWARE_NAMES = ("request_id", "health", "access_log", "errors")
"""The names of the four middlewares, from the outside in."""


class SettingSpec(NamedTuple):
    """A setting as it is declared."""

    default: Any
    validate: validators.Validator
    parse: validators.Parser
    """How its text in the environment is read."""
    in_repr: bool
    """Whether the settings' ``repr`` tells it."""


def _setting(
    default: Any,
    validate: validators.Validator,
    parse: validators.Parser = validators.parse_string,
    *,
    in_repr: bool = True,
) -> Any:
    """Declare a setting; to a type checker it is of the type that it is annotated with."""
    return SettingSpec(default, validate, parse, in_repr)


def _html_errors(name: str, value: Any) -> str:
    """Check a rule for HTML errors; ``negotiate`` was one of them once."""
    modes = "stock", "replace", "keep"
    if value == "negotiate":
        remedy = "one of %s; instead set negotiate=True, with html_errors=replace for any HTML page"
        raise SettingsError(name, remedy % ", ".join(modes), value)
    mode: str = validators.one_of(*modes)(name, value)
    return mode


@dataclass_transform(frozen_default=True, kw_only_default=True)
class _ValidatedSettings(Frozen):
    """Keeps what passes the checks; type checkers read its keywords off annotations (PEP 681)."""

    __slots__ = ("fields_set",)  # beside the values, which `vars` returns

    fields_set: frozenset[str]
    """The names that were given a value, be it the default; all others have their default."""

    def __init__(self, /, **values: Any) -> None:
        super().__init__(**_validate(values))
        object.__setattr__(self, "fields_set", frozenset(values))

    def replace(self, /, **changes: Any) -> Self:
        """Return a copy with these changes; only they join `fields_set`."""
        return type(self)(**{**self._explicit_values(), **changes})

    def with_defaults(self, defaults: Self) -> Self:
        """Return a copy with what was given to `defaults` where nothing was given here."""
        return defaults.replace(**self._explicit_values())

    __replace__ = replace  # copy.replace, Python 3.13

    def __reduce__(self) -> tuple[Any, ...]:
        # By default, `copy` and `pickle` restore a slot by assignment.
        return _rebuild, (type(self), self._explicit_values())

    def _explicit_values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._field_names if name in self.fields_set}


def _rebuild(cls: type[_ValidatedSettings], values: Mapping[str, Any]) -> _ValidatedSettings:
    return cls(**values)


class Settings(_ValidatedSettings):
    """The settings of `observe`, `configure_logging` and the integrations.

    ``docs/settings.md`` has the table of them.

    :raises SettingsError: for an unknown name or an unfit value: the setting, what is allowed,
        what it got.

    >>> Settings(check_ttl=5).check_ttl
    5.0
    """

    middlewares: Iterable[str] = _setting(
        MIDDLEWARE_NAMES, subset_of(*MIDDLEWARE_NAMES, least=1), parse=parse_names
    )
    request_id_headers: Iterable[str] = _setting(
        ("X-Request-ID",), validators.header_names, parse=validators.split_commas
    )
    trust_request_id: bool | Iterable[str | IPv4Network | IPv6Network] = _setting(
        True, validators.trusted_networks, parse=validators.parse_boolean_or_items
    )
    expose_request_id: bool = _setting(True, validators.boolean, parse=validators.parse_boolean)
    error_format: str = _setting("envelope", validators.one_of("envelope", "problem"))
    html_errors: str = _setting("stock", _html_errors)
    negotiate: bool = _setting(False, validators.boolean, parse=validators.parse_boolean)
    propagate: bool | Callable[..., object] = _setting(
        False, validators.boolean_or_callable, parse=validators.parse_boolean_or_import
    )
    render_error: Callable[[Error], Mapping[str, object]] | None = _setting(
        None, validators.callable_or_none, parse=validators.import_string
    )
    live_path: str = _setting("/health", validators.url_path)
    ready_path: str = _setting("/ready", validators.url_path)
    check_timeout: float = _setting(0.8, validators.positive_seconds, parse=validators.parse_float)
    check_ttl: float = _setting(2.0, validators.seconds, parse=validators.parse_float)
    check_remind: float = _setting(
        300.0, validators.seconds_or_infinity, parse=validators.parse_float
    )
    access_log: bool = _setting(True, validators.boolean, parse=validators.parse_boolean)
    access_level: Callable[[Mapping[str, Any], int, float], int | None] | None = _setting(
        None, validators.callable_or_none, parse=validators.import_string
    )
    access_query: bool = _setting(False, validators.boolean, parse=validators.parse_boolean)
    access_fields: Iterable[str] = _setting(
        (), subset_of("host", "referer", "request_bytes"), parse=parse_names
    )
    remote_addr: str = _setting("full", validators.one_of(*REMOTE_ADDR_MODES))
    trusted_proxies: int | Iterable[str | IPv4Network | IPv6Network] = _setting(
        0, proxy_count_or_networks, parse=parse_int_or_items
    )
    log_level: str = _setting("INFO", validators.log_levels)
    log_format: str = _setting("auto", validators.one_of("auto", "json", "console"))
    log_color: bool = _setting(False, validators.boolean, parse=validators.parse_boolean)
    log_stream: str = _setting("stdout", validators.log_stream)
    log_wait: float = _setting(0.25, validators.seconds, parse=validators.parse_float)
    log_fields: Mapping[str, object] = _setting(
        {}, validators.static_fields, parse=validators.parse_mapping
    )
    log_encoder: str = _setting("json", validators.one_of("json", "orjson"))
    max_line_bytes: int = _setting(4096, validators.line_bytes, parse=validators.parse_int)
    redact: bool = _setting(True, validators.boolean, parse=validators.parse_boolean)
    redact_add: Iterable[str] = _setting((), names, parse=parse_names)
    redact_keep: Iterable[str] = _setting((), names, parse=parse_names)
    redact_patterns: Iterable[str] = _setting((), patterns, parse=pattern_lines)
    redact_personal: bool = _setting(False, validators.boolean, parse=validators.parse_boolean)
    user_key: str | bytes | None = _setting(None, secret_key, in_repr=False)
    mail_to: Iterable[str] = _setting((), mail_addresses, parse=parse_names)
    mail_from: str = _setting("", mail_address)
    mail_host: str = _setting("localhost", host_and_port)
    mail_user: str = _setting("", secret_string)
    mail_password: str = _setting("", secret_string, in_repr=False)
    mail_tls: str = _setting("off", validators.one_of("off", "starttls", "tls"))
    capture_uncaught: bool = _setting(True, validators.boolean, parse=validators.parse_boolean)
    allow_debug: bool = _setting(False, validators.boolean, parse=validators.parse_boolean)
    checks: Mapping[str, Any] = _setting({}, readiness_checks, parse=validators.parse_mapping)
    flask: bool = _setting(False, validators.boolean, parse=validators.parse_boolean)
    sentry: bool = _setting(False, validators.boolean, parse=validators.parse_boolean)
    drain_seconds: float = _setting(0.0, validators.seconds, parse=validators.parse_float)
    slow_request_seconds: float | None = _setting(
        None, seconds_or_none, parse=validators.parse_float
    )
    recorder_path: str = _setting("", file_path)

    def _is_in_repr(self, name: str) -> bool:
        return SETTING_SPECS[name].in_repr

    def has_middleware(self, middleware: str) -> bool:
        """Return whether one of the `MIDDLEWARE_NAMES` is used."""
        is_off = middleware == "access_log" and not self.access_log
        return middleware in self.middlewares and not is_off

    def redactor(self) -> Redactor:
        """Return what takes secrets out as these settings have it."""
        # For those who log: it loads a good deal.
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

        :raises SettingsError: for an unknown ``WSGI_OBSERVE_*`` variable or an unfit value.
        """
        known = {ENV_PREFIX + name.upper(): name for name in SETTING_SPECS}
        values: dict[str, Any] = {"log_color": not environ.get("NO_COLOR")}
        for variable, text in environ.items():
            if variable.startswith(ENV_PREFIX):
                if variable not in known:
                    raise SettingsError(
                        variable, _suggest_names(variable.upper(), known), "that name"
                    )
                name = known[variable]
                values[name] = SETTING_SPECS[name].parse(variable, text)
        return cls(**values)


SETTING_SPECS: Mapping[str, SettingSpec] = {
    name: setting for name, setting in vars(Settings).items() if isinstance(setting, SettingSpec)
}
"""The settings by their names."""

Settings._field_names = tuple(SETTING_SPECS)


def _validate(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return every setting in its one right form."""
    for name in values:
        if name not in SETTING_SPECS:
            raise SettingsError(name, _suggest_names(name, SETTING_SPECS), "that name")
    validated = {
        name: setting.validate(name, values.get(name, setting.default))
        for name, setting in SETTING_SPECS.items()
    }
    live_path, ready_path = validated["live_path"], validated["ready_path"]
    # A trailing slash makes no other path of it.
    if live_path and live_path.rstrip("/") == ready_path.rstrip("/"):
        raise SettingsError("ready_path", "another path than live_path", ready_path)
    return validated


def _suggest_names(name: str, known: Iterable[str]) -> str:
    """Return the known names nearest to a mistaken one, or all of them."""
    from difflib import get_close_matches  # only when there is a mistake to explain

    return "one of " + ", ".join(get_close_matches(name, known) or sorted(known))
