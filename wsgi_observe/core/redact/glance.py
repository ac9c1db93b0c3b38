"""The quick look that tells of most texts that there is nothing in them."""

from __future__ import annotations

import re
from string import ascii_lowercase, ascii_uppercase

from wsgi_observe.core.redact.documents import VALUES, beside_quotes
from wsgi_observe.core.redact.forms import parameters
from wsgi_observe.core.redact.languages import folded
from wsgi_observe.core.redact.names import Names
from wsgi_observe.core.redact.numbers import LEAST_DIGITS, may_hold_number
from wsgi_observe.core.redact.vendors import LONG_WORD, WORDS, holds_token
from wsgi_observe.core.redact.words import ENDS_A_TERM

_MOST = 4096
_LONGEST = 64
SHORT = 8192  # characters of a text that is looked at before its budget is known
_MOST_NEW = 32  # names that one text may have to be judged for the first time

# What precedes the sign where a value's name has a place of its own.
_APART = frozenset(
    {*VALUES, "content-disposition", "input_value", "is", "was", "lautet", "ist", "est"}
)

_name_at_the_end = re.compile(
    r"(?:[\w%.$\[\]\u0300-\u036f\u064b-\u065f\u0900-\u0e7f-]|\\u[0-9a-fA-F]{4})++(?=[\"'`)\]\\]*+\Z)"
)


# Translated at once, all of a text is looked through in the time that a word of it takes.
_FOLDED = bytes.maketrans(
    b"0123456789" + ascii_uppercase.encode(), b"0" * 10 + ascii_lowercase.encode()
)
# The last two are the colon and the equals sign of Chinese and Japanese.
_SIGNS = (" is ", " was ", " '", ' "', "\uff1a", "\uff1d")
_DIGITS = "0" * LEAST_DIGITS


def _with_signs(text: str) -> str:
    """Return `text` with a colon where a value may follow a name without one."""
    for sign in (" is ", " was ", " '", ' "') if text.isascii() else _SIGNS:
        if sign in text:
            text = text.replace(sign, ":")
    return text


class Glance:
    """Looks at a text for less than it takes to make one; where it is in doubt, it says so.

    What stands before a ``=`` or ``:`` is remembered where no name in it is sensitive: those of
    a service are few.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._clean: set[str] = set()

    def finds_nothing(self, text: str, longest: int = SHORT) -> bool:
        """Return whether no secret can be in `text`; False is no verdict."""
        if len(text) > longest:
            return False
        if (
            # A character is found in no time, so that each word is looked for behind one.
            ("@" in text and ("://" in text or "thin:" in text))
            or ("J" in text and "eyJ" in text)
            or ("-" in text and ("--" in text or "->" in text))
            or ("%" in text and ("%3" in text or "%25" in text))
            or ("'" in text and ("', " in text or "','" in text or beside_quotes.search(text)))
            or ('"' in text and ('", ' in text or '","' in text or '";s' in text))
            or ("&" in text and "&lt;/" in text)
            or ("<" in text and "</" in text)
            or ("`" in text and "`, " in text)
            or (("[" in text or "F" in text) and parameters.search(text))
        ):
            return False
        raw = text.encode("utf-8", "surrogatepass")
        plain = raw.translate(_FOLDED, b" +-%").decode("latin-1")
        # A scheme's case counts for nothing (RFC 9110, section 11.1).
        if "bearer" in plain or "basic" in plain or (_DIGITS in plain and may_hold_number(text)):
            return False
        if LONG_WORD in raw.translate(WORDS).decode("latin-1") and holds_token(text):
            return False
        text = _with_signs(text)
        if "=" not in text and ":" not in text:
            return True
        before, clean = text.replace("=", ":").split(":"), self._clean
        del before[-1]
        new = 0
        for words in before:
            if words.rpartition(" ")[2] not in clean:
                new += 1
                if new > _MOST_NEW or not self._learn(words):
                    return False
        return True

    def _learn(self, words: str) -> bool:
        """Return whether no sensitive name can end where `words` do, and remember it if not."""
        last = words.rstrip().rpartition(" ")[2]
        if not last:
            return not words
        if last in self._clean:
            return True
        found = _name_at_the_end.search(last) if len(last) <= _LONGEST else None
        if len(last) > _LONGEST or (found is not None and not self._is_clean(found[0], last)):
            return False
        if len(self._clean) >= _MOST:
            self._clean.clear()  # they come from clients too
        self._clean.add(last)
        return True

    def _is_clean(self, name: str, last: str) -> bool:
        plain = folded(name)
        if name in self._names or plain in ENDS_A_TERM or plain in _APART:
            return False
        in_query = "?" in last or "&" in last
        return not (in_query and self._names.in_a_query(name))
