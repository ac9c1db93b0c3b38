"""SensitiveNames: decides by words whether the value of a name is a secret."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import unquote_plus

from wsgi_observe.redaction.budget import Budget, make_room
from wsgi_observe.redaction.sensitive_words import (
    HARMLESS_PREFIXES,
    HARMLESS_SUFFIXES,
    NEVER_SENSITIVE,
    NUMERIC_WORDS,
    SENSITIVE_ENDINGS,
    SENSITIVE_IN_QUERY,
    SENSITIVE_TERMS,
    TERM_ENDINGS,
    UNSPACED_TERMS,
    WHOLE_NAME_ONLY,
    fold,
)

_MAX_NAME_LENGTH = 256  # characters; a longer name is not one that a developer chose
_MAX_CACHED_NAMES = 4096
_NO_WORDS: frozenset[str] = frozenset()

_word = re.compile(r"[^\W\d_]+|\d+")
# `apiKey`, `XSRFToken` and `APIKey`, each in its words.
_camel_case_boundary = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_unicode_escape = re.compile(r"\\u([0-9a-fA-F]{4})")

Term = tuple[str, ...]


class SensitiveNames:
    """The built-in word lists, with additions and exceptions.

    A name is decoded from percent-encoding (twice, since a proxy may have encoded it again) and
    split into words: ``userApiKey``, ``user-api-key`` and ``user[api_key]`` have the same ones.

    :param add: words, or names of several words, that are sensitive too.
    :param keep: words or names that are not.
    :raises ValueError: for one without a word in it.
    """

    def __init__(self, add: Iterable[str] = (), keep: Iterable[str] = ()) -> None:
        self._added_terms = frozenset(map(_parse_term, add))
        self._harmless_terms = frozenset(map(_parse_term, keep))
        self.beside_digits = _beside_digits(
            (*SENSITIVE_TERMS, *self._added_terms, *self._harmless_terms)
        )
        """Words of terms with digits: other digits change nothing in a name without these words."""
        self.cached: dict[str, bool] = {}
        """Names outside queries that have been judged."""
        self.redacted_frames: dict[str, str] = {}
        """Frames of tracebacks that have been redacted."""
        self._cached_in_queries: dict[str, bool] = {}

    def is_sensitive(
        self, name: str, *, in_query: bool = False, budget: Budget | None = None
    ) -> bool:
        """Return whether the value of this name is a secret.

        :param in_query: whether it is a parameter of a query, where ``code`` and ``key`` are
            credentials.
        :param budget: what the work is charged to.
        """
        cache = self._cached_in_queries if in_query else self.cached
        cached = cache.get(name)
        if cached is None:
            if budget is not None:
                budget.steps -= 7 + min(len(name), _MAX_NAME_LENGTH) // 2
            extra_words = SENSITIVE_IN_QUERY if in_query else _NO_WORDS
            if len(name) > _MAX_NAME_LENGTH:
                cached = True
            else:
                make_room(cache, _MAX_CACHED_NAMES)
                cached = cache[name] = self._classify(name, extra_words)
        if budget is not None:
            budget.steps -= 1
        return cached

    def is_added(self, name: str) -> bool:
        """Return whether a name was added to the lists: then even a number is a secret."""
        if not self._added_terms or len(name) > _MAX_NAME_LENGTH:
            return False
        name = _decode_name(name)
        return any(any(_find_terms(words, self._added_terms)) for words in _iter_word_splits(name))

    def hides_numbers(self, name: str) -> bool:
        """Return whether a number is a secret under this sensitive name, and not a count.

        It is if the name ends in pin, code, number, password and the like.
        """
        return len(name) > _MAX_NAME_LENGTH or _names_numeric_secret(name) or self.is_added(name)

    def is_metadata(self, name: str) -> bool:
        """Return whether a name has a word for a property of something: ``minLength``."""
        return not HARMLESS_SUFFIXES.isdisjoint(words_of(name[:_MAX_NAME_LENGTH]))

    def hides(self, name: str, kind: type) -> bool:
        """Return whether a value of this type is a secret under this sensitive name."""
        if kind is type(None):
            return False
        if kind is bool:
            return self.is_added(name)
        return kind not in (int, float) or self.hides_numbers(name)

    def _classify(self, name: str, extra_words: frozenset[str]) -> bool:
        if name in NEVER_SENSITIVE:
            return False
        result = None
        for words in _iter_word_splits(_decode_name(name)):
            result = self._classify_words(words, extra_words)
            if result is not None:
                break
        return bool(result)

    def _classify_words(self, words: Term, extra_words: frozenset[str]) -> bool | None:
        """Return None for words that are on no list, False for metadata such as ``token_count``."""
        if any(_find_terms(words, self._added_terms)):
            return True
        harmless = list(_find_terms(words, self._harmless_terms))
        result = None
        for start, end in _find_sensitive_terms(words, extra_words):
            is_harmless = any(first <= start and end <= last for first, last in harmless)
            result = result or not (is_harmless or _is_metadata(words, end))
        return result


def _beside_digits(terms: Iterable[str | Term]) -> frozenset[str]:
    """Return, of each term with a digit as one of its words, the longest other word."""
    return frozenset(
        max(filter(str.isalpha, term), key=len, default="")
        for term in terms
        if not isinstance(term, str) and not all(map(str.isalpha, term))
    )


def _parse_term(text: str) -> Term:
    words = words_of(text)
    if not words:
        raise ValueError(f"no word in {text!r}")
    return words


def _decode_name(name: str) -> str:
    if "%" in name or "+" in name:
        name = unquote_plus(unquote_plus(name))
    if "\\" in name:
        name = _unicode_escape.sub(lambda match: chr(int(match[1], 16)), name)
    return name


def words_of(name: str) -> Term:
    """Return a name's words: ``userApiKey`` has three."""
    return _split_words(_camel_case_boundary.sub("_", name))


def _split_words(name: str) -> Term:
    return tuple(_to_singular(word) for word in _word.findall(fold(name)))


def _iter_word_splits(name: str) -> Iterable[Term]:
    """Yield a name's words, split at changes of case, then not: ``ToKeN`` is one word."""
    yield words_of(name)
    yield _split_words(name)


def _to_singular(word: str) -> str:
    is_plural = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return word[:-1] if is_plural else word


def _find_terms(words: Term, terms: frozenset[Term]) -> Iterable[tuple[int, int]]:
    for term in terms:
        for start in range(len(words) - len(term) + 1):
            if words[start : start + len(term)] == term:
                yield start, start + len(term)


def _find_sensitive_terms(words: Term, extra_words: frozenset[str]) -> Iterable[tuple[int, int]]:
    """Yield the spans of the sensitive words and terms in a name."""
    last = len(words) - 1
    for index, word in enumerate(words):
        if (
            word in SENSITIVE_TERMS
            or word.endswith(SENSITIVE_ENDINGS)
            or (not word.isascii() and word.endswith(UNSPACED_TERMS))
            or word in extra_words
            or (word in WHOLE_NAME_ONLY and last == index and (index == 0 or WHOLE_NAME_ONLY[word]))
        ):
            yield index, index + 1
        if word in TERM_ENDINGS:
            for start in (index - 1, index - 2):
                if start >= 0 and words[start : index + 1] in SENSITIVE_TERMS:
                    yield start, index + 1


@lru_cache(_MAX_CACHED_NAMES)
def _names_numeric_secret(name: str) -> bool:
    folded = fold(_camel_case_boundary.sub("_", _decode_name(name)))
    words = [word for word in _word.findall(folded) if word.isalpha()]
    if not words or _to_singular(words[-1]) != words[-1]:
        return False  # a plural: the number is a count
    is_counted = len(words) > 1 and (
        words[0] in HARMLESS_PREFIXES or words[-2] in HARMLESS_PREFIXES
    )
    is_result = words == ["pass"]  # `pass: 12, fail: 0`
    return words[-1] in NUMERIC_WORDS and not is_counted and not is_result


def _is_metadata(words: Term, end: int) -> bool:
    """Return whether it is metadata of a secret: ``token_count``, ``password_policy``."""
    return end < len(words) and (words[end] in HARMLESS_SUFFIXES or words[-1] in HARMLESS_SUFFIXES)
