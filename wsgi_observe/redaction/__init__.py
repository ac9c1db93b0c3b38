"""Redactor: the one place that decides what is secret in texts, data, URLs and headers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from math import inf
from typing import Any
from urllib.parse import quote, unquote_plus

from wsgi_observe import validators
from wsgi_observe.redaction.budget import (
    MAX_CHARACTERS,
    REDACTED,
    Budget,
    make_room,
    redact_patterns,
    truncate_to_budget,
)
from wsgi_observe.redaction.credentials import (
    redact_credentials,
    redact_links,
    redact_vendor_tokens,
)
from wsgi_observe.redaction.data import MIN_CARD_NUMBER, SCALARS, RedactingCopier
from wsgi_observe.redaction.documents import redact_documents
from wsgi_observe.redaction.named_values import redact_named_values
from wsgi_observe.redaction.personal_data import redact_account_numbers, redact_personal_data
from wsgi_observe.redaction.prescan import MAX_PRESCAN_LENGTH, Prescan
from wsgi_observe.redaction.search import Search
from wsgi_observe.redaction.sensitive_names import NEVER_SENSITIVE, SensitiveNames
from wsgi_observe.wsgi.environ import printable
from wsgi_observe.wsgi.exceptions import any_failure

__all__ = ["QUERY_FIELDS", "REDACTED", "URLS", "Budget", "Redactor"]

QUERY_FIELDS = frozenset({"query_string", "QUERY_STRING"})
"""Names of fields that hold a query, in which ``code`` and ``key`` are credentials too."""

URLS = frozenset(
    {
        *("url", "uri", "full_path", "referer", "referrer", "Referer", "HTTP_REFERER"),
        *("PATH_INFO", "REQUEST_URI", "RAW_URI", "location", "Location"),
        # opentelemetry.io/docs/specs/semconv/http, and its names before 1.23
        *("url.full", "url.path", "http.url", "http.target", "http.request.header.referer"),
    }
)
"""Names of fields that hold a URL, whose path may be a link with a one-time token."""

_MIN_SECRET_LENGTH = 6  # characters
_PATH_BUDGET = (1536, 150)  # characters, and steps
_MAX_CACHED_TEXTS, _MAX_CACHED_LENGTH = 1024, 512
_MAX_CACHED_NAMES = 4096
_MAX_JOINED_FIELDS = 64
_QUERY_STEPS = 500  # steps, for some dozens of names
_MAX_QUERY_LENGTH = 2048  # characters of the result
_ELLIPSIS = "…"

_query_separator = re.compile("[&;]")
_nested_name = re.compile(r"(?<![^?&=;/#])([^?&=;/#]++)=")


class Redactor:
    """Removes secrets, known by their name or their form; may be shared between threads.

    :param add: words or names that are sensitive too.
    :param keep: words or names that are not.
    :param patterns: regular expressions, the matches of which are removed; of a match with a
        group ``secret`` that group alone.
    :param personal: whether to remove e-mail addresses and phone numbers from texts.
    :raises SettingsError: for a name without a word in it, and a pattern that is invalid or matches
        the empty string.

    >>> Redactor().text("login of jane failed: password=hunter2, attempt=3")
    'login of jane failed: password=[REDACTED], attempt=3'
    """

    is_clean: Callable[[str], bool]
    """Return whether nothing in a text is to be redacted, at a tenth of the cost of redacting it.

    False is inconclusive: the text has to be redacted. This is the only shortcut past redaction.
    """

    def __init__(
        self,
        *,
        add: Iterable[str] = (),
        keep: Iterable[str] = (),
        patterns: Iterable[str] = (),
        personal: bool = False,
    ) -> None:
        self._names = SensitiveNames(
            validators.names("redact_add", add), validators.names("redact_keep", keep)
        )
        self._prescan = Prescan(self._names).is_clean
        self._get_cached = self._names.cached.get
        self._personal = personal
        self._patterns = tuple(map(re.compile, validators.patterns("redact_patterns", patterns)))
        self.has_patterns = bool(self._patterns)
        self.min_searched_int = -inf if self.has_patterns else MIN_CARD_NUMBER
        """Integers from this one on are searched like texts."""
        self._unchanged: set[str] = set()  # texts that were searched without a result
        self._clean_names: set[str] = set()
        self._secrets: tuple[str, ...] = ()
        self._replace_path_segments: Callable[[str, str], str] | None = None
        if personal:
            self.is_clean = _is_unknown
        else:
            self.is_clean = self._has_no_match if self.has_patterns else self._prescan

    def with_secrets(self, secrets: Iterable[str]) -> Redactor:
        """Return a redactor that also removes these texts, wherever they occur.

        One of fewer than six characters is removed only as a segment of a path.
        """
        redactor = copy(self)
        redactor._unchanged = set()
        redactor.is_clean = _is_unknown
        forms = {form: None for one in secrets if one for form in (one, quote(one, safe=""))}
        redactor._secrets = tuple(form for form in forms if len(form) >= _MIN_SECRET_LENGTH)
        short = [re.escape(form) for form in forms if len(form) < _MIN_SECRET_LENGTH]
        if short:
            redactor._replace_path_segments = re.compile(
                rf"(?<=/)(?:{'|'.join(short)})(?![\w.~%+-])"
            ).sub
        return redactor

    def _has_no_match(self, text: str) -> bool:
        return self._prescan(text) and not any(one.search(text) for one in self._patterns)

    def are_clean(self, fields: Mapping[str, object]) -> bool:
        """Return whether nothing in these fields is to be redacted; False is inconclusive.

        Their texts are searched at once, on a line each: no number goes on from one to the next.
        """
        if self.has_patterns or len(fields) > _MAX_JOINED_FIELDS:
            return False  # a pattern may match a text, and not where it is joined to another
        texts: list[str] = []
        for name, value in fields.items():
            if name not in self._clean_names and not self._is_clean_name(name):
                return False
            kind = type(value)  # not its `__class__`, which a proxy borrows
            # A text that begins with a space would have the text before it as its name.
            if kind is str and (value[:1] > " " or not value):  # type: ignore[index]
                texts.append(value)  # type: ignore[arg-type]
            elif kind not in SCALARS or (kind is int and value >= MIN_CARD_NUMBER):  # type: ignore[operator]
                return False
        return self.is_clean("\n ".join(texts))

    def _is_clean_name(self, name: str) -> bool:
        if name in QUERY_FIELDS or name in URLS or self.is_sensitive(name):
            return False
        make_room(self._clean_names, _MAX_CACHED_NAMES)
        self._clean_names.add(name)
        return True

    def is_sensitive(
        self, name: str, *, in_query: bool = False, budget: Budget | None = None
    ) -> bool:
        """Return whether the value of this name is a secret.

        :param in_query: whether it is a parameter of a URL, where ``code`` and ``key`` are
            credentials.
        :param budget: the work that may be done for a whole record.

        >>> [Redactor().is_sensitive(name) for name in ("userApiKey", "tokens_used", "author")]
        [True, False, False]
        """
        return self._names.is_sensitive(name, in_query=in_query, budget=budget)

    def field(self, name: str, value: object, budget: Budget | None = None) -> Any:
        """Return a named value, redacted by its name and by its contents.

        :param budget: the work that may be done for a whole record.
        """
        is_sensitive = self._get_cached(name)
        if is_sensitive is None:
            is_sensitive = self._names.is_sensitive(name, budget=budget)
        kind = type(value)
        if is_sensitive:
            return REDACTED if self._names.hides(name, kind) else value
        if kind is str:
            redact = _REDACT_BY_NAME.get(name, Redactor.text)
            return redact(self, value, budget)  # type: ignore[arg-type]
        if kind in SCALARS and (
            kind is not int or value < self.min_searched_int or name in NEVER_SENSITIVE  # type: ignore[operator]
        ):
            return value
        return self.value(value, budget)

    def value(self, value: object, budget: Budget | None = None) -> Any:
        """Return a redacted copy of a value, however nested; never raises.

        An object that is neither data nor text becomes its text.

        >>> Redactor().value({"user": {"name": "jane", "password": "hunter2"}})
        {'user': {'name': 'jane', 'password': '[REDACTED]'}}
        """
        return RedactingCopier(self, Budget() if budget is None else budget).copy(value)

    def object_text(self, value: object, to_text: Callable[[object], str]) -> str | None:
        """Return an object's text without its secrets; None if no attribute is sensitive.

        :param to_text: converts the object to its text, such as `repr`.

        >>> from types import SimpleNamespace
        >>> Redactor().object_text(SimpleNamespace(user="jane", pin=1234), repr)
        "namespace(user='jane', pin=[REDACTED])"
        """
        try:
            return RedactingCopier(self, Budget()).object_text(value, to_text)
        except any_failure():
            return REDACTED

    def text(self, text: str, budget: Budget | None = None) -> str:
        """Return free text without secrets; what exceeds the budget is cut."""
        try:
            if budget is None:
                return text if self.is_clean(text) else self._redact_text(text, Budget())
            if budget.steps < 0:
                return budget.append_cut_marker("", len(text))
            budget.steps -= 1 + min(len(text), MAX_CHARACTERS) // 64
            return text if self.is_clean(text) else self._redact_text(text, budget)
        except any_failure():  # a text of a class that overrides what `str` does
            return REDACTED

    def _redact_text(self, text: str, budget: Budget) -> str:
        if type(text) is str and text in self._unchanged:
            return text
        whole = text
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        if self._replace_path_segments is not None:
            text = self._replace_path_segments(REDACTED, text)
        reserve = budget.reserve()
        text = truncate_to_budget(text, reserve)
        reserve.characters -= len(text)
        if self._patterns:
            text = redact_patterns(text, self._patterns, reserve)
        # A short one would not be here if the prescan alone had decided, and it were clean.
        is_unclean = self.is_clean is self._prescan and len(text) <= MAX_PRESCAN_LENGTH
        if is_unclean or not self._prescan(text, MAX_CHARACTERS):
            search = Search(self._names, reserve)
            text = redact_credentials(text, search)
            text = redact_vendor_tokens(text)
            text = redact_account_numbers(text, search)
            text = redact_documents(text, search)
            text = redact_named_values(text, search)
        if self._personal:
            text = redact_personal_data(text)
        budget.release(reserve)
        if (
            text == whole
            and reserve.steps >= 0
            and len(text) <= _MAX_CACHED_LENGTH
            and type(text) is str
        ):
            make_room(self._unchanged, _MAX_CACHED_TEXTS)
            self._unchanged.add(text)
        return text

    def path(self, path: str, budget: Budget | None = None) -> str:
        """Return a URL's path without secrets; a long one that is not clean is cut.

        :param budget: a larger one, for a text that may contain a path.

        >>> Redactor().path("/reset/4f5d6e7a8b9c0d1e2f3a")
        '/reset/[REDACTED]'
        """
        if type(path) is not str or not self.is_clean(path):
            path = self.text(path, budget or Budget(*_PATH_BUDGET))
        return redact_links(path)

    def query(self, query: str, budget: Budget | None = None) -> str:
        """Return a query string or a form body without secrets; a long one is cut.

        >>> Redactor().query("page=2&access_token=abc&%74oken=abc")
        'page=2&access_token=[REDACTED]&%74oken=[REDACTED]'
        """
        budget = budget or Budget(steps=_QUERY_STEPS)
        parts: list[str] = []
        length = 0
        for part in _query_separator.split(query[: 2 * _MAX_QUERY_LENGTH]):
            parts.append(printable(self._redact_query_part(part, budget)))
            length += len(parts[-1]) + 1
            if length > _MAX_QUERY_LENGTH or not budget.spend(2):
                parts[-1] = _ELLIPSIS  # it may be cut within a name
                break
        shown = "&".join(parts)
        return redact_patterns(shown, self._patterns, budget) if self._patterns else shown

    def _redact_query_part(self, part: str, budget: Budget) -> str:
        """Redact ``name=value``; a part without a name as a whole, since it may be a token."""
        if part in ("", _ELLIPSIS):
            return part
        name, equals, value = part.partition("=")
        if not equals:
            return REDACTED
        is_secret = self.is_sensitive(name, in_query=True, budget=budget)
        is_secret = is_secret or self._has_secret_query(value, budget)
        return f"{name}={REDACTED}" if is_secret else part

    def _has_secret_query(self, value: str, budget: Budget) -> bool:
        """Return whether a value contains a secret, such as in a query within it."""
        nested = unquote_plus(unquote_plus(value)) if "%" in value or "+" in value else value
        for name in _nested_name.finditer(nested):
            if self.is_sensitive(name[1], in_query=True, budget=budget) or budget.steps < 0:
                return True
        return self.text(nested, budget) != nested

    def url(self, url: str, budget: Budget | None = None) -> str:
        """Return a URL, or its path and query, without secrets.

        >>> Redactor().url("https://jane:pw@shop/reset/4f5d6e7a8b9c0d1e2f3a?page=2&code=abc")
        'https://jane:[REDACTED]@shop/reset/[REDACTED]?page=2&code=[REDACTED]'
        """
        base, mark, query = url.partition("?")
        shown = self.path(base, budget)
        return f"{shown}?{self.query(query, budget)}" if mark else shown

    def headers(self, headers: Any) -> Any:
        """Return headers without secrets: a mapping as a dict, pairs in the types they have."""
        budget = Budget()
        if isinstance(headers, Mapping):
            return {name: self.field(str(name), one, budget) for name, one in headers.items()}
        pairs = [
            type(pair)((pair[0], self.field(str(pair[0]), pair[1], budget))) for pair in headers
        ]
        return tuple(pairs) if isinstance(headers, tuple) else pairs


class NullRedactor(Redactor):
    """Removes nothing, for ``redact=False``."""

    def __init__(self) -> None:
        self.has_patterns = False
        self.is_clean = _is_always_clean

    def with_secrets(self, secrets: Iterable[str]) -> Redactor:
        """Return itself."""
        return self

    def are_clean(self, fields: Mapping[str, object]) -> bool:
        """Return True."""
        return True

    def field(self, name: str, value: object, budget: Budget | None = None) -> Any:
        """Return `value`."""
        return value

    def path(self, path: str, budget: Budget | None = None) -> str:
        """Return `path`."""
        return path


def _is_always_clean(text: str) -> bool:
    return True


def _keep(redactor: Redactor, text: str, budget: Budget | None) -> str:
    return text


# Names that give the form of a field's text.
_REDACT_BY_NAME: dict[str, Callable[[Redactor, str, Budget | None], str]] = {
    **dict.fromkeys(URLS, Redactor.url),
    **dict.fromkeys(QUERY_FIELDS, Redactor.query),
    **dict.fromkeys(NEVER_SENSITIVE, _keep),
}


def _is_unknown(text: str) -> bool:
    """Return False: with personal data or secrets of a request, only a search can answer."""
    return False
