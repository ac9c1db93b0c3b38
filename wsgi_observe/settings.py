"""Every setting as one value: its name, its default, what it may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self, dataclass_transform

from wsgi_observe.core import fit
from wsgi_observe.core.envelope import Error
from wsgi_observe.core.fit import SettingsError
from wsgi_observe.core.fit_checks import fit_checks
from wsgi_observe.core.fit_inflight import file_or_nothing, seconds_or_none
from wsgi_observe.core.fit_mail import address, addresses, host, secret_text
from wsgi_observe.core.fit_words import pattern_lines, patterns, some_of, word_items, words
from wsgi_observe.core.frozen import Frozen
from wsgi_observe.core.peer import MODES as PEER_MODES
from wsgi_observe.core.peer import fit_proxies, number_or_items
from wsgi_observe.core.pseudonym import fit_key

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from wsgi_observe.core.redact import Redactor

__all__ = ["Settings", "SettingsError"]

PREFIX = "WSGI_OBSERVE_"

MIDDLEWARES = ("request_id", "health", "access_log", "errors")
"""The names of the four middlewares, from the outside in."""


class Declared(NamedTuple):
    """A setting as it is declared."""

    default: Any
    check: fit.Check
    parse: fit.Parse
    """How its text in the environment is read."""
    shown: bool
    """Whether the settings' ``repr`` tells it."""


def _setting(
    default: Any, check: fit.Check, parse: fit.Parse = fit.text, *, shown: bool = True
) -> Any:
    """Declare a setting; to a type checker it is of the type that it is annotated with."""
    return Declared(default, check, parse, shown)


def _html_errors(name: str, value: Any) -> str:
    """Check a rule for HTML errors; ``negotiate`` was one of them once."""
    rules = "stock", "replace", "keep"
    if value == "negotiate":
        remedy = "one of %s; instead set negotiate=True, with html_errors=replace for any HTML page"
        raise SettingsError(name, remedy % ", ".join(rules), value)
    rule: str = fit.one_of(*rules)(name, value)
    return rule


@dataclass_transform(frozen_default=True, kw_only_default=True)
class _Checked(Frozen):
    """Keeps what passes the checks; type checkers read its keywords off annotations (PEP 681)."""

    __slots__ = ("fields_set",)  # beside the values, which `vars` returns

    fields_set: frozenset[str]
    """The names that were given a value, be it the default; all others have their default."""

    def __init__(self, /, **values: Any) -> None:
        super().__init__(**_checked(values))
        object.__setattr__(self, "fields_set", frozenset(values))

    def replace(self, /, **changes: Any) -> Self:
        """Return a copy with these changes; only they join `fields_set`."""
        return type(self)(**{**self._values_set(), **changes})

    def over(self, defaults: Self) -> Self:
        """Return a copy with what was given to `defaults` where nothing was given here."""
        return defaults.replace(**self._values_set())

    __replace__ = replace  # copy.replace, Python 3.13

    def __reduce__(self) -> tuple[Any, ...]:
        # By default, `copy` and `pickle` restore a slot by assignment.
        return _remake, (type(self), self._values_set())

    def _values_set(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._names if name in self.fields_set}


def _remake(kind: type[_Checked], values: Mapping[str, Any]) -> _Checked:
    return kind(**values)


class Settings(_Checked):
    """The settings of `observe`, `configure_logging` and the integrations.

    ``docs/settings.md`` has the table of them.

    :raises SettingsError: for an unknown name or an unfit value: the setting, what is allowed,
        what it got.

    >>> Settings(check_ttl=5).check_ttl
    5.0
    """

    middlewares: Iterable[str] = _setting(
        MIDDLEWARES, some_of(*MIDDLEWARES, least=1), parse=word_items
    )
    request_id_headers: Iterable[str] = _setting(
        ("X-Request-ID",), fit.header_names, parse=fit.items
    )
    trust_request_id: bool | Iterable[str | IPv4Network | IPv6Network] = _setting(
        True, fit.trust, parse=fit.switch_or_items
    )
    expose_request_id: bool = _setting(True, fit.switch, parse=fit.switch_text)
    error_format: str = _setting("envelope", fit.one_of("envelope", "problem"))
    html_errors: str = _setting("stock", _html_errors)
    negotiate: bool = _setting(False, fit.switch, parse=fit.switch_text)
    propagate: bool | Callable[..., object] = _setting(
        False, fit.switch_or_callable, parse=fit.switch_or_import
    )
    render_error: Callable[[Error], Mapping[str, object]] | None = _setting(
        None, fit.callable_or_none, parse=fit.imported
    )
    live_path: str = _setting("/health", fit.path)
    ready_path: str = _setting("/ready", fit.path)
    check_timeout: float = _setting(0.8, fit.positive_seconds, parse=fit.number)
    check_ttl: float = _setting(2.0, fit.seconds, parse=fit.number)
    check_remind: float = _setting(300.0, fit.seconds_or_never, parse=fit.number)
    access_log: bool = _setting(True, fit.switch, parse=fit.switch_text)
    access_level: Callable[[Mapping[str, Any], int, float], int | None] | None = _setting(
        None, fit.callable_or_none, parse=fit.imported
    )
    access_query: bool = _setting(False, fit.switch, parse=fit.switch_text)
    access_fields: Iterable[str] = _setting(
        (), some_of("host", "referer", "request_bytes"), parse=word_items
    )
    remote_addr: str = _setting("full", fit.one_of(*PEER_MODES))
    trusted_proxies: int | Iterable[str | IPv4Network | IPv6Network] = _setting(
        0, fit_proxies, parse=number_or_items
    )
    log_level: str = _setting("INFO", fit.levels)
    log_format: str = _setting("auto", fit.one_of("auto", "json", "console"))
    log_color: bool = _setting(False, fit.switch, parse=fit.switch_text)
    log_stream: str = _setting("stdout", fit.stream)
    log_wait: float = _setting(0.25, fit.seconds, parse=fit.number)
    log_fields: Mapping[str, object] = _setting({}, fit.static_fields, parse=fit.pairs)
    log_encoder: str = _setting("json", fit.one_of("json", "orjson"))
    max_line_bytes: int = _setting(4096, fit.line_bytes, parse=fit.whole_number)
    redact: bool = _setting(True, fit.switch, parse=fit.switch_text)
    redact_add: Iterable[str] = _setting((), words, parse=word_items)
    redact_keep: Iterable[str] = _setting((), words, parse=word_items)
    redact_patterns: Iterable[str] = _setting((), patterns, parse=pattern_lines)
    redact_personal: bool = _setting(False, fit.switch, parse=fit.switch_text)
    user_key: str | bytes | None = _setting(None, fit_key, shown=False)
    mail_to: Iterable[str] = _setting((), addresses, parse=word_items)
    mail_from: str = _setting("", address)
    mail_host: str = _setting("localhost", host)
    mail_user: str = _setting("", secret_text)
    mail_password: str = _setting("", secret_text, shown=False)
    mail_tls: str = _setting("off", fit.one_of("off", "starttls", "tls"))
    capture_uncaught: bool = _setting(True, fit.switch, parse=fit.switch_text)
    allow_debug: bool = _setting(False, fit.switch, parse=fit.switch_text)
    checks: Mapping[str, Any] = _setting({}, fit_checks, parse=fit.pairs)
    flask: bool = _setting(False, fit.switch, parse=fit.switch_text)
    sentry: bool = _setting(False, fit.switch, parse=fit.switch_text)
    drain_seconds: float = _setting(0.0, fit.seconds, parse=fit.number)
    slow_request_seconds: float | None = _setting(None, seconds_or_none, parse=fit.number)
    recorder_path: str = _setting("", file_or_nothing)

    def _is_shown(self, name: str) -> bool:
        return DECLARED[name].shown

    def uses(self, middleware: str) -> bool:
        """Return whether one of the `MIDDLEWARES` is used."""
        is_off = middleware == "access_log" and not self.access_log
        return middleware in self.middlewares and not is_off

    def redactor(self) -> Redactor:
        """Return what takes secrets out as these settings have it."""
        # For those who log: it loads a good deal.
        from wsgi_observe.core.redact import Redactor

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
        known = {PREFIX + name.upper(): name for name in DECLARED}
        values: dict[str, Any] = {"log_color": not environ.get("NO_COLOR")}
        for variable, text in environ.items():
            if variable.startswith(PREFIX):
                if variable not in known:
                    raise SettingsError(variable, _like(variable.upper(), known), "that name")
                name = known[variable]
                values[name] = DECLARED[name].parse(variable, text)
        return cls(**values)


DECLARED: Mapping[str, Declared] = {
    name: setting for name, setting in vars(Settings).items() if isinstance(setting, Declared)
}
"""The settings by their names."""

Settings._names = tuple(DECLARED)


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return every setting in its one right form."""
    for name in values:
        if name not in DECLARED:
            raise SettingsError(name, _like(name, DECLARED), "that name")
    checked = {
        name: setting.check(name, values.get(name, setting.default))
        for name, setting in DECLARED.items()
    }
    live_path, ready_path = checked["live_path"], checked["ready_path"]
    # A trailing slash makes no other path of it.
    if live_path and live_path.rstrip("/") == ready_path.rstrip("/"):
        raise SettingsError("ready_path", "another path than live_path", ready_path)
    return checked


def _like(name: str, known: Iterable[str]) -> str:
    """Return the known names nearest to a mistaken one, or all of them."""
    from difflib import get_close_matches  # only when there is a mistake to explain

    return "one of " + ", ".join(get_close_matches(name, known) or sorted(known))
