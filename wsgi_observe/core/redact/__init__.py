"""What must not be seen, taken out of texts and data: the one place that decides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from typing import Any
from urllib.parse import quote

from wsgi_observe.core.redact.data import Copier
from wsgi_observe.core.redact.forms import without_forms
from wsgi_observe.core.redact.glance import Glance
from wsgi_observe.core.redact.names import Names
from wsgi_observe.core.redact.pairs import without_values
from wsgi_observe.core.redact.personal import without_personal
from wsgi_observe.core.redact.query import redacted_query
from wsgi_observe.core.redact.words import OUR_OWN, REDACTED

__all__ = ["QUERIES", "REDACTED", "Redactor"]

QUERIES = frozenset({"query_string", "QUERY_STRING"})
"""Names of what is looked at as a query is, where also ``code`` and ``key`` are credentials."""

_PLAIN = frozenset({int, float, bool, type(None)})
_LEAST = 6  # characters
_LONGEST = 2 * 1024 * 1024  # characters of one text that are looked at


class Redactor:
    """Takes secrets out by the names beside them and by their forms; shared between threads.

    :param add: words or names that are sensitive too.
    :param keep: words or names that are not.
    :param personal: whether card numbers and e-mail addresses in texts go too.
    :raises ValueError: for a name without a word in it.

    >>> Redactor().text("login of jane failed: password=hunter2, attempt=3")
    'login of jane failed: password=[REDACTED], attempt=3'
    """

    def __init__(
        self, *, add: Iterable[str] = (), keep: Iterable[str] = (), personal: bool = False
    ) -> None:
        self._names = Names(add, keep)
        self._finds_nothing = Glance(self._names).finds_nothing
        self._known = self._names.known.get
        self._personal = personal
        self._looks_at_words = personal  # where a word or number alone may have to go
        self._secrets: tuple[str, ...] = ()
        self._segments: Callable[[str, str], str] | None = None

    def knowing(self, secrets: Iterable[str]) -> Redactor:
        """Return a redactor that takes out these very texts too, wherever they stand.

        Too short a text is told from others only as a part of a path, behind a slash.
        """
        made = copy(self)
        forms = {form: None for one in secrets if one for form in (one, quote(one, safe=""))}
        made._secrets = tuple(form for form in forms if len(form) >= _LEAST)
        short = [re.escape(form) for form in forms if len(form) < _LEAST]
        if short:
            made._segments = re.compile(rf"(?<=/)(?:{'|'.join(short)})(?![\w.~%+-])").sub
        made._looks_at_words = True
        return made

    @property
    def glance(self) -> Callable[[str], bool] | None:
        """What tells of most texts that nothing is to be taken out, where that can be told.

        Its False is no verdict.
        """
        return None if self._looks_at_words else self._finds_nothing

    def is_sensitive(self, name: str, *, in_query: bool = False) -> bool:
        """Tell whether what bears this name must not be seen.

        :param in_query: whether it stands in a URL, where ``code`` and ``key`` are credentials.

        >>> [Redactor().is_sensitive(name) for name in ("userApiKey", "tokens_used", "author")]
        [True, False, False]
        """
        return self._names.in_a_query(name) if in_query else name in self._names

    def field(self, name: str, value: object) -> Any:
        """Return what may be seen of a named value."""
        is_sensitive = self._known(name)
        if is_sensitive is None:
            is_sensitive = name in self._names
        if is_sensitive:
            return REDACTED
        kind = type(value)
        if kind is str:
            return self._field_of_text(name, value)  # type: ignore[arg-type]
        # Of what is neither text nor data only a number may be a person's.
        if kind in _PLAIN and (not self._personal or name in OUR_OWN):
            return value
        return self.value(value)

    def _field_of_text(self, name: str, value: str) -> str:
        if value.isalnum() and not self._looks_at_words:
            return value
        if name in OUR_OWN:
            return value
        return self.query(value) if name in QUERIES else self.text(value)

    def value(self, value: object) -> Any:
        """Return a redacted copy of a value, however nested; never raises.

        What is neither data nor text stands there as its text.

        >>> Redactor().value({"user": {"name": "jane", "password": "hunter2"}})
        {'user': {'name': 'jane', 'password': '[REDACTED]'}}
        """
        return Copier(self).copy(value)

    def text(self, text: str) -> str:
        """Return free text without secrets."""
        try:
            if self._finds_nothing(text) and not self._looks_at_words and len(text) <= _LONGEST:
                return text
            return self._searched(text)
        except Exception:  # a text of a class that does as it likes
            return REDACTED

    def _searched(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        if self._segments is not None:
            text = self._segments(REDACTED, text)
        if len(text) > _LONGEST:
            text = text[:_LONGEST] + REDACTED
        text = without_forms(text)
        text = without_personal(text) if self._personal else text
        return without_values(text, self._names)

    def query(self, query: str) -> str:
        """Return a query string or a form body without secrets, cut where it is long.

        >>> Redactor().query("page=2&access_token=abc&%74oken=abc")
        'page=2&access_token=[REDACTED]&%74oken=[REDACTED]'
        """
        return redacted_query(query, self._names, self.text)

    def headers(self, headers: Any) -> Any:
        """Return headers without secrets: a mapping, or pairs as they came."""
        if isinstance(headers, Mapping):
            return {name: self.field(str(name), value) for name, value in headers.items()}
        pairs = [type(pair)((pair[0], self.field(str(pair[0]), pair[1]))) for pair in headers]
        return tuple(pairs) if isinstance(headers, tuple) else pairs
