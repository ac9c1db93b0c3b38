"""Request IDs: validate inbound ones, make new ones (UUIDv7), parse traceparent headers."""

from __future__ import annotations

import os
import re
import sys
from random import Random, SystemRandom
from struct import Struct
from time import time

_DEFAULT_HEADER = "X-Request-ID"
_match_id = re.compile(r"[A-Za-z0-9._:/+=@~-]{1,128}").fullmatch
_search_root = re.compile(r"(?:^|;)[ \t]*Root=([^;]*)").search
# Optional white space, which is no part of a header's value (RFC 9110, sections 5.5 and 5.6.3).
# Werkzeug, uWSGI and bjoern leave it there.
_OWS = " \t"
# W3C Trace Context: lower-case hex only; a version above 00 may carry more after a dash.
_match_traceparent = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?"
).fullmatch


def is_valid_id(value: str) -> bool:
    """Return whether `value` may be written to a log line and a header as it is."""
    return _match_id(value) is not None


# Forked workers would go on with the same numbers. uWSGI forks without calling Python's hooks, so
# there each number comes from the system.
_random = SystemRandom() if "uwsgi" in sys.modules else Random()
os.register_at_fork(after_in_child=_random.seed)


# The high half of the milliseconds is the same for 65 seconds; numbers that are counted from
# there, in steps of 1/4096 ms, are small and quick to handle.
_STEPS_PER_SECOND = 4096 * 1000.0
_WINDOW_STEPS = float(1 << 28)
_window = (0.0, 0)
_pack_uuid = Struct(">IHHQ").pack


def new_id() -> str:
    """Return 32 lower-case hex digits in the layout of UUIDv7 (RFC 9562, section 5.7).

    The twelve bits behind the milliseconds hold their fraction (method 3 of section 6.2), so
    that IDs made one after the other sort. The rest is random, and no secret.
    """
    global _window
    now = time() * _STEPS_PER_SECOND
    begin, high = _window
    if not 0.0 <= now - begin < _WINDOW_STEPS:
        high = int(now // _WINDOW_STEPS)
        begin = high * _WINDOW_STEPS
        _window = begin, high
    steps = int(now - begin)
    low, fraction = steps >> 12, steps & 0xFFF
    return _pack_uuid(high, low, 0x7000 | fraction, 0x2 << 62 | _random.getrandbits(62)).hex()


def new_span_id() -> str:
    """Return 16 lower-case hex digits, not all of them zero (W3C Trace Context)."""
    return f"{_random.getrandbits(64) or 1:016x}"


def parse_id(header: str, value: str) -> str | None:
    """Return the ID in an inbound header; None if it is not valid.

    ``X-Amzn-Trace-Id`` gives its ``Root``, ``traceparent`` its trace ID; any other header is an
    ID as it is, without the optional white space around it. An invalid ID is never repaired.
    """
    if header != _DEFAULT_HEADER:  # which most requests have, and which needs no `lower()`
        match header.lower():
            case "x-amzn-trace-id":
                root = _search_root(value)
                value = root[1] if root else ""
            case "traceparent":
                parsed = parse_traceparent(value)
                value = parsed[0] if parsed else ""
    value = value.strip(_OWS)
    return None if _match_id(value) is None else value


def parse_traceparent(header: str) -> tuple[str, int] | None:
    """Return the trace ID and the flags of a valid W3C ``traceparent``, or None."""
    parts = _match_traceparent(header.strip(_OWS))
    if parts is None or (parts[1] == "00" and parts[4]):
        return None
    return parts[2], int(parts[3], 16)
