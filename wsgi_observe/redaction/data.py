"""Redacted copies of nested data: mappings, sequences, sets, objects."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any, Protocol

from wsgi_observe.redaction.budget import REDACTED, Budget
from wsgi_observe.redaction.sensitive_names import NAME_KEYS, VALUE_KEYS
from wsgi_observe.wsgi.exceptions import any_failure

_MAX_DEPTH = 20
_CYCLE_PLACEHOLDER = "<a cycle>"

# Their objects are never secrets, and slow to convert to text.
_HARMLESS_MODULES = frozenset({"datetime", "decimal", "uuid", "fractions", "ipaddress", "zoneinfo"})

_ROW_MODULE = "sqlalchemy.engine.row"
_TEXT_TYPES = frozenset({str, bytes})
_ATTRIBUTE_TYPES = _TEXT_TYPES | {int, float}
_SEQUENCE_TYPES = (list, tuple)
_BUILTIN = (dict, list, tuple, set, frozenset)
_CONTAINERS = (Mapping, *_BUILTIN)
SCALARS = frozenset({int, float, bool, type(None)})
"""Types of which only an integer can be a secret by itself."""

MIN_CARD_NUMBER = 10**12
"""The least integer that may be a card number."""

_command_option = re.compile(r"--?[^\W\d_][^=\s]*")
_NAME_KEYS = frozenset({"loc", *NAME_KEYS, *map(str.title, NAME_KEYS)})
_VALUE_KEYS = frozenset({"values", "Values", *VALUE_KEYS, *map(str.title, VALUE_KEYS)})


class RedactorProtocol(Protocol):
    """The part of `Redactor` that is used here; its module imports this one."""

    min_searched_int: float
    """Integers from this one on are searched like texts."""

    def is_sensitive(self, name: str, *, budget: Budget | None = None) -> bool:
        """Return whether the value of this name is a secret."""

    def field(self, name: str, value: object, budget: Budget) -> Any:
        """Return a named value redacted."""

    def text(self, text: str, budget: Budget) -> str:
        """Return free text without secrets."""


class RedactingCopier:
    """Makes a redacted copy of one value; what is too deep, too large or unreadable is redacted."""

    def __init__(self, redactor: RedactorProtocol, budget: Budget) -> None:
        self._redactor = redactor
        self._budget = budget
        self._enclosing: list[int] = []  # IDs of what is being copied, to detect a cycle

    def copy(self, value: object) -> Any:
        """Return a redacted copy of one value."""
        kind = type(value)
        if kind in SCALARS and (kind is not int or value < self._redactor.min_searched_int):  # type: ignore[operator]
            return value
        if kind is str:
            return self._redact_text(value)  # type: ignore[arg-type]
        if id(value) in self._enclosing:
            return _CYCLE_PLACEHOLDER
        self._enclosing.append(id(value))
        try:
            return self._copy(value)
        except any_failure():
            return REDACTED
        finally:
            self._enclosing.pop()

    def _copy(self, value: Any) -> Any:
        # By its type, and by the methods of the type's builtin base: `isinstance`, `len` and
        # iteration would run code of the app.
        kind = type(value)
        if kind in _BUILTIN:
            return self._copy_container(value)
        if issubclass(kind, str):
            return self._redact_text(str.__str__(value))
        if issubclass(kind, (int, float)):
            return self._redact_number(value)
        if issubclass(kind, (bytes, bytearray)):
            return self._redact_bytes(memoryview(value).tobytes())
        if issubclass(kind, _CONTAINERS):
            return self._copy_container(value)
        if kind.__module__ in _HARMLESS_MODULES:
            return value
        if kind.__module__ == _ROW_MODULE:
            return self._copy_row(value)
        if is_dataclass(value):
            return self.copy(get_repr_fields(value))
        return self._redact_object_text(str(value), self._get_sensitive_values(value))

    def _redact_text(self, text: str) -> str:
        return self._redactor.text(text, self._budget)

    def _redact_number(self, value: object) -> Any:
        if type(value) is not int:
            return value
        shown = str(value)
        return value if self._redact_text(shown) == shown else REDACTED

    def _redact_bytes(self, value: bytes) -> bytes:
        # Latin-1 maps each byte to a character, so that the rest stays as it was.
        return self._redact_text(value.decode("latin-1")).encode("latin-1", "replace")

    def _copy_container(self, value: Any) -> Any:
        kind = type(value)
        base: Any = kind if kind in _BUILTIN else _base_of(kind)
        if base is None:  # a Mapping that is not a dict: only items() is known
            value = list(value.items())
        is_too_deep = len(self._enclosing) > _MAX_DEPTH
        if is_too_deep or not self._budget.spend((base or list).__len__(value)):
            return REDACTED
        if base is None or base is dict:
            return self._copy_mapping(value if base is None else list(dict.items(value)))
        if kind is tuple and self._is_sensitive_pair(value):
            return (value[0], self._copy_item(value[0], value[1]))
        items = list(base.__iter__(value))
        names = getattr(kind, "_fields", None) if base is tuple else None
        if names is not None:
            pairs = zip(names, items, strict=True)
            return tuple.__new__(kind, [self._copy_item(*pair) for pair in pairs])
        return base(self._copy_items(items))

    def _copy_mapping(self, items: list[tuple[Any, Any]]) -> dict[Any, Any]:
        named = {key: item for key, item in items if type(key) is str}
        described = self._find_described_name(named)
        return {
            self._copy_key(key): self._copy_item(
                described if described and type(key) is str and key in _VALUE_KEYS else key, item
            )
            for key, item in items
        }

    def _find_described_name(self, value: dict[str, Any]) -> str | None:
        """Return the sensitive name in ``{"name": "DB_PASSWORD", "value": …}``, if there is one.

        The environment of a container, HAR files and a validator's errors have this form.
        """
        if _NAME_KEYS.isdisjoint(value) or _VALUE_KEYS.isdisjoint(value):
            return None
        named = [value[key] for key in _NAME_KEYS.intersection(value)]
        parts = [part for one in named for part in (one if type(one) in _SEQUENCE_TYPES else [one])]
        sensitive = (part for part in parts if type(part) is str and self._is_sensitive(part))
        return next(sensitive, None)

    def _copy_key(self, key: Any) -> Any:
        if type(key) in SCALARS:
            return key
        shown = self.copy(key)
        # As text, as in JSON, since hashing it would run code of the app.
        return (
            shown
            if type(shown) in _TEXT_TYPES or type(key).__module__ in _HARMLESS_MODULES
            else str(shown)
        )

    def _copy_item(self, key: Any, item: Any) -> Any:
        if self._budget.steps < 0:
            return REDACTED
        name = _as_text(key)
        if not name:
            return self.copy(item)
        if item is None or issubclass(type(item), (str, int, float)):
            return self._redactor.field(name, _as_text(item) or item, self._budget)
        return REDACTED if self._is_sensitive(name) else self.copy(item)

    def _copy_row(self, row: Any) -> str:
        """Return the text of an SQLAlchemy row, which does not include the columns' names."""
        pairs = zip(row._fields, tuple(row), strict=True)
        return str(tuple([self._copy_item(name, item) for name, item in pairs]))

    def _copy_items(self, items: list[Any]) -> list[Any]:
        shown: list[Any] = []
        before: Any = None
        for item in items:
            if type(before) in _TEXT_TYPES and self._is_option_value(before, item):
                shown.append(REDACTED)
            elif type(item) is list and self._is_sensitive_pair(item):
                shown.append([item[0], self._copy_item(item[0], item[1])])
            else:
                shown.append(self.copy(item))
            before = item
        return shown

    def _is_option_value(self, before: str | bytes, item: Any) -> bool:
        """Return whether `item` is the value of the command option `before`."""
        if before[:1] not in ("-", b"-") or _as_text(item)[:1] in ("", "-"):
            return False
        name = _as_text(before)
        return _command_option.fullmatch(name) is not None and self._is_sensitive(name)

    def _is_sensitive_pair(self, value: Any) -> bool:
        """Return whether it is a pair of a sensitive name and its value, such as a header."""
        if len(value) != 2:
            return False
        name = _as_text(value[0])
        return not _command_option.match(name) and "=" not in name and self._is_sensitive(name)

    def _is_sensitive(self, name: str) -> bool:
        return self._redactor.is_sensitive(name, budget=self._budget)

    def object_text(self, value: object, to_text: Callable[[object], str]) -> str | None:
        """Return an object's text without its sensitive attributes; None if it has none."""
        if type(value).__module__ == _ROW_MODULE:
            clean, whole = self._copy_row(value), str(value)
            return None if clean == whole else clean
        values = self._get_sensitive_values(value)
        return self._redact_object_text(to_text(value), values) if values else None

    def _get_sensitive_values(self, value: object) -> list[object]:
        return [
            held
            for name, held in get_attributes(value).items()
            if type(name) is str and type(held) in _ATTRIBUTE_TYPES and self._is_sensitive(name)
        ]

    def _redact_object_text(self, text: str, held: list[object]) -> str:
        shown = self._redact_text(text)
        for one in held:
            if self._budget.spend(1 + len(shown) // 64):
                for secret in {str(one), repr(one)} - {""}:
                    shown = shown.replace(secret, REDACTED)
        return shown if self._budget.steps >= 0 else REDACTED


def _base_of(kind: type) -> type | None:
    return next((one for one in _BUILTIN if issubclass(kind, one)), None)


def _as_text(item: object) -> str:
    """Return text, or bytes decoded; an empty text for anything else."""
    if type(item) is str:
        return item
    if issubclass(type(item), bytes):
        return memoryview(item).tobytes().decode("latin-1")  # type: ignore[arg-type]
    return str.__str__(item) if issubclass(type(item), str) else ""


# Not kind.__mro__: the app may have a metaclass of its own.
_mro: Any = type.__dict__["__mro__"].__get__
_dict: Any = type.__dict__["__dict__"].__get__
_DESCRIPTORS = (GetSetDescriptorType, MemberDescriptorType)


def is_dataclass(value: object) -> bool:
    """Return whether it is an instance of a dataclass, but no exception, which has a text."""
    kind = type(value)
    if issubclass(kind, BaseException):
        return False
    return any("__dataclass_fields__" in _dict(one) for one in _mro(kind))


def get_repr_fields(value: Any) -> dict[str, object]:
    """Return a dataclass's fields, without those with ``repr=False``, as secrets are declared.

    A field that is a property is omitted, since reading it would run code of the app.
    """
    from dataclasses import MISSING, fields  # loaded already, by the module of the dataclass

    held = get_attributes(value)
    shown = {one.name: held.get(one.name, one.default) for one in fields(type(value)) if one.repr}
    return {name: one for name, one in shown.items() if one is not MISSING}


def get_attributes(value: object) -> dict[str, object]:
    """Return an object's attributes, those in its ``__dict__`` and in its slots."""
    attributes: dict[str, object] = {}
    has_dict = False
    for kind in _mro(type(value)):
        for name, one in list(_dict(kind).items()):
            try:
                if name == "__dict__":
                    held = one.__get__(value) if type(one) in _DESCRIPTORS and not has_dict else {}
                    has_dict = True
                    attributes.update(held if type(held) is dict else {})
                elif type(one) is MemberDescriptorType:
                    attributes.setdefault(name, one.__get__(value))
            except AttributeError:  # a slot without a value
                continue
    return attributes
