"""What was bound to a request, as it stands in the text of its lines."""

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


class BoundText:
    """Makes text of fields as JSON and redaction would; of plain ones in a third of the time.

    :param encode: makes JSON of fields.
    """

    def __init__(self, encode: Encode, redaction: Redaction) -> None:
        self._encode = encode
        self._redaction = redaction
        self._finds_nothing = redaction.glance
        self._heads: dict[str, str] = {}

    def of(self, fields: Fields) -> str:
        """Return the fields as they stand behind others in a line."""
        text = texts = ""
        heads = self._heads
        value: Any
        for name, value in fields.items():
            head = heads.get(name) or self._learn(name)
            kind = value.__class__
            if not head:
                return self._encoded(fields)
            if kind is str and value.isascii():
                text += head + quoted(value)
                texts += " " + value
            elif kind is int and -_LONG_NUMBER < value < _LONG_NUMBER:
                text += head + str(value)
            elif kind is float and isfinite(value):
                text += head + repr(value)
            elif value is None or kind is bool:
                text += head + _WORDS[value]
            else:
                return self._encoded(fields)
        # At all of them at once, each a word: where it finds nothing there is nothing in any.
        is_plain = self._finds_nothing is not None and self._finds_nothing(texts)
        return text if is_plain else self._encoded(fields)

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
