"""Nested data as a redacted copy: mappings, sequences, sets, objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from wsgi_observe.core.objects import is_dataclass, shown_fields
from wsgi_observe.core.redact.words import REDACTED

_DEEPEST = 20
_MOST = 10_000  # items, over all levels
_CYCLE = "<a cycle>"

# Their text is what they are; making it would cost more than it could tell.
_HARMLESS = frozenset({"datetime", "decimal", "uuid", "fractions", "ipaddress", "zoneinfo"})


class Cleaner(Protocol):
    """What decides about names and texts."""

    def is_sensitive(self, name: str) -> bool:
        """Tell whether what bears this name must not be seen."""

    def field(self, name: str, value: object) -> Any:
        """Return what may be seen of a named value."""

    def text(self, text: str) -> str:
        """Return free text without secrets."""


class Copier:
    """Makes one redacted copy; too deep, too large or unreadable becomes the mark, never raw."""

    def __init__(self, cleaner: Cleaner) -> None:
        self._cleaner = cleaner
        self._left = _MOST

    def copy(self, value: object, above: tuple[int, ...] = ()) -> Any:
        """Return the copy of one value.

        :param above: the identities of what `value` stands in.
        """
        try:
            return self._copy(value, above)
        except Exception:
            return REDACTED

    def _copy(self, value: object, above: tuple[int, ...]) -> Any:
        if isinstance(value, str):
            return self._cleaner.text(value)
        if value is None or isinstance(value, (bool, int, float)):
            return self._number(value)
        if isinstance(value, (bytes, bytearray)):
            return self._bytes(bytes(value))
        if isinstance(value, (Mapping, list, tuple, set, frozenset)):
            return self._container(value, above)
        if type(value).__module__ in _HARMLESS:
            return value
        return self._dataclass(value, above) if is_dataclass(value) else self._object(value)

    def _number(self, value: object) -> Any:
        if type(value) is not int or value < 10**12:
            return value
        shown = str(value)
        return value if self._cleaner.text(shown) == shown else REDACTED

    def _bytes(self, value: bytes) -> bytes:
        # Each byte a character, so that what is left is what it was.
        return self._cleaner.text(value.decode("latin-1")).encode("latin-1")

    def _container(self, value: Any, above: tuple[int, ...]) -> Any:
        if id(value) in above:
            return _CYCLE
        self._left -= len(value)
        if len(above) >= _DEEPEST or self._left < 0:
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
        except Exception as error:
            return f"<{type(value).__name__}: {type(error).__name__} while it was read>"
        return self._container(held, (*above, id(value)))

    def _mapping(self, value: Mapping[Any, Any], inside: tuple[int, ...]) -> dict[Any, Any]:
        return {self._key(key): self._item(key, item, inside) for key, item in list(value.items())}

    def _key(self, key: Any) -> Any:
        return self._cleaner.text(key) if isinstance(key, str) else key

    def _item(self, key: Any, item: Any, inside: tuple[int, ...]) -> Any:
        name = key.decode("latin-1") if isinstance(key, bytes) else key
        if isinstance(name, str) and self._cleaner.is_sensitive(name):
            return REDACTED
        is_scalar = item is None or isinstance(item, (str, int, float))
        if isinstance(name, str) and is_scalar:
            return self._cleaner.field(name, item)
        return self.copy(item, inside)

    def _sequence(self, value: Any, inside: tuple[int, ...]) -> Any:
        fields = getattr(type(value), "_fields", None)
        if isinstance(value, tuple) and fields is not None:
            items = [self._item(*pair, inside) for pair in zip(fields, value, strict=True)]
            return tuple.__new__(type(value), items)
        items = [
            [item[0], REDACTED]
            if type(item) is list and self._is_secret_pair(item)
            else self.copy(item, inside)
            for item in list(value)
        ]
        if isinstance(value, tuple):
            return tuple(items)
        if isinstance(value, (set, frozenset)):
            return type(value)(items) if type(value) in (set, frozenset) else set(items)
        return items

    def _is_secret_pair(self, value: Any) -> bool:
        """Tell whether it is a sensitive name and its value, as headers are listed."""
        if len(value) != 2:
            return False
        name = value[0].decode("latin-1") if isinstance(value[0], bytes) else value[0]
        return isinstance(name, str) and self._cleaner.is_sensitive(name)

    def _object(self, value: object) -> str:
        """Return its text, also without what its sensitive attributes hold."""
        shown = self._cleaner.text(str(value))
        for name, held in _attributes(value):
            if self._cleaner.is_sensitive(name):
                for secret in {str(held), repr(held)} - {""}:
                    shown = shown.replace(secret, REDACTED)
        return shown


def _attributes(value: object) -> list[tuple[str, object]]:
    """Return an object's own attributes, without running its code."""
    found = dict(getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            found.setdefault(name, getattr(value, name, None))
    return [(name, held) for name, held in found.items() if held is not None]
