"""What must not be seen, taken out of texts and data: the one place that decides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from math import inf
from typing import Any
from urllib.parse import quote

from wsgi_observe.core import fit_words
from wsgi_observe.core.failures import any_failure
from wsgi_observe.core.redact.data import MAY_BE_A_CARD, Copier
from wsgi_observe.core.redact.documents import without_documents
from wsgi_observe.core.redact.forms import without_forms
from wsgi_observe.core.redact.glance import SHORT, Glance
from wsgi_observe.core.redact.links import SHORTEST_LINK, without_links
from wsgi_observe.core.redact.names import Names
from wsgi_observe.core.redact.numbers import LEAST_DIGITS, without_numbers
from wsgi_observe.core.redact.pairs import without_values
from wsgi_observe.core.redact.patterns import without_matches
from wsgi_observe.core.redact.personal import without_personal
from wsgi_observe.core.redact.query import redacted_query
from wsgi_observe.core.redact.search import CHARACTERS, Budget, within
from wsgi_observe.core.redact.vendors import without_tokens
from wsgi_observe.core.redact.words import OUR_OWN, REDACTED

__all__ = ["QUERIES", "REDACTED", "SHORTEST_LINK", "URLS", "Budget", "Redactor"]

QUERIES = frozenset({"query_string", "QUERY_STRING"})
"""Names of what is looked at as a query is, where also ``code`` and ``key`` are credentials."""

URLS = frozenset(
    {
        *("url", "uri", "full_path", "referer", "referrer", "Referer", "HTTP_REFERER"),
        *("PATH_INFO", "REQUEST_URI", "RAW_URI", "location", "Location"),
        # opentelemetry.io/docs/specs/semconv/http, and what it had before
        *("url.full", "url.path", "http.url", "http.target", "http.request.header.referer"),
    }
)
"""Names of what is looked at as a URL is: its path may be a link that is good for one time."""

_PLAIN = frozenset({int, float, bool, type(None)})
_LEAST = 6  # characters
_OF_A_PATH = (1536, 150)  # characters, and steps
_MOST_UNCHANGED, _LONGEST_UNCHANGED = 1024, 512  # texts that are remembered
_OF_A_QUERY = 500  # steps, for some dozens of names


class Redactor:
    """Takes secrets out by the names beside them and by their forms; shared between threads.

    :param add: words or names that are sensitive too.
    :param keep: words or names that are not.
    :param patterns: regular expressions; what matches one goes too, of a match with a group
        ``secret`` that group alone.
    :param personal: whether e-mail addresses and phone numbers in texts go too.
    :raises ValueError: for a name without a word in it.
    :raises SettingsError: for a pattern that is invalid or matches the empty string.

    >>> Redactor().text("login of jane failed: password=hunter2, attempt=3")
    'login of jane failed: password=[REDACTED], attempt=3'
    """

    def __init__(
        self,
        *,
        add: Iterable[str] = (),
        keep: Iterable[str] = (),
        patterns: Iterable[str] = (),
        personal: bool = False,
    ) -> None:
        self._names = Names(add, keep)
        self._finds_nothing = Glance(self._names).finds_nothing
        self._known = self._names.known.get
        self.judge = self._names.judge
        self._personal = personal
        self._looks_at_words = personal  # where a word or number alone may have to go
        self._patterns = tuple(map(re.compile, fit_words.patterns("redact_patterns", patterns)))
        self.has_patterns = bool(self._patterns)
        self._searches_all = personal or self.has_patterns
        self.plain_below = -inf if self.has_patterns else MAY_BE_A_CARD
        """Below this an integer is shown without being searched."""
        self._unchanged: set[str] = set()  # texts that were searched in vain
        self._secrets: tuple[str, ...] = ()
        self._segments: Callable[[str, str], str] | None = None

    def knowing(self, secrets: Iterable[str]) -> Redactor:
        """Return a redactor that takes out these very texts too, wherever they stand.

        Too short a text is recognised only as a part of a path, behind a slash.
        """
        made = copy(self)
        made._unchanged = set()
        forms = {form: None for one in secrets if one for form in (one, quote(one, safe=""))}
        made._secrets = tuple(form for form in forms if len(form) >= _LEAST)
        short = [re.escape(form) for form in forms if len(form) < _LEAST]
        if short:
            made._segments = re.compile(rf"(?<=/)(?:{'|'.join(short)})(?![\w.~%+-])").sub
        made._looks_at_words = made._searches_all = True
        return made

    @property
    def glance(self) -> Callable[[str], bool] | None:
        """What tells of most texts that nothing is to be taken out, where that can be told.

        Its False is no verdict.
        """
        return None if self._searches_all else self._finds_nothing

    @property
    def glance_at_whole(self) -> Callable[[str], bool] | None:
        """The same for whole texts, not for several in a row, where a pattern may not match."""
        return self._is_clean if self.has_patterns and not self._looks_at_words else self.glance

    def _is_clean(self, text: str) -> bool:
        return self._finds_nothing(text) and not self.matches(text)

    def matches(self, text: str) -> bool:
        """Return whether one of the patterns matches somewhere in a text."""
        return any(pattern.search(text) for pattern in self._patterns)

    def is_sensitive(self, name: str, *, in_query: bool = False) -> bool:
        """Return whether what bears this name must not be seen.

        :param in_query: whether it stands in a URL, where ``code`` and ``key`` are credentials.

        >>> [Redactor().is_sensitive(name) for name in ("userApiKey", "tokens_used", "author")]
        [True, False, False]
        """
        return self._names.in_a_query(name) if in_query else name in self._names

    def field(self, name: str, value: object, budget: Budget | None = None) -> Any:
        """Return what may be seen of a named value.

        :param budget: the work that may be done, where it is that of a whole record.
        """
        is_sensitive = self._known(name)
        if is_sensitive is None:
            is_sensitive = self.judge(name, budget or Budget())
        kind = type(value)
        if is_sensitive:
            return REDACTED if self._names.hides(name, kind) else value
        if kind is str:
            return self._field_of_text(name, value, budget)  # type: ignore[arg-type]
        # Of what is neither text nor data only a number may be a card's, or match a pattern.
        if kind in _PLAIN and (kind is not int or value < self.plain_below or name in OUR_OWN):  # type: ignore[operator]
            return value
        return self.value(value, budget)

    def _field_of_text(self, name: str, value: str, budget: Budget | None) -> str:
        if len(value) < LEAST_DIGITS and value.isalnum() and not self._searches_all:
            return value
        if name in OUR_OWN:
            return value
        if name in QUERIES:
            return self.query(value, budget)
        return self.url(value, budget) if name in URLS else self.text(value, budget)

    def value(self, value: object, budget: Budget | None = None) -> Any:
        """Return a redacted copy of a value, however nested; never raises.

        What is neither data nor text stands there as its text.

        >>> Redactor().value({"user": {"name": "jane", "password": "hunter2"}})
        {'user': {'name': 'jane', 'password': '[REDACTED]'}}
        """
        return Copier(self, Budget() if budget is None else budget).copy(value)

    def shown(self, value: object, text: Callable[[object], str]) -> str | None:
        """Return an object's text without its secrets; None for one with no sensitive attribute.

        :param text: makes the text, such as `repr`.

        >>> from types import SimpleNamespace
        >>> Redactor().shown(SimpleNamespace(user="jane", pin=1234), repr)
        "namespace(user='jane', pin=[REDACTED])"
        """
        try:
            return Copier(self, Budget()).shown(value, text)
        except any_failure():
            return REDACTED

    def text(self, text: str, budget: Budget | None = None) -> str:
        """Return free text without secrets; what is beyond the budget is cut."""
        try:
            if budget is None:
                if self._finds_nothing(text) and not self._searches_all:
                    return text
                return self._searched(text, Budget())
            if budget.steps < 0:
                return budget.cut_off("", len(text))
            budget.steps -= 1 + len(text) // 64 if len(text) < CHARACTERS else CHARACTERS // 64
            if self._finds_nothing(text) and not self._searches_all:
                return text
            return self._searched(text, budget)
        except any_failure():  # a text of a class that does as it likes
            return REDACTED

    def _searched(self, text: str, budget: Budget) -> str:
        if type(text) is str and text in self._unchanged:
            return text
        whole = text
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        if self._segments is not None:
            text = self._segments(REDACTED, text)
        part = budget.part()
        text = within(text, part)
        part.characters -= len(text)
        if self._patterns:
            text = without_matches(text, self._patterns, part)
        # A short one was looked at before it came here.
        is_looked_at = len(text) <= SHORT and not self._patterns
        if self._looks_at_words or is_looked_at or not self._finds_nothing(text, CHARACTERS):
            text = without_forms(text, part)
            text = without_tokens(text)
            text = without_numbers(text, part)
            text = without_personal(text) if self._personal else text
            text = without_documents(text, self._names, part)
            text = without_values(text, self._names, part)
        budget.put_back(part)
        if text == whole and len(text) <= _LONGEST_UNCHANGED and type(text) is str:
            if len(self._unchanged) >= _MOST_UNCHANGED:
                self._unchanged.clear()  # they come from clients too
            self._unchanged.add(text)
        return text

    def path(self, path: str, budget: Budget | None = None) -> str:
        """Return a URL's path without secrets; one that is suspicious is cut where it is long.

        :param budget: a larger one, for a text that may have a path in it.

        >>> Redactor().path("/reset/4f5d6e7a8b9c0d1e2f3a")
        '/reset/[REDACTED]'
        """
        if self._searches_all or type(path) is not str or not self._finds_nothing(path):
            path = self.text(path, budget or Budget(*_OF_A_PATH))
        return path if len(path) < SHORTEST_LINK else without_links(path)

    def query(self, query: str, budget: Budget | None = None) -> str:
        """Return a query string or a form body without secrets, cut where it is long.

        >>> Redactor().query("page=2&access_token=abc&%74oken=abc")
        'page=2&access_token=[REDACTED]&%74oken=[REDACTED]'
        """
        budget = budget or Budget(steps=_OF_A_QUERY)
        shown = redacted_query(query, self._names, self.text, budget)
        return without_matches(shown, self._patterns, budget) if self._patterns else shown

    def url(self, url: str, budget: Budget | None = None) -> str:
        """Return a URL, or its path and query, without secrets.

        >>> Redactor().url("https://jane:pw@shop/reset/4f5d6e7a8b9c0d1e2f3a?page=2&code=abc")
        'https://jane:[REDACTED]@shop/reset/[REDACTED]?page=2&code=[REDACTED]'
        """
        base, mark, query = url.partition("?")
        shown = self.path(base, budget)
        return f"{shown}?{self.query(query, budget)}" if mark else shown

    def headers(self, headers: Any) -> Any:
        """Return headers without secrets: a mapping, or pairs as they came."""
        budget = Budget()
        if isinstance(headers, Mapping):
            return {name: self.field(str(name), one, budget) for name, one in headers.items()}
        pairs = [
            type(pair)((pair[0], self.field(str(pair[0]), pair[1], budget))) for pair in headers
        ]
        return tuple(pairs) if isinstance(headers, tuple) else pairs
