"""Card numbers and e-mail addresses in text."""

from __future__ import annotations

import re

from wsgi_observe.core.redact.search import Budget, Span, replaced
from wsgi_observe.core.redact.words import OUR_OWN, REDACTED

# What hangs on to an address goes with it, so that nothing can begin there.
_address = re.compile(
    r"(?<![\w.+'-])[\w.+'-]++(?:@|%40)[\w-]++(?:\.[\w-]++)++(?:(?:[.+'@-]|%40)++\w++)*+"
)
_number = re.compile(
    r"(?:(?<![\w.])|(?<=%[0-9a-fA-F]{2}))\d(?:(?:[ +-]|%20)?\d){12,18}(?!\w)", re.ASCII
)
_our_name = re.compile(r"(\w{2,20})[\"']?[ ]?[=:][ ]?[\"']?\Z")
# ISO/IEC 7812: Visa, Mastercard, American Express, Discover, Diners Club, JCB, UnionPay, Maestro.
_issuer = re.compile(
    r"4|5[0-8]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3[47]|6(?:011|[2-9])|3(?:0[0-5]|[689])|35"
)


def without_personal(text: str, budget: Budget) -> str:
    """Return `text` without card numbers and e-mail addresses."""
    if "@" in text or "%40" in text:
        text = _address.sub(REDACTED, text)
    return replaced(text, _number, _card_number, budget)


def is_card_number(digits: str) -> bool:
    """Tell whether digits are a card's: a known issuer, 13 to 19 of them, Luhn's check digit.

    >>> is_card_number("4111111111111111"), is_card_number("4111111111111112")
    (True, False)
    """
    if not 13 <= len(digits) <= 19 or not _issuer.match(digits):
        return False
    values = [int(digit) for digit in reversed(digits)]
    doubled = (divmod(2 * value, 10) for value in values[1::2])
    return (sum(values[::2]) + sum(tens + ones for tens, ones in doubled)) % 10 == 0


def _card_number(found: re.Match[str]) -> Span | None:
    digits = "".join(filter(str.isdigit, found[0].replace("%20", "")))
    if not is_card_number(digits):
        return None
    named = _our_name.search(found.string, max(0, found.start() - 26), found.start())
    is_ours = named is not None and named[1] in OUR_OWN
    return None if is_ours else (found.start(), found.end(), REDACTED)
