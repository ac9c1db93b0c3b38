"""Card numbers and IBANs, by issuer and check digits; e-mail addresses and phone numbers."""

from __future__ import annotations

import re
from itertools import chain, islice

from wsgi_observe.redaction.budget import REDACTED
from wsgi_observe.redaction.search import Replacement, Search
from wsgi_observe.redaction.sensitive_names import NEVER_SENSITIVE

_MIN_DIGITS = 10  # of a card number or IBAN, apart from blanks and hyphens

_STEPS_PER_NUMBER = 4  # steps to check a number
_MAX_CANDIDATES = 4  # numbers that are checked without a budget
_ZERO = ord("0")
_DIGIT_RUN = "0" * _MIN_DIGITS
DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"0" * 9)
"""Translates UTF-8 to its *shape*, with ``0`` for all digits; faster than any search for them."""

# The lookbehind follows the first digit, since `re` searches fast for a character.
_card = re.compile(
    r"\d(?:(?<![\w.].)|(?<=%[0-9a-fA-F]{2}.))(?:(?:[ +-]|%20)?\d){12,18}(?!\w)", re.ASCII
)
# A card number in the usual groups, beside another number: `4111 1111 1111 1111 12/27`.
_card_beside_numbers = re.compile(
    r"(?<!\d)(?:\d{13,19}|\d{4}([ +-])\d{4}\1\d{4}\1\d{4}|3\d{3}([ +-])\d{6}\2\d{5})(?!\d)",
    re.ASCII,
)
_MAX_CARD_LENGTH = 24  # characters, with what separates its digits
_preceding_name = re.compile(r"(\w{2,20})[\"']?[ ]?[=:][ ]?[\"']?\Z")
# ISO/IEC 7812: Visa, Mastercard, American Express, Discover, Diners Club, JCB, UnionPay, Maestro.
_issuer = re.compile(
    r"4|5[0-8]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3[47]|6(?:011|[2-9])|3(?:0[0-5]|[689])|35"
)
_FIRST_DIGITS = "23456"
# ISO 13616: the length of each country's IBAN, from the registry at swift.com.
_IBAN_COUNTRIES = """
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18
DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23
IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31
MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24
SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
"""
_IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _IBAN_COUNTRIES.split()}
_iban = re.compile(
    rf"[A-Z](?<![A-Za-z0-9].)[A-Z](?<={'|'.join(_IBAN_LENGTHS)})\d{{2}}(?:[ -]?[A-Z0-9]){{11,30}}+",
    re.ASCII,
)


def redact_account_numbers(text: str, search: Search) -> str:
    """Return `text` without card numbers and IBANs."""
    if not has_digit_run(text.encode("utf-8", "surrogatepass").translate(DIGITS_TO_ZERO)):
        return text
    text = search.replace_matches(text, _card, _replace_card_number, cost=_STEPS_PER_NUMBER)
    return search.replace_matches(text, _iban, _replace_iban, cost=_STEPS_PER_NUMBER)


def contains_account_number(text: str) -> bool | None:
    """Return whether a text contains a card number or IBAN, or too many candidates to check.

    None: there is a number that only its check digits rule out.
    """
    found = islice(chain(_card.finditer(text), _iban.finditer(text)), _MAX_CANDIDATES)
    spans = [_replace_card_number(one) if one.re is _card else _replace_iban(one) for one in found]
    return len(spans) == _MAX_CANDIDATES or any(spans) or (None if spans else False)


def has_digit_run(shape: bytes) -> bool:
    """Return whether there are enough digits in a row, apart from blanks, hyphens and ``%20``.

    :param shape: the text, translated by `DIGITS_TO_ZERO`.
    """
    if shape.count(_ZERO) < _MIN_DIGITS:
        return False
    return _DIGIT_RUN in shape.translate(None, b" +-%").decode("latin-1")


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
    """Return whether a text without blanks is an IBAN: its country's length, 1 modulo 97.

    >>> is_iban("DE89370400440532013000"), is_iban("DE89370400440532013001")
    (True, False)
    """
    if len(text) != _IBAN_LENGTHS.get(text[:2]):
        return False
    return int("".join(str(int(one, 36)) for one in text[4:] + text[:4])) % 97 == 1


def _replace_card_number(match: re.Match[str]) -> Replacement | None:
    text, start, end = match.string, match.start(), match.end()
    if not _is_card(match):
        # The match may have begun before the card, and a group of its digits be behind it.
        limit = min(len(text), end + _MAX_CARD_LENGTH)
        inner = _card_beside_numbers.finditer(text, start, limit)
        card = next((one for one in inner if one.start() < end and _is_card(one)), None)
        if card is None:
            return None
        start, end = card.span()
    named = _preceding_name.search(text, max(0, start - 26), start)
    is_ours = named is not None and named[1] in NEVER_SENSITIVE
    return None if is_ours else (start, end, REDACTED)


def _is_card(match: re.Match[str]) -> bool:
    if match[0][0] not in _FIRST_DIGITS:
        return False  # no issuer
    return is_card_number("".join(filter(str.isdigit, match[0].replace("%20", ""))))


def _replace_iban(match: re.Match[str]) -> Replacement | None:
    """Replace an IBAN; the match may include words in capitals after it."""
    length, taken = _IBAN_LENGTHS.get(match[0][:2], 0), 0
    for end, character in enumerate(match[0], 1):
        taken += character.isalnum()
        if taken == length:
            whole = "".join(filter(str.isalnum, match[0][:end]))
            follows = match.string[match.start() + end : match.start() + end + 1]
            if is_iban(whole) and not follows.isalnum():
                return match.start(), match.start() + end, REDACTED
            break
    return None


# Includes what follows an address directly, so that no other match begins there.
_email_address = re.compile(
    r"(?<![\w.+'-])[\w.+'-]++(?:@|%40)[\w-]++(?:\.[\w-]++)++(?:(?:[.+'@-]|%40)++\w++)*+"
)
# E.164: a plus sign, and 8 to 15 digits.
_phone_number = re.compile(r"(?<![\w.+])\+[1-9](?:[ ().-]{0,2}\d){7,14}(?!\w)", re.ASCII)


def redact_personal_data(text: str) -> str:
    """Return `text` without e-mail addresses and international phone numbers."""
    if "@" in text or "%40" in text:
        text = _email_address.sub(REDACTED, text)
    return _phone_number.sub(REDACTED, text) if "+" in text else text
