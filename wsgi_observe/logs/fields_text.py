"""The fields that a line has beside the contract's own, as they stand in its text."""

from __future__ import annotations

from json.encoder import encode_basestring as quoted
from math import isfinite
from typing import Any

from wsgi_observe.logs.encoding import Encode
from wsgi_observe.logs.fields import Fields
from wsgi_observe.logs.redaction import Redaction

_MOST = 4096  # names that are remembered: a service has a few of them
_WORDS = {None: "null", True: "true", False: "false"}
_LONG_NUMBER = 10**15  # the text of a longer one may be refused


class FieldsText:
    """Makes the text that redaction and JSON make of fields; of plain ones in less time.

    :param encode: makes JSON of fields.
    """

    def __init__(self, encode: Encode, redaction: Redaction) -> None:
        self._encode = encode
        self._redaction = redaction
        self._finds_nothing = redaction.glance
        self._heads: dict[str, str] = {}

    def of(self, fields: Fields) -> str:
        """Return the fields as they stand behind others in a line."""
        if self._finds_nothing is None:
            return self._encoded(fields)
        made = looked_at = ""
        heads = self._heads
        value: Any
        for name, value in fields.items():
            head = heads.get(name) or self._learn(name)
            kind = type(value)  # not its `__class__`, which a proxy borrows
            if not head:
                return self._encoded(fields)
            # Where one begins with a space, what is before it would count as its name.
            if kind is str and value.isascii() and (value >= "!" or not value):
                made += head + quoted(value)
                looked_at += " " + value
            elif kind is int and -_LONG_NUMBER < value < _LONG_NUMBER:
                made += head + str(value)
            elif kind is float and isfinite(value):
                made += head + repr(value)
            elif value is None or kind is bool:
                made += head + _WORDS[value]
            else:
                return self._encoded(fields)
        # One look at all of them: it finds nothing only where it would find nothing in any.
        return made if self._finds_nothing(looked_at) else self._encoded(fields)

    def _encoded(self, fields: Fields) -> str:
        return following(self._redaction.bound(fields), self._encode)

    def _learn(self, name: str) -> str:
        """Return how a field begins whose value is told unless a look finds a secret in it.

        Empty for any other: one with a sensitive name, or with one that JSON cannot say.
        """
        if not (name.isascii() and self._redaction.is_ordinary(name)):
            return ""
        if len(self._heads) >= _MOST:
            self._heads.clear()
        head = self._heads[name] = f",{quoted(name)}:"
        return head


def following(fields: Fields, encode: Encode) -> str:
    """Return fields as they stand behind others in a line."""
    return f",{encode(fields)[1:-1].decode()}" if fields else ""
