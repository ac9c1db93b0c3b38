"""Texts for people, on a terminal and on a page: times, sizes, counts, and what records report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from wsgi_observe.logreader.record import LEVELS, Record
from wsgi_observe.logs.formatters.truncation import cut_middle, escape_control_characters

if TYPE_CHECKING:
    from wsgi_observe.logreader.groups import ErrorGroup
    from wsgi_observe.logreader.story import Story
    from wsgi_observe.logreader.tracebacks import Frame

GOOD_OUTCOMES = frozenset({"", "complete", "upgraded"})
LINK_WORDS = {
    "": "",
    "cause": "caused by ",
    "context": "while handling ",
    "member": "in the group ",
}
"""What an exception is to the one before it."""

_MAX_TEXT_BYTES = 4000


def to_printable(text: str) -> str:
    """Return a text of a log as it may be shown on a terminal: bounded, without its sequences."""
    if len(text) > _MAX_TEXT_BYTES:
        text = cut_middle(text, _MAX_TEXT_BYTES)
    return escape_control_characters(text)


def format_time(seconds: float | None, *, is_precise: bool = False) -> str:
    """Return a time as people read it, in UTC."""
    if seconds is None:
        return "unknown time"
    text = datetime.fromtimestamp(seconds, UTC).isoformat(sep=" ", timespec="milliseconds")
    return f"{text[: 23 if is_precise else 19]} UTC"


def format_range(first: float | None, last: float | None) -> str:
    """Return a range of times in UTC; the day once, if it is the same."""
    if first is None or last is None:
        return "an unknown time"
    begin, end = format_time(first), format_time(last)
    return f"{begin[:-4]} to {end[11:] if begin[:10] == end[:10] else end}"


def format_seconds(seconds: float) -> str:
    """Return a duration as people read it.

    >>> format_seconds(0.0025), format_seconds(3.2), format_seconds(600)
    ('2.5 ms', '3.20 s', '10 min')
    """
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 120:
        return f"{seconds:.2f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


def format_size(size: float) -> str:
    """Return a number of bytes as people read it.

    >>> format_size(145), format_size(937_947_500)
    ('145 B', '937.9 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"


def format_count(number: int, noun: str) -> str:
    """Return a number with its noun in the singular or plural.

    >>> format_count(1, "error"), format_count(1200, "error")
    ('1 error', '1,200 errors')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def get_noun(group: ErrorGroup) -> str:
    """Return what the records of a group are called."""
    return "error" if group.severity >= LEVELS["ERROR"] else "warning"


def describe_total(groups: list[ErrorGroup]) -> str:
    """Return how many errors and warnings there are, in how many groups."""
    counts = Counter[str]()
    for group in groups:
        counts[get_noun(group)] += group.count
    parts = [format_count(count, noun) for noun, count in sorted(counts.items())]
    in_groups = f"in {format_count(len(groups), 'group')}"
    return f"{' and '.join(parts)} {in_groups}" if groups else "no errors"


def describe_failures(group: ErrorGroup) -> str:
    """Return how many errors a group has, and in how many requests, if it was in any."""
    errors = format_count(group.count, get_noun(group))
    requests = group.requests
    if not requests.value:
        return errors
    about = "" if requests.is_exact else "about "
    return f"{errors} in {about}{format_count(requests.value, 'request')}"


def describe_counts(counts: Counter[str], limit: int) -> str:
    """Return the most frequent names with their counts, and how many more there are."""
    names = [f"{name} ({count:,})" for name, count in counts.most_common(limit)]
    more = len(counts) - limit
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")


def describe_outcome(record: Record) -> str:
    """Return how a request ended; of one that died, with the cause."""
    outcome = record.text("outcome")
    return f"died: {record.text('cause')}" if outcome == "died" else outcome


def describe_service(record: Record, story: Story) -> str:
    """Return the service and its release; not the name of the input, if that is all there is."""
    is_named = len(story.services) > 1 or "service" in record.fields
    return " ".join(filter(None, (record.service if is_named else "", record.release)))


def describe_libraries(frames: Iterable[Frame]) -> str:
    """Return how many frames there are of which libraries; empty if there are none."""
    packages = Counter(frame.package for frame in frames)
    names = ", ".join(f"{name} {count}" for name, count in packages.items())
    return f"{format_count(packages.total(), 'library frame')}: {names}" if packages else ""
