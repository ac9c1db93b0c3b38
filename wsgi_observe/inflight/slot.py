"""The form of one running request in shared memory, and whether what stands there is whole."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple
from zlib import adler32

FREE, RUNNING, TOLD = 0, 1, 2

ROOM = 488
"""Bytes for the request ID, the method and the path; more of a path is cut."""

# State, length and checksum of the text, its start in seconds since the epoch, the text, and the
# start once more: a text that breaks off is found by its checksum, a start that does by the other.
# In the machine's own form: nobody else reads it. Adler-32 takes a third of the time of CRC-32, and
# what it is to find is a text that breaks off, in place of another one or of zeros.
FORM = Struct(f"BxHId{ROOM}sd")


class Flight(NamedTuple):
    """A request that was running when somebody looked."""

    request_id: str | None
    method: str
    path: str
    """As PEP 3333 has it, the bytes as Latin-1."""

    started: float
    """Seconds since the epoch."""

    told: bool = False
    """Whether the log has it already that the request died."""

    def age(self, now: float) -> float:
        """Return its age in seconds, to the millisecond."""
        return age_of(self.started, now)


class TornError(Exception):
    """A slot whose writer died while it wrote."""


def text_of(request_id: str | None, method: str, path: str) -> bytes:
    """Return what a slot says of a request, besides its start.

    A method has no NUL in it (RFC 9110, section 9.1), and neither has a fit request ID.
    """
    return f"{request_id or ''}\0{method}\0{path}".encode("utf-8", "replace")[:ROOM]


def age_of(started: float, now: float) -> float:
    """Return the seconds between the two, in whole milliseconds; a clock may be set back.

    >>> age_of(1.0, 2.2345), age_of(1.0, 0.0)
    (1.234, 0.0)
    """
    return int(max(0.0, now - started) * 1000) / 1000


def pack(text: bytes, started: float, state: int = RUNNING) -> bytes:
    """Return a slot's bytes."""
    return FORM.pack(state, len(text), adler32(text), started, text, started)


def unpack(data: bytes) -> Flight | None:
    """Return the request that a slot's bytes tell of; None for a free slot.

    :raises TornError: when the bytes are not those of one whole entry.

    >>> data = pack(text_of("abc", "GET", "/orders"), started=1.5)
    >>> unpack(data)
    Flight(request_id='abc', method='GET', path='/orders', started=1.5, told=False)
    """
    state, length, checksum, started, text, again = FORM.unpack(data)
    if state == FREE:
        return None
    text = text[:length]
    if state not in (RUNNING, TOLD) or not 0 < length <= ROOM:
        raise TornError
    if adler32(text) != checksum or started != again:
        raise TornError
    # What was cut may end within a character, or before the path begins.
    request_id, method, path = [*text.decode("utf-8", "ignore").split("\0", 2), "", ""][:3]
    return Flight(request_id or None, method, path, started, state == TOLD)
