"""E-mail addresses and phone numbers in text."""

from __future__ import annotations

import re

from wsgi_observe.core.redact.words import REDACTED

# What hangs on to an address goes with it, so that nothing can begin there.
_address = re.compile(
    r"(?<![\w.+'-])[\w.+'-]++(?:@|%40)[\w-]++(?:\.[\w-]++)++(?:(?:[.+'@-]|%40)++\w++)*+"
)
# E.164: a plus sign, and 8 to 15 digits.
_phone = re.compile(r"(?<![\w.+])\+[1-9](?:[ ().-]{0,2}\d){7,14}(?!\w)", re.ASCII)


def without_personal(text: str) -> str:
    """Return `text` without e-mail addresses and international phone numbers."""
    if "@" in text or "%40" in text:
        text = _address.sub(REDACTED, text)
    return _phone.sub(REDACTED, text) if "+" in text else text
