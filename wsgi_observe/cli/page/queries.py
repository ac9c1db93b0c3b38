"""Queries for the lines of a request in CloudWatch Logs Insights, Loki and Datadog."""

from __future__ import annotations

import re
from collections.abc import Iterator

_word = re.compile(r"\w+", re.ASCII)
_MAX_LENGTH = 200  # such that no query is cut where it is shown
_request_id = re.compile(r"[A-Za-z0-9._:/+=@~-]{1,128}")


def make_queries(request_id: str, service: str = "") -> Iterator[tuple[str, str]]:
    r"""Yield the names of log services and the query of each.

    The ID and the service may come from anyone: they are quoted, so that neither can end its
    string and add to a query that somebody pastes.

    >>> dict(make_queries('x" or "1'))["Datadog"]
    '@request_id:"x\\" or \\"1"'
    """
    if len(request_id) > _MAX_LENGTH:
        return
    quoted = _quote(request_id)
    yield (
        "CloudWatch",
        f"fields @timestamp, level, message, exc_type | filter request_id = {quoted}"
        " | sort @timestamp asc",
    )
    # What JSON escapes is not in the line as it is: then only the parsed field is compared.
    line_filter = f" |= {quoted}" if _request_id.fullmatch(request_id) else ""
    is_named = 0 < len(service) <= _MAX_LENGTH
    selector = f"{{service_name={_quote(service)}}}" if is_named else '{service_name=~".+"}'
    yield "Loki", f"{selector}{line_filter} | json | request_id={quoted}"
    yield "Datadog", f"@request_id:{request_id if _word.fullmatch(request_id) else quoted}"


def _quote(text: str) -> str:
    """Return a string in double quotes, of printable ASCII alone, as Go and so LogQL reads it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{"".join(map(_escape_character, escaped))}"'


def _escape_character(character: str) -> str:
    if " " <= character <= "~":
        return character
    number = ord(character)
    if 0xD800 <= number < 0xE000:  # half of a surrogate pair, which Go refuses
        number = 0xFFFD
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
