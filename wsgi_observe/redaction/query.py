"""Redaction of query strings and form bodies."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote_plus

from wsgi_observe.redaction.budget import Budget
from wsgi_observe.redaction.sensitive_names import SensitiveNames
from wsgi_observe.redaction.sensitive_words import REDACTED
from wsgi_observe.wsgi.environ import printable

_MAX_LENGTH = 2048  # characters of the result
_ELLIPSIS = "…"

RedactText = Callable[[str, Budget], str]

_separator = re.compile("[&;]")
_nested_name = re.compile(r"(?<![^?&=;/#])([^?&=;/#]++)=")


def redact_query(query: str, names: SensitiveNames, redact_text: RedactText, budget: Budget) -> str:
    """Return a query without the values of sensitive names.

    A part without a name is redacted as a whole, since it may be a token itself; so is a value
    that contains a query with a secret.

    :param redact_text: removes secrets that are known by their form.
    """
    shown: list[str] = []
    length = 0
    for part in _separator.split(query[: 2 * _MAX_LENGTH]):
        shown.append(printable(_redact_part(part, names, redact_text, budget)))
        length += len(shown[-1]) + 1
        if length > _MAX_LENGTH or not budget.spend(2):
            shown[-1] = _ELLIPSIS  # it may be cut within a name
            break
    return "&".join(shown)


def _redact_part(part: str, names: SensitiveNames, redact_text: RedactText, budget: Budget) -> str:
    name, equals, value = part.partition("=")
    if part in ("", _ELLIPSIS):
        return part
    if not equals:
        return REDACTED
    is_secret = names.is_sensitive(name, in_query=True, budget=budget)
    if is_secret or _contains_secret(value, names, redact_text, budget):
        return f"{name}={REDACTED}"
    return part


def _contains_secret(
    value: str, names: SensitiveNames, redact_text: RedactText, budget: Budget
) -> bool:
    nested = unquote_plus(unquote_plus(value)) if "%" in value or "+" in value else value
    for match in _nested_name.finditer(nested):
        if names.is_sensitive(match[1], in_query=True, budget=budget) or budget.steps < 0:
            return True
    return redact_text(nested, budget) != nested
