"""Card numbers and IBANs in text, recognised by their issuer and check digits."""

from __future__ import annotations

import re
from itertools import chain, islice

from wsgi_observe.core.redact.search import Budget, Span, replaced
from wsgi_observe.core.redact.words import OUR_OWN, REDACTED

LEAST_DIGITS = 10
"""Digits in a row, apart from blanks and hyphens, that each of them has at least."""

_COST = 4  # steps that it takes to judge a number
_MOST = 4  # numbers that are judged without a budget
_ROW = "0" * LEAST_DIGITS

# What precedes it is looked at behind its first character: that is what takes no time to find.
_card = re.compile(
    r"\d(?:(?<![\w.].)|(?<=%[0-9a-fA-F]{2}.))(?:(?:[ +-]|%20)?\d){12,18}(?!\w)", re.ASCII
)
_our_name = re.compile(r"(\w{2,20})[\"']?[ ]?[=:][ ]?[\"']?\Z")
# ISO/IEC 7812: Visa, Mastercard, American Express, Discover, Diners Club, JCB, UnionPay, Maestro.
_issuer = re.compile(
    r"4|5[0-8]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3[47]|6(?:011|[2-9])|3(?:0[0-5]|[689])|35"
)
_FIRST_DIGITS = "23456"
_iban = re.compile(r"[A-Z](?<![A-Za-z0-9].)[A-Z]\d{2}(?:[ -]?[A-Z0-9]){11,30}+", re.ASCII)
_ROWS = bytes.maketrans(b"123456789", b"000000000")
# ISO 13616: the length of each country's, as the registry at swift.com has it.
_LENGTHS = {
    country: length
    for length, countries in (
        (15, "NO"),
        (16, "BE"),
        (18, "DK FK FI FO GL NL SD"),
        (19, "MK SI"),
        (20, "AT BA EE KZ LT LU MN XK"),
        (21, "CH HR LI LV"),
        (22, "BG BH CR DE GB GE IE ME RS VA"),
        (23, "AE GI IL IQ OM SO TL"),
        (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
        (25, "LY PT ST"),
        (26, "IS TR"),
        (27, "BI DJ FR GR IT MC MR SM"),
        (28, "AL AZ BY CY DO GT HU LB NI PL SV"),
        (29, "BR EG PS QA UA"),
        (30, "JO KW MU YE"),
        (31, "MT SC"),
        (32, "LC"),
        (33, "RU"),
    )
    for country in countries.split()
}


def without_numbers(text: str, budget: Budget) -> str:
    """Return `text` without card numbers and IBANs."""
    if not _has_digits(text):
        return text
    text = replaced(text, _card, _card_number, budget, cost=_COST)
    return replaced(text, _iban, _account, budget, cost=_COST)


def numbers_in(text: str) -> bool | None:
    """Return whether there is one in a text, or so much that looks like one that it may be.

    None is for one that there would be with other digits.
    """
    found = islice(chain(_card.finditer(text), _iban.finditer(text)), _MOST)
    spans = [_card_number(one) if one.re is _card else _account(one) for one in found]
    return len(spans) == _MOST or any(spans) or (None if spans else False)


def _has_digits(text: str) -> bool:
    """Return whether there are enough digits in a row, apart from blanks, hyphens and ``%20``."""
    plain = text.encode("utf-8", "surrogatepass").translate(_ROWS, b" +-%")
    return _ROW in plain.decode("latin-1")


def is_card_number(digits: str) -> bool:
    """Return whether digits are a card's: a known issuer, 13 to 19 of them, Luhn's check digit.

    >>> is_card_number("4111111111111111"), is_card_number("4111111111111112")
    (True, False)
    """
    if not 13 <= len(digits) <= 19 or not _issuer.match(digits):
        return False
    values = [int(digit) for digit in reversed(digits)]
    doubled = (divmod(2 * value, 10) for value in values[1::2])
    return (sum(values[::2]) + sum(tens + ones for tens, ones in doubled)) % 10 == 0


def is_iban(text: str) -> bool:
    """Return whether it is an IBAN, written without blanks: its country's length, 1 modulo 97.

    >>> is_iban("DE89370400440532013000"), is_iban("DE89370400440532013001")
    (True, False)
    """
    if len(text) != _LENGTHS.get(text[:2]):
        return False
    return int("".join(str(int(one, 36)) for one in text[4:] + text[:4])) % 97 == 1


def _card_number(found: re.Match[str]) -> Span | None:
    if found[0][0] not in _FIRST_DIGITS:
        return None  # no issuer's
    digits = "".join(filter(str.isdigit, found[0].replace("%20", "")))
    if not is_card_number(digits):
        return None
    named = _our_name.search(found.string, max(0, found.start() - 26), found.start())
    is_ours = named is not None and named[1] in OUR_OWN
    return None if is_ours else (found.start(), found.end(), REDACTED)


def _account(found: re.Match[str]) -> Span | None:
    """Return an IBAN, behind which the pattern may have taken words in capitals."""
    length, taken = _LENGTHS.get(found[0][:2], 0), 0
    for end, character in enumerate(found[0], 1):
        taken += character.isalnum()
        if taken == length:
            whole = "".join(filter(str.isalnum, found[0][:end]))
            follows = found.string[found.start() + end : found.start() + end + 1]
            if is_iban(whole) and not follows.isalnum():
                return found.start(), found.start() + end, REDACTED
            break
    return None
