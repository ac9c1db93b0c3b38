"""Which names stand beside something that is nobody's business."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote_plus

from wsgi_observe.core.redact.languages import JOINED, folded
from wsgi_observe.core.redact.search import Budget
from wsgi_observe.core.redact.words import (
    ABOUT_IT,
    ALONE,
    ANYWHERE,
    AT_THE_END,
    BEFORE_IT,
    ENDS_A_TERM,
    IN_A_QUERY,
    NUMERIC,
    OUR_OWN,
)

_LONGEST = 256  # characters of a name; a longer one is none that anybody has given
_REMEMBERED = 4096
_ENDINGS = frozenset(word[-3:] for word in AT_THE_END)

_parts = re.compile(r"[^\W\d_]+|\d+")
# `apiKey`, `XSRFToken` and `APIKey`, each in its words.
_hump = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_escape = re.compile(r"\\u([0-9a-fA-F]{4})")

Term = tuple[str, ...]


class Names:
    """The built-in list with what was added to it and taken from it.

    A name is read as an app reads it, percent-encoding undone (twice, since a proxy may have
    encoded what was encoded), and looked at in its words: ``userApiKey``, ``user-api-key`` and
    ``user[api_key]`` have the same ones.

    :param add: words, or names of several words, that are sensitive too.
    :param keep: words or names that are not.
    :raises ValueError: for one without a word in it.
    """

    def __init__(self, add: Iterable[str] = (), keep: Iterable[str] = ()) -> None:
        self._added = frozenset(map(_term, add))
        self._kept = frozenset(map(_term, keep))
        self.beside_digits = _BESIDE_DIGITS | _beside_digits((*self._added, *self._kept))
        """Words without which a name is what it would be with other digits in it."""
        self.known: dict[str, bool] = {}  # those that were asked for
        self.frames: dict[str, str] = {}  # of tracebacks, as they are shown
        self._known_in_queries: dict[str, bool] = {}
        self._hiding_numbers: dict[str, bool] = {}

    def __contains__(self, name: str) -> bool:
        known = self.known.get(name)
        if known is None:
            known = len(name) > _LONGEST or self._is_sensitive(name)
            _remember(self.known, name, known)
        return known

    def in_a_query(self, name: str) -> bool:
        """Return whether it is sensitive in a query, where `code` and `key` are credentials."""
        known = self._known_in_queries.get(name)
        if known is None:
            known = len(name) > _LONGEST or self._is_sensitive(name, IN_A_QUERY)
            _remember(self._known_in_queries, name, known)
        return known

    def is_added(self, name: str) -> bool:
        """Return whether it was added to the list: then any value under it is a secret."""
        if not self._added or len(name) > _LONGEST:
            return False
        name = _decoded(name)
        return any(any(_spans(words, self._added)) for words in _readings(name))

    def hides_numbers(self, name: str) -> bool:
        """Return whether a number under this sensitive name is a secret, not how many there are.

        That is one whose name ends in pin, code, number, password and the like.
        """
        known = self._hiding_numbers.get(name)
        if known is None:
            is_long = len(name) > _LONGEST
            known = is_long or _ends_in_numbers(_decoded(name)) or self.is_added(name)
            _remember(self._hiding_numbers, name, known)
        return known

    def is_fact(self, name: str) -> bool:
        """Return whether a word in it says that it is about something: ``minLength``."""
        return not ABOUT_IT.isdisjoint(words_of(name[:_LONGEST]))

    def hides(self, name: str, kind: type) -> bool:
        """Return whether a value of a kind is a secret under this sensitive name."""
        if kind is bool:
            return self.is_added(name)
        return kind not in (int, float) or self.hides_numbers(name)

    def judge(self, name: str, budget: Budget, *, in_query: bool = False) -> bool:
        """Return whether it is sensitive, at the expense of a budget."""
        known = (self._known_in_queries if in_query else self.known).get(name)
        if known is not None:
            budget.steps -= 1
            return known
        budget.steps -= 8 + min(len(name), _LONGEST) // 2
        return self.in_a_query(name) if in_query else name in self

    def _is_sensitive(self, name: str, more: frozenset[str] = frozenset()) -> bool:
        if name in OUR_OWN:
            return False
        found = None
        for words in _readings(_decoded(name)):
            found = self._found(words, more)
            if found is not None:
                break
        return bool(found)

    def _found(self, words: Term, more: frozenset[str]) -> bool | None:
        """Return None where no word is on the list, False where what is found is only about it."""
        if any(_spans(words, self._added)):
            return True
        kept = [] if not self._kept else list(_spans(words, self._kept))
        found = None
        for start, end in _terms(words, more):
            is_kept = any(first <= start and end <= last for first, last in kept)
            found = found or not (is_kept or _is_only_about(words, end))
        return found


def _beside_digits(terms: Iterable[str | Term]) -> frozenset[str]:
    """Return the longest word of each term with a digit in it, in letters alone."""
    words = [_parts.findall(term if isinstance(term, str) else " ".join(term)) for term in terms]
    return frozenset(
        max((part for part in parts if part.isalpha()), key=len, default="")
        for parts in words
        if not all(map(str.isalpha, parts))
    )


_BESIDE_DIGITS = _beside_digits(
    (*ANYWHERE, *ENDS_A_TERM, *AT_THE_END, *ALONE, *IN_A_QUERY, *ABOUT_IT, *BEFORE_IT, *NUMERIC)
)


def _term(text: str) -> Term:
    words = words_of(text)
    if not words:
        raise ValueError(f"no word in {text!r}")
    return words


def _decoded(name: str) -> str:
    if "%" in name or "+" in name:
        name = unquote_plus(unquote_plus(name))
    if "\\" in name:
        name = _escape.sub(lambda match: chr(int(match[1], 16)), name)
    return name


def words_of(name: str) -> Term:
    """Return a name's words: ``userApiKey`` has three."""
    return _words(_hump.sub("_", name))


def _words(name: str) -> Term:
    return tuple(_singular(word) for word in _parts.findall(folded(name)))


def _readings(name: str) -> Iterable[Term]:
    """Yield a name's words: with humps as ends of words, then without: `ToKeN` is one."""
    yield words_of(name)
    yield _words(name)


def _singular(word: str) -> str:
    is_plural = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return word[:-1] if is_plural else word


def _spans(words: Term, terms: frozenset[Term]) -> Iterable[tuple[int, int]]:
    for term in terms:
        for start in range(len(words) - len(term) + 1):
            if words[start : start + len(term)] == term:
                yield start, start + len(term)


def _terms(words: Term, more: frozenset[str]) -> Iterable[tuple[int, int]]:
    """Yield where in a name its sensitive words stand."""
    last = len(words) - 1
    for place, word in enumerate(words):
        if (
            word in ANYWHERE
            or (word[-3:] in _ENDINGS and word.endswith(AT_THE_END))
            or (not word.isascii() and word.endswith(JOINED))
            or word in more
            or (word in ALONE and last == place and (place == 0 or ALONE[word]))
        ):
            yield place, place + 1
        if word in ENDS_A_TERM:
            for start in (place - 1, place - 2):
                if start >= 0 and words[start : place + 1] in ANYWHERE:
                    yield start, place + 1


def _ends_in_numbers(name: str) -> bool:
    words = [word for word in _parts.findall(folded(_hump.sub("_", name))) if word.isalpha()]
    if not words or _singular(words[-1]) != words[-1]:
        return False  # many of them are counted
    is_counted = len(words) > 1 and (words[0] in BEFORE_IT or words[-2] in BEFORE_IT)
    is_result = words == ["pass"]  # `pass: 12, fail: 0`
    return words[-1] in NUMERIC and not is_counted and not is_result


def _is_only_about(words: Term, end: int) -> bool:
    """Return whether `token_count` or `password_policy` is asked for, not the token or password."""
    return end < len(words) and (words[end] in ABOUT_IT or words[-1] in ABOUT_IT)


def _remember(known: dict[str, bool], name: str, is_sensitive: bool) -> None:
    if len(name) <= _LONGEST:
        if len(known) >= _REMEMBERED:
            known.clear()  # names come from clients too: those of a flood give way to the usual
        known[name] = is_sensitive
