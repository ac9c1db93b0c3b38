"""Nested data as a redacted copy: mappings, sequences, sets, objects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import MemberDescriptorType
from typing import Any, Protocol

from wsgi_observe.core.failures import any_failure
from wsgi_observe.core.objects import is_dataclass, shown_fields
from wsgi_observe.core.redact.search import Budget
from wsgi_observe.core.redact.words import REDACTED

_DEEPEST = 20
_CYCLE = "<a cycle>"

# Their text is what they are; making it would cost more than it could tell.
_HARMLESS = frozenset({"datetime", "decimal", "uuid", "fractions", "ipaddress", "zoneinfo"})

_TEXTS = frozenset({str, bytes})
_PLAIN = _TEXTS | {int, float}
_LISTS = (list, tuple)
_NO_TEXTS = frozenset({bool, float, type(None)})
MAY_BE_A_CARD = 10**12
"""From this number on one may be that of a card."""

_option = re.compile(r"--?[^\W\d_][^=\s]*")
# One thing under two keys: what it is called, and what it is.
_NAMES = frozenset({"name", "Name", "key", "Key", "field", "header", "param", "loc"})
_VALUES = frozenset({"value", "Value", "values", "Values", "val", "input", "content"})


class Cleaner(Protocol):
    """What decides about names and texts."""

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
        if kind in _NO_TEXTS or (kind is int and value < MAY_BE_A_CARD):  # type: ignore[operator]
            return value
        try:
            return self._copy(value, above)
        except any_failure():
            return REDACTED

    def _copy(self, value: object, above: tuple[int, ...]) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if value is None or isinstance(value, (bool, int, float)):
            return self._number(value)
        if isinstance(value, (bytes, bytearray)):
            return self._bytes(bytes(value))
        if isinstance(value, (Mapping, list, tuple, set, frozenset)):
            return self._container(value, above)
        if type(value).__module__ in _HARMLESS:
            return value
        return self._dataclass(value, above) if is_dataclass(value) else self._object(value)

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
        if len(above) >= _DEEPEST or not self._budget.take(len(value)):
            return REDACTED
        inside = (*above, id(value))
        if isinstance(value, Mapping):
            return self._mapping(value, inside)
        if type(value) is tuple and self._is_secret_pair(value):
            return (value[0], REDACTED)
        return self._sequence(value, inside)

    def _dataclass(self, value: object, above: tuple[int, ...]) -> Any:
        if id(value) in above:
            return _CYCLE
        try:
            held = shown_fields(value)
        except any_failure() as error:
            return f"<{type(value).__name__}: {type(error).__name__} while it was read>"
        return self._container(held, (*above, id(value)))

    def _mapping(self, value: Mapping[Any, Any], inside: tuple[int, ...]) -> dict[Any, Any]:
        items = list(value.items())
        if self._names_a_secret(value):
            items = [(key, REDACTED if key in _VALUES else item) for key, item in items]
        return {self._key(key): self._item(key, item, inside) for key, item in items}

    def _names_a_secret(self, value: Mapping[Any, Any]) -> bool:
        """Return whether it is a sensitive name and its value, each under a key that says so.

        As in the environment of a container, in a HAR file, in a validator's errors.
        """
        if _NAMES.isdisjoint(value) or _VALUES.isdisjoint(value):
            return False
        named = [value[key] for key in _NAMES.intersection(value)]
        parts = [part for one in named for part in (one if isinstance(one, _LISTS) else [one])]
        return any(isinstance(part, str) and self._is_sensitive(part) for part in parts)

    def _key(self, key: Any) -> Any:
        return self._cleaner.text(key, self._budget) if isinstance(key, str) else key

    def _item(self, key: Any, item: Any, inside: tuple[int, ...]) -> Any:
        if self._budget.steps < 0:
            return REDACTED
        name = key.decode("latin-1") if isinstance(key, bytes) else key
        if not isinstance(name, str):
            return self.copy(item, inside)
        if item is None or isinstance(item, (str, int, float)):
            return self._cleaner.field(name, item, self._budget)
        return REDACTED if self._is_sensitive(name) else self.copy(item, inside)

    def _sequence(self, value: Any, inside: tuple[int, ...]) -> Any:
        fields = getattr(type(value), "_fields", None)
        if isinstance(value, tuple) and fields is not None:
            items = [self._item(*pair, inside) for pair in zip(fields, value, strict=True)]
            return tuple.__new__(type(value), items)
        items = self._items(list(value), inside)
        if isinstance(value, tuple):
            return tuple(items)
        if isinstance(value, (set, frozenset)):
            return type(value)(items) if type(value) in (set, frozenset) else set(items)
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

    def _object(self, value: object) -> str:
        """Return its text, also without what its sensitive attributes hold."""
        shown = self._text(str(value))
        for name, held in _attributes(value):
            if self._is_sensitive(name) and self._budget.take(1 + len(shown) // 64):
                for secret in {str(held), repr(held)} - {""}:
                    shown = shown.replace(secret, REDACTED)
        return shown if self._budget.steps >= 0 else REDACTED


def _text_of(item: object) -> str:
    """Return a text, or bytes as one; nothing for anything else."""
    if isinstance(item, bytes):
        return item.decode("latin-1")
    return item if isinstance(item, str) else ""


def _attributes(value: object) -> Iterator[tuple[str, object]]:
    """Yield an object's own attributes of Python's own plain kinds, without running its code."""
    try:
        held = object.__getattribute__(value, "__dict__")
    except AttributeError:
        held = {}
    found = dict(held) if type(held) is dict else {}
    for kind in type(value).__mro__:
        for name, slot in list(vars(kind).items()):
            if type(slot) is MemberDescriptorType:
                with suppress(AttributeError):  # nothing was assigned to it
                    found.setdefault(name, slot.__get__(value))
    for name, one in found.items():
        if isinstance(name, str) and type(one) in _PLAIN:
            yield name, one
