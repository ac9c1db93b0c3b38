"""Nested data as a redacted copy: mappings, sequences, sets, objects."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from wsgi_observe.core.failures import any_failure
from wsgi_observe.core.objects import held_by, is_dataclass, shown_fields
from wsgi_observe.core.redact.search import Budget
from wsgi_observe.core.redact.words import REDACTED

_DEEPEST = 20
_CYCLE = "<a cycle>"

# Their text is what they are; making it would cost more than it could tell.
_HARMLESS = frozenset({"datetime", "decimal", "uuid", "fractions", "ipaddress", "zoneinfo"})

_ROWS = "sqlalchemy.engine.row"
_TEXTS = frozenset({str, bytes})
_PLAIN = _TEXTS | {int, float}
_LISTS = (list, tuple)
_BUILTIN = (dict, list, tuple, set, frozenset)
_CONTAINERS = (Mapping, *_BUILTIN)
_PLAIN_KEYS = frozenset({bool, int, float})
_NO_TEXTS = frozenset({bool, float, type(None)})
MAY_BE_A_CARD = 10**12
"""From this number on one may be that of a card."""

_option = re.compile(r"--?[^\W\d_][^=\s]*")
# One thing under two keys: what it is called, and what it is.
_NAMES = frozenset({"name", "Name", "key", "Key", "field", "header", "param", "loc"})
_VALUES = frozenset({"value", "Value", "values", "Values", "val", "input", "content"})


class Cleaner(Protocol):
    """What decides about names and texts."""

    plain_below: float
    """Below this an integer is shown without being searched."""

    def judge(self, name: str, budget: Budget) -> bool:
        """Return whether what bears this name must not be seen."""

    def field(self, name: str, value: object, budget: Budget) -> Any:
        """Return what may be seen of a named value."""

    def text(self, text: str, budget: Budget) -> str:
        """Return free text without secrets."""


class Copier:
    """Makes one redacted copy; too deep, too large or unreadable becomes the mark, never raw."""

    def __init__(self, cleaner: Cleaner, budget: Budget) -> None:
        self._cleaner = cleaner
        self._budget = budget

    def copy(self, value: object, above: tuple[int, ...] = ()) -> Any:
        """Return the copy of one value.

        :param above: the identities of what `value` stands in.
        """
        kind = type(value)
        if kind in _NO_TEXTS or (kind is int and value < self._cleaner.plain_below):  # type: ignore[operator]
            return value
        try:
            return self._copy(value, above)
        except any_failure():
            return REDACTED

    def _copy(self, value: Any, above: tuple[int, ...]) -> Any:
        # By its type, and by the methods of the type's builtin base: `isinstance`, `len` and
        # iteration would run code of the app's own.
        kind = type(value)
        if kind in _BUILTIN:
            return self._container(value, above)
        if issubclass(kind, str):
            return self._text(str.__str__(value))
        if issubclass(kind, (int, float)):
            return self._number(value)
        if issubclass(kind, (bytes, bytearray)):
            return self._bytes(memoryview(value).tobytes())
        if issubclass(kind, _CONTAINERS):
            return self._container(value, above)
        if kind.__module__ in _HARMLESS:
            return value
        if kind.__module__ == _ROWS:
            return self._row(value, above)
        if is_dataclass(value):
            return self._dataclass(value, above)
        return self._text_without(str(value), self._held(value))

    def _text(self, text: str) -> str:
        return self._cleaner.text(text, self._budget)

    def _number(self, value: object) -> Any:
        if type(value) is not int:
            return value
        shown = str(value)
        return value if self._text(shown) == shown else REDACTED

    def _bytes(self, value: bytes) -> bytes:
        # Each byte a character, so that what is left is what it was.
        return self._text(value.decode("latin-1")).encode("latin-1", "replace")

    def _container(self, value: Any, above: tuple[int, ...]) -> Any:
        if id(value) in above:
            return _CYCLE
        kind, inside = type(value), (*above, id(value))
        base: Any = kind if kind in _BUILTIN else _base_of(kind)
        if base is None:  # a Mapping by contract alone, whose items are all that it has
            value = list(value.items())
        if len(above) >= _DEEPEST or not self._budget.take((base or list).__len__(value)):
            return REDACTED
        if base is None or base is dict:
            return self._mapping(value if base is None else list(dict.items(value)), inside)
        if kind is tuple and self._is_secret_pair(value):
            return (value[0], REDACTED)
        return self._sequence(value, list(base.__iter__(value)), inside)

    def _dataclass(self, value: object, above: tuple[int, ...]) -> Any:
        if id(value) in above:
            return _CYCLE
        return self._container(shown_fields(value), (*above, id(value)))

    def _mapping(self, items: list[tuple[Any, Any]], inside: tuple[int, ...]) -> dict[Any, Any]:
        named = {key: item for key, item in items if type(key) is str}
        if self._names_a_secret(named):
            items = [(k, REDACTED if type(k) is str and k in _VALUES else v) for k, v in items]
        return {self._key(key, inside): self._item(key, item, inside) for key, item in items}

    def _names_a_secret(self, value: dict[str, Any]) -> bool:
        """Return whether it is a sensitive name and its value, each under a key that says so.

        As in the environment of a container, in a HAR file, in a validator's errors.
        """
        if _NAMES.isdisjoint(value) or _VALUES.isdisjoint(value):
            return False
        named = [value[key] for key in _NAMES.intersection(value)]
        parts = [part for one in named for part in (one if type(one) in _LISTS else [one])]
        return any(type(part) is str and self._is_sensitive(part) for part in parts)

    def _key(self, key: Any, inside: tuple[int, ...]) -> Any:
        if key is None or type(key) in _PLAIN_KEYS:
            return key
        shown = self.copy(key, inside)
        # Of any other kind its text, as JSON would have it: an app's class hashes as it likes.
        return shown if type(shown) in _TEXTS or type(key).__module__ in _HARMLESS else str(shown)

    def _item(self, key: Any, item: Any, inside: tuple[int, ...]) -> Any:
        if self._budget.steps < 0:
            return REDACTED
        name = _text_of(key)
        if not name:
            return self.copy(item, inside)
        if item is None or issubclass(type(item), (str, int, float)):
            return self._cleaner.field(name, _text_of(item) or item, self._budget)
        return REDACTED if self._is_sensitive(name) else self.copy(item, inside)

    def _row(self, row: Any, above: tuple[int, ...]) -> str:
        """Return the text of a row of SQLAlchemy's, which does not show its columns' names."""
        pairs = zip(row._fields, tuple(row), strict=True)
        return str(tuple([self._item(name, item, (*above, id(row))) for name, item in pairs]))

    def _sequence(self, value: Any, held: list[Any], inside: tuple[int, ...]) -> Any:
        kind = type(value)
        fields = getattr(kind, "_fields", None) if issubclass(kind, tuple) else None
        if fields is not None:
            items = [self._item(*pair, inside) for pair in zip(fields, held, strict=True)]
            return tuple.__new__(kind, items)
        items = self._items(held, inside)
        if issubclass(kind, tuple):
            return tuple(items)
        if issubclass(kind, (set, frozenset)):
            return kind(items) if kind in (set, frozenset) else set(items)
        return items

    def _items(self, items: list[Any], inside: tuple[int, ...]) -> list[Any]:
        shown: list[Any] = []
        before: Any = None
        for item in items:
            if type(before) in _TEXTS and self._is_value_of(before, item):
                shown.append(REDACTED)
            elif type(item) is list and self._is_secret_pair(item):
                shown.append([item[0], REDACTED])
            else:
                shown.append(self.copy(item, inside))
            before = item
        return shown

    def _is_value_of(self, before: str | bytes, item: Any) -> bool:
        """Return whether it is the value of a command's option, which the argument before it is."""
        if before[:1] not in ("-", b"-") or _text_of(item)[:1] in ("", "-"):
            return False
        name = _text_of(before)
        return _option.fullmatch(name) is not None and self._is_sensitive(name)

    def _is_secret_pair(self, value: Any) -> bool:
        """Return whether it is a sensitive name and its value, as headers are listed."""
        if len(value) != 2:
            return False
        name = _text_of(value[0])
        return not _option.match(name) and "=" not in name and self._is_sensitive(name)

    def _is_sensitive(self, name: str) -> bool:
        return self._cleaner.judge(name, self._budget)

    def shown(self, value: object, text: Callable[[object], str]) -> str | None:
        """Return an object's text where it holds something sensitive, else None."""
        if type(value).__module__ == _ROWS:
            clean, whole = self._row(value, ()), str(value)
            return None if clean == whole else clean
        return self._text_without(text(value), found) if (found := self._held(value)) else None

    def _held(self, value: object) -> list[object]:
        """Return what an object's sensitive attributes hold."""
        return [
            held
            for name, held in held_by(value).items()
            if type(name) is str and type(held) in _PLAIN and self._is_sensitive(name)
        ]

    def _text_without(self, text: str, held: list[object]) -> str:
        shown = self._text(text)
        for one in held:
            if self._budget.take(1 + len(shown) // 64):
                for secret in {str(one), repr(one)} - {""}:
                    shown = shown.replace(secret, REDACTED)
        return shown if self._budget.steps >= 0 else REDACTED


def _base_of(kind: type) -> type | None:
    return next((one for one in _BUILTIN if issubclass(kind, one)), None)


def _text_of(item: object) -> str:
    """Return a text, or bytes as one; nothing for anything else."""
    if type(item) is str:
        return item
    if issubclass(type(item), bytes):
        return memoryview(item).tobytes().decode("latin-1")  # type: ignore[arg-type]
    return str.__str__(item) if issubclass(type(item), str) else ""
