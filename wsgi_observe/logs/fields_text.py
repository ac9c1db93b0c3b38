"""The fields that a line has beside the contract's own, as they stand in its text."""

from __future__ import annotations

from json.encoder import encode_basestring as quoted
from math import isfinite
from typing import Any

from wsgi_observe.core.redact import QUERIES, REDACTED, URLS
from wsgi_observe.logs.encoding import Encode
from wsgi_observe.logs.redaction import Redaction
from wsgi_observe.logs.request_fields import Fields

_MOST = 4096  # names that are remembered: a service has a few of them
_BY_NAME = QUERIES | URLS
_NUMBERS = frozenset({int, float, bool})
_MOST_FIELDS = 64  # of one line; more of them are looked at within a budget
_WORDS = {None: "null", True: "true", False: "false"}
_LONG_NUMBER = 10**12  # a longer one may be a card's


class FieldsText:
    """Makes the text that redaction and JSON make of fields; of plain ones in less time.

    :param encode: makes JSON of fields.
    """

    def __init__(self, encode: Encode, redaction: Redaction) -> None:
        self._encode = encode
        self._redaction = redaction
        self._finds_nothing = redaction.glance
        self._heads: dict[str, str] = {}
        self._hidden: dict[str, str] = {}
        self.is_quick = redaction.wanted
        """Whether it takes less than a dump of the whole line: most of what it saves is looking."""

    def of(self, fields: Fields) -> str:
        """Return the fields as they stand behind others in a line."""
        if self._finds_nothing is None or len(fields) > _MOST_FIELDS:
            return self._encoded(fields)
        made = looked_at = ""
        heads, hidden = self._heads, self._hidden
        value: Any
        for name, value in fields.items():
            head = heads.get(name) or self._learn(name)
            if not head:
                whole = hidden.get(name)  # asked once: another thread may just forget them all
                # Under some names a number may be told.
                if whole is None or type(value) in _NUMBERS:
                    return self._encoded(fields)
                made += whole
                continue
            kind = type(value)  # not its `__class__`, which a proxy borrows
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
        """Return how a field of this name begins; empty where its value is not to be told so.

        That is one that nobody may see, or whose form says what may be seen of it.
        """
        if name in self._hidden or not name.isascii() or name in _BY_NAME:
            return ""
        head, is_hidden = f",{quoted(name)}:", self._redaction.is_hidden(name)
        known = self._hidden if is_hidden else self._heads
        if len(known) >= _MOST:
            known.clear()
        known[name] = f'{head}"{REDACTED}"' if is_hidden else head
        return "" if is_hidden else head


def following(fields: Fields, encode: Encode) -> str:
    """Return fields as they stand behind others in a line."""
    return f",{encode(fields)[1:-1].decode()}" if fields else ""
