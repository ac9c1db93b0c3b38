"""The records of a story as rows that fold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from wsgi_observe.cli.formatting import format_count, format_seconds
from wsgi_observe.cli.page.markup import Html, element
from wsgi_observe.cli.page.timeline import TimeScale, draw_position, get_style
from wsgi_observe.cli.page.tracebacks import fold, render_tracebacks
from wsgi_observe.logreader.record import to_text
from wsgi_observe.logreader.story import Event, Story

# A browser lays out a chunk when it comes near the screen (`content-visibility`), which it has to
# ask of each one whenever something moves.
_CHUNK_SIZE = 50
_MAX_OPEN = 10
_MAX_FIELDS = 50
_MAX_NAME = 100
_MAX_VALUE = 500
_MIN_PAUSE_SECONDS = 0.05
_PAUSE_PART = 0.1  # of the whole time
_SHOWN_APART = frozenset({"exc_info", "stack", "stack_info"})


def render_records(story: Story, scale: TimeScale, name: str, limit: int) -> Html:
    """Return the timeline.

    :param name: what the anchors of the records begin with.
    :param limit: how many records are shown; of more, those that report no failure are left out.
    """
    shown = select_numbers(story.events, limit)
    rows = _RecordRows(story, scale, name)
    chunks = [
        element("ol", rows.render(shown[start : start + _CHUNK_SIZE]), class_="chunk")
        for start in range(0, len(shown), _CHUNK_SIZE)
    ]
    return element("div", chunks, class_="records")


def select_numbers(events: Sequence[Event], limit: int) -> Sequence[int]:
    """Return the numbers of the events to show: failures, then the first and the last ones."""
    if len(events) <= limit:
        return range(len(events))
    failures = (number for number, event in enumerate(events) if event.kind != "log")
    kept = set(islice(failures, limit // 2))
    rest = limit - len(kept)
    kept.update(range(rest // 2))
    kept.update(range(len(events) - rest // 2, len(events)))
    return sorted(kept)


def get_anchor(name: str, number: int) -> str:
    """Return the ID of a record's row."""
    return f"{name}-{number}"


class _RecordRows:
    def __init__(self, story: Story, scale: TimeScale, name: str) -> None:
        self._events = story.events
        self._scale = scale
        self._name = name
        self._names_service = len(story.services) > 1
        self._least_pause = max(_MIN_PAUSE_SECONDS, scale.seconds * _PAUSE_PART)
        self._next = 0
        self._opened = 0
        self._has_ended = False

    def render(self, numbers: Iterable[int]) -> Iterator[Html]:
        """Yield the rows, and between them what happened to the time."""
        for number in numbers:
            event = self._events[number]
            if number > self._next:
                yield _render_note(f"{format_count(number - self._next, 'record')} left out")
            elif number and event.gap >= self._least_pause:
                yield _render_note(f"{format_seconds(event.gap)} without a record")
            if event.is_after and not self._has_ended:
                self._has_ended = True
                yield _render_note("after the response")
            self._next = number + 1
            yield element("li", self._render_row(number, event))

    def _render_row(self, number: int, event: Event) -> Html:
        style = get_style(event)
        classes = ["record", style]
        classes += ["buffered"] if event.is_buffered else []
        classes += ["related"] if event.is_related else []
        opens = bool(event.exceptions or event.stack) and self._opened < _MAX_OPEN
        self._opened += opens
        offset = "" if event.offset is None else f"+{format_seconds(event.offset)}"
        summary = element(
            "summary",
            element("span", offset, class_="at"),
            draw_position(event, self._scale),
            element("span", event.level[:8], class_="level"),
            element("span", self._render_text(event), class_="text"),
        )
        body = element("div", _render_body(event), class_="body")
        anchor = get_anchor(self._name, number)
        return element("details", summary, body, id=anchor, open=opens, class_=" ".join(classes))

    def _render_text(self, event: Event) -> Iterator[Html]:
        source = [event.service] if self._names_service else []
        source += [event.request_id] if event.is_related else []
        source += [event.text("logger")]
        named = " ".join(dict.fromkeys(filter(None, source)))
        yield element("span", named + " ", class_="source")
        yield element("span", event.text("message").partition("\n")[0], class_="message")
        facts = _describe_access(event) if event.kind == "access" else ""
        if facts:
            yield element("span", facts, class_="quiet")
        if event.new_fields:
            yield element("span", _render_fields(event), class_="fields")


def _render_fields(event: Event) -> Iterator[Html]:
    for name, value in islice(event.new_fields.items(), _MAX_FIELDS):
        shown = to_text(value)
        shown = f"{shown[:_MAX_VALUE]}…" if len(shown) > _MAX_VALUE else shown
        # With a space before it, for those who copy the line.
        yield element("span", " ", element("i", name[:_MAX_NAME]), "=", shown)


def _render_body(event: Event) -> Iterator[Html]:
    message = event.text("message")
    more = [element("pre", message)] if "\n" in message else []
    more += render_tracebacks(event)
    yield from more
    fields = {name: value for name, value in event.fields.items() if name not in _SHOWN_APART}
    every = element("pre", _to_json(fields), class_="every-field")
    yield fold("All fields", every) if more else every


def _to_json(fields: dict[str, object]) -> str:
    try:
        return json.dumps(fields, ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return to_text(fields)


def _render_note(text: str) -> Html:
    return element("li", text, class_="note")


def _describe_access(event: Event) -> str:
    """Return what an access line has besides its message."""
    agent = event.text("user_agent")
    taken = f" in {format_seconds(event.seconds)}" if event.seconds is not None else ""
    return taken + (f", {agent}" if agent else "")
