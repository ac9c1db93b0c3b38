"""The quick look that tells of most texts that there is nothing in them."""

from __future__ import annotations

import re

from wsgi_observe.redaction.credentials import (
    LONG_RUN,
    PREFIXES,
    TOKEN_CHARACTERS,
    contains_token,
    sql_parameters,
)
from wsgi_observe.redaction.documents import VALUE_KEYS, beside_quotes
from wsgi_observe.redaction.languages import fold
from wsgi_observe.redaction.personal_data import MIN_DIGITS, numbers_in
from wsgi_observe.redaction.sensitive_names import SensitiveNames
from wsgi_observe.redaction.sensitive_words import TERM_ENDINGS

_MAX_CACHED_NAMES = 4096
_MAX_NAME_LENGTH = 64
MAX_PRESCAN_LENGTH = 8192  # characters of a text that is looked at before its budget is known
_MAX_NEW_NAMES = 32  # names that one text may have to be judged for the first time
_MOST_SHAPES, _LONGEST_SHAPE = 2048, 512  # that are remembered

# What precedes the sign where a value's name has a place of its own.
_DETACHED_NAME_KEYS = frozenset(
    {*VALUE_KEYS, "content-disposition", "input_value", "is", "was", "lautet", "ist", "est"}
)

_trailing_name = re.compile(
    r"(?:[\w%.$\[\]\u0300-\u036f\u064b-\u065f\u0900-\u0e7f-]|\\u[0-9a-fA-F]{4})++(?=[\"'`)\]\\]*+\Z)"
)


# Translated at once, all of a text is looked through in the time that a word of it takes.
_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"0" * 9)
_ROW = "0" * MIN_DIGITS
_ZERO = ord("0")
_MARK = "!"
_MARKS = "@%'\"<`["
_WORDS_AND_MARKS = bytes(
    ord(_MARK) if chr(one) in _MARKS else TOKEN_CHARACTERS[one] for one in range(256)
)


def _alike(text: str) -> str:
    return text.encode().translate(_DIGITS_ALIKE).decode()


# Few texts have any of the rarer characters, so that one of them rules out all prefixes with it.
_BY_CHARACTER = "_.:=/AKGxqyp-"
_PREFIXES = [
    (
        character,
        [
            _alike(prefix)
            for prefix in PREFIXES
            if character == next(filter(prefix.__contains__, _BY_CHARACTER), None)
        ],
    )
    for character in _BY_CHARACTER
]


def _with_signs(text: str, *, has_quotes: bool) -> str:
    """Return `text` with a colon where a value may follow a name without one."""
    if " is " in text or " was " in text:
        text = text.replace(" is ", ":").replace(" was ", ":")
    if has_quotes:
        text = text.replace(" '", ":").replace(' "', ":")
    if text.isascii():
        return text
    return text.replace("\uff1a", ":").replace("\uff1d", ":")  # of Chinese and Japanese


class Prescan:
    """Looks at a text for less than it takes to make one; where it is in doubt, it says so.

    What stands before a ``=`` or ``:`` is remembered where no name in it is sensitive: those of
    a service are few. So is a clean text as a whole, whatever digits are in it.
    """

    def __init__(self, names: SensitiveNames) -> None:
        self._names = names
        self._clean_names: set[str] = set()
        self._shapes: set[bytes] = set()
        self._once: set[int] = set()  # hashes of shapes

    def is_clean(self, text: str, max_length: int = MAX_PRESCAN_LENGTH) -> bool:
        """Return whether no secret can be in `text`; False is no verdict."""
        length = len(text)
        if length > max_length:
            return False
        shape = text.encode("utf-8", "surrogatepass").translate(_DIGITS_ALIKE)
        if length <= _LONGEST_SHAPE and shape in self._shapes:
            return True
        words = shape.translate(_WORDS_AND_MARKS).decode("latin-1")
        if (
            (_MARK in words and _has_marks(text))
            # A character is found in no time, so that each word is looked for behind one.
            or ("-" in text and ("--" in text or "->" in text))
            or ("J" in text and "eyJ" in text)
            or ("&" in text and "&lt;/" in text)
            or ("F" in text and sql_parameters.search(text))
        ):
            return False
        lower = text.lower()  # a scheme's case counts for nothing (RFC 9110, section 11.1)
        if "bearer" in lower or "basic" in lower:
            return False
        has_prefix = LONG_RUN in words and _has_prefix(shape)
        numbers = _ZERO in shape and _has_row(shape) and numbers_in(text)
        if numbers or (has_prefix and contains_token(text)):
            return False
        signed = _with_signs(text, has_quotes=_MARK in words)
        if ("=" in signed or ":" in signed) and not self._has_clean_names(signed):
            return False
        if length <= _LONGEST_SHAPE and numbers is False and not has_prefix:
            self._remember(text, shape)
        return True

    def _remember(self, text: str, shape: bytes) -> None:
        """Remember a clean text's shape, at its second time, if any digits leave it clean.

        They do not where a digit may be part of an escape, or of a name on the list.
        """
        once = self._once
        made = hash(shape)
        if made not in once:
            if len(once) >= _MAX_CACHED_NAMES:
                once.clear()
            once.add(made)  # most of those that come once do not come again
            return
        if type(text) is not str or (_ZERO in shape and ("%" in text or "\\" in text)):
            return
        if _ZERO in shape and any(map(fold(text).__contains__, self._names.beside_digits)):
            return
        if len(self._shapes) >= _MOST_SHAPES:
            self._shapes.clear()  # they come from clients too
        self._shapes.add(shape)

    def _has_clean_names(self, text: str) -> bool:
        """Return whether no sensitive name can stand before a sign."""
        before, clean = text.replace("=", ":").split(":"), self._clean_names
        del before[-1]
        new = 0
        for words in before:
            if words.rpartition(" ")[2] not in clean:
                new += 1
                if new > _MAX_NEW_NAMES or not self._has_clean_ending(words):
                    return False
        return True

    def _has_clean_ending(self, words: str) -> bool:
        """Return whether no sensitive name can end where `words` do, and remember it if not."""
        last = words.rstrip().rpartition(" ")[2]
        if not last:
            return not words
        if last in self._clean_names:
            return True
        match = _trailing_name.search(last) if len(last) <= _MAX_NAME_LENGTH else None
        if len(last) > _MAX_NAME_LENGTH or (
            match is not None and not self._is_clean_name(match[0], last)
        ):
            return False
        if len(self._clean_names) >= _MAX_CACHED_NAMES:
            self._clean_names.clear()  # they come from clients too
        self._clean_names.add(last)
        return True

    def _is_clean_name(self, name: str, last: str) -> bool:
        folded = fold(name)
        if name in self._names or folded in TERM_ENDINGS or folded in _DETACHED_NAME_KEYS:
            return False
        in_query = "?" in last or "&" in last
        return not (in_query and self._names.is_sensitive_in_query(name))


def _has_marks(text: str) -> bool:
    """Return whether there is what some forms begin or end with."""
    return bool(
        ("@" in text and ("://" in text or "thin:" in text))
        or ("%" in text and ("%3" in text or "%25" in text))
        or ("'" in text and ("', " in text or "','" in text or beside_quotes.search(text)))
        or ('"' in text and ('", ' in text or '","' in text or '";s' in text))
        or ("<" in text and "</" in text)
        or ("`" in text and "`, " in text)
        or ("[" in text and sql_parameters.search(text))
    )


def _has_row(shape: bytes) -> bool:
    """Return whether there are enough digits in a row, apart from blanks, hyphens and ``%20``."""
    if shape.count(_ZERO) < MIN_DIGITS:
        return False
    return _ROW in shape.translate(None, b" +-%").decode("latin-1")


def _has_prefix(shape: bytes) -> bool:
    """Return whether a vendor's prefix is in a text, whatever digits either has."""
    text = shape.decode("latin-1")
    for character, prefixes in _PREFIXES:
        if character in text:
            for prefix in prefixes:
                if prefix in text:
                    return True
    return False
