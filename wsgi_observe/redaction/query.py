"""A query string or form body without the values that are nobody's business."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote_plus

from wsgi_observe.redaction.budget import Budget
from wsgi_observe.redaction.sensitive_names import Names
from wsgi_observe.redaction.sensitive_words import REDACTED
from wsgi_observe.wsgi.environ import printable

_LONGEST = 2048  # characters that are told
_CUT = "…"

Clean = Callable[[str, Budget], str]

_separator = re.compile("[&;]")
_name = re.compile(r"(?<![^?&=;/#])([^?&=;/#]++)=")


def redacted_query(query: str, names: Names, clean: Clean, budget: Budget) -> str:
    """Return a query without the values of names that look sensitive.

    A part without a name is left out as a whole, since it may be a token itself; so is a value
    that holds a query in turn.

    :param clean: what takes out secrets that are known by their form.
    """
    shown: list[str] = []
    length = 0
    for part in _separator.split(query[: 2 * _LONGEST]):
        shown.append(printable(_redacted(part, names, clean, budget)))
        length += len(shown[-1]) + 1
        if length > _LONGEST or not budget.take(2):
            shown[-1] = _CUT  # it may be half a name
            break
    return "&".join(shown)


def _redacted(part: str, names: Names, clean: Clean, budget: Budget) -> str:
    name, equals, value = part.partition("=")
    if part in ("", _CUT):
        return part
    if not equals:
        return REDACTED
    is_secret = names.judge(name, budget, in_query=True)
    if is_secret or _holds_a_secret(value, names, clean, budget):
        return f"{name}={REDACTED}"
    return part


def _holds_a_secret(value: str, names: Names, clean: Clean, budget: Budget) -> bool:
    nested = unquote_plus(unquote_plus(value)) if "%" in value or "+" in value else value
    for found in _name.finditer(nested):
        if names.judge(found[1], budget, in_query=True) or budget.steps < 0:
            return True
    return clean(nested, budget) != nested
