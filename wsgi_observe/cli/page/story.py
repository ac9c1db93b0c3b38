"""The story of a request: its headline, cause, facts, queries and timeline."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from wsgi_observe.cli.formatting import (
    GOOD_OUTCOMES,
    describe_outcome,
    describe_service,
    format_count,
    format_seconds,
    format_size,
    format_time,
)
from wsgi_observe.cli.page.document import make_document
from wsgi_observe.cli.page.markup import Html, element, join, to_shown
from wsgi_observe.cli.page.queries import make_queries
from wsgi_observe.cli.page.records import get_anchor, render_records
from wsgi_observe.cli.page.timeline import TimeScale, draw_lanes
from wsgi_observe.cli.page.tracebacks import render_frame
from wsgi_observe.logreader.record import Record
from wsgi_observe.logreader.search import Found
from wsgi_observe.logreader.story import Story
from wsgi_observe.logreader.tracebacks import find_raising_frame

MAX_RECORDS = 20_000
"""On a page: more would make a browser slow."""

_NO_END = "No access line: the request has not ended, or that line is not in the input."
_MAX_REQUESTS = 20
_MAX_TRACES = 5
_MAX_SHORT_BYTES = 500
_MAX_MENTIONS = 20
_MIN_FILTERED = 12


def make_story_page(story: Story, found: Found) -> bytes:
    """Return the page of one request."""
    main = story.requests[0] if story.requests else None
    heading = element("h1", render_headline(main) if main else story.request_id)
    status = f" {main.status or main.text('outcome')}" if main else ""
    target = f"{main.text('method')} {main.text('path')}{status} · " if main else ""
    body = (
        element("header", heading),
        render_story(story, "record", found.ignored),
        _render_mentions(found.mentions, found.mention_count),
    )
    return make_document(f"{target}{story.request_id}", element("main", body, class_="story"))


def render_headline(one: Record) -> Iterator[Html]:
    """Yield what was asked for, how it ended and how long that took."""
    method, path = _shorten(one.text("method")), _shorten(one.text("path"))
    yield element("span", element("b", method), " ", path, class_="target")
    if one.status is not None:
        yield element("span", str(one.status), class_=f"pill {_get_status_style(one)}")
    outcome = describe_outcome(one)
    if outcome and (outcome != "complete" or one.status is None):
        style = "good" if outcome in GOOD_OUTCOMES else "error"
        yield element("span", _shorten(outcome), class_=f"pill {style}")
    if one.seconds is not None:
        yield element("span", format_seconds(one.seconds), class_="duration")


def render_story(story: Story, name: str, ignored: int) -> Html:
    """Return everything below the headline.

    :param name: what the IDs of its elements begin with, since a page may have several stories.
    :param ignored: how many records the story does not have.
    """
    scale = TimeScale(story)
    return join(
        (
            _render_cause(story, name),
            "" if story.requests else element("p", _NO_END, class_="no-end"),
            _render_facts(story),
            _render_queries(story),
            _render_requests(story),
            element("h2", "Timeline"),
            draw_lanes(story, scale) or "",
            _render_filter(story) if len(story.events) >= _MIN_FILTERED else "",
            render_records(story, scale, name, MAX_RECORDS),
            element("p", f"{format_count(ignored, 'more record')} left out", class_="quiet")
            if ignored
            else "",
        )
    )


def _shorten(text: str) -> str:
    """Return a text to show beside others."""
    return text if isinstance(text, Html) else to_shown(text, _MAX_SHORT_BYTES)


def _get_status_style(one: Record) -> str:
    if (
        one.status is None
        or not 200 <= one.status < 500
        or one.text("outcome") not in GOOD_OUTCOMES
    ):
        return "error"
    return "warning" if one.status >= 400 else "good"


def _render_cause(story: Story, name: str) -> Html | str:
    """Return what went wrong, with where: what somebody who opens the page looks for."""
    number = _find_cause(story)
    if number is None:
        return ""
    event = story.events[number]
    chain = (one.headline.partition("\n")[0] for one in event.exceptions if one.link != "member")
    raised, *causes = [*islice(chain, 2)] or [event.text("message")]
    cause = [element("span", f" ← {one}", class_="quiet") for one in causes]
    text = element("p", element("b", raised), cause)
    frame = find_raising_frame(event.exceptions)
    frames = element("ol", render_frame(frame), class_="frames") if frame else ""
    link = element("a", "See it in the timeline", href=f"#{get_anchor(name, number)}")
    return element("section", text, frames, element("p", link), class_="cause")


def _find_cause(story: Story) -> int | None:
    """Return the number of the event that has the reason: the first with a traceback, or death."""
    ranks = {"death": 0, "error": 1, "slow": 2}
    causes = [
        (not event.exceptions, ranks[event.kind], number)
        for number, event in enumerate(story.events)
        if event.kind in ranks and not event.is_related
    ]
    return min(causes)[2] if causes else None


def _render_facts(story: Story) -> Html:
    main = story.requests[0] if story.requests else None
    facts: dict[str, Html | str] = {
        "Started": format_time(story.start, is_precise=True),
        "Request ID": render_copied(story.request_id),
    }
    if main is not None:
        route, size = main.text("route"), main.number("response_bytes")
        facts |= {
            "Outcome": main.text("outcome"),
            "Route": route if route != main.text("path") else "",
            "Client": main.text("remote_addr"),
            "Service": describe_service(main, story),
            "Worker": main.worker_pid,
            "Response": format_size(size) if size is not None else "",
            "User agent": main.text("user_agent"),
            "Exception": main.text("exc_type"),
        }
    facts["Trace"] = join(map(render_copied, sorted(story.trace_ids)[:_MAX_TRACES]))
    return render_facts(facts)


def render_facts(facts: dict[str, Html | str]) -> Html:
    """Return names and values; those that are empty are left out."""
    rows = [
        element("div", element("dt", name), element("dd", _shorten(fact)))
        for name, fact in facts.items()
        if fact
    ]
    return element("dl", rows, class_="facts")


def render_copied(text: str) -> Html:
    """Return a text with a button that copies it, which the script shows."""
    button = element("button", "Copy", type="button", class_="copy", data_copy=text, hidden=True)
    return element("span", element("code", text), " ", button, class_="copied")


def _render_queries(story: Story) -> Html | str:
    service = next((one.text("service") for one in story.requests), "")
    rows = [
        element("div", element("dt", name), element("dd", render_copied(query)))
        for name, query in make_queries(story.request_id, service)
    ]
    if not rows:
        return ""
    summary = element("summary", "Find these lines in CloudWatch, Loki, Datadog")
    return element("details", summary, element("dl", rows), class_="queries")


def _render_requests(story: Story) -> Html | str:
    """Return the requests of the ID, if there are several: of other services, or repeated ones."""
    if len(story.requests) < 2:
        return ""
    start = story.start or 0.0
    rows = []
    for one in story.requests[:_MAX_REQUESTS]:
        offset = "" if one.start is None else f"+{format_seconds(one.start - start)}"
        at = element("span", offset, class_="at")
        service = element("span", _shorten(one.service), class_="service")
        rows.append(element("li", at, service, render_headline(one)))
    heading = element("h2", format_count(len(story.requests), "request"))
    return join((heading, element("ol", rows, class_="requests")))


def _render_filter(story: Story) -> Html:
    """Return the controls, which the script shows: without it, they would do nothing."""
    text = element(
        "input", type="search", placeholder="Filter records", aria_label="Filter records"
    )
    levels = [
        element("label", element("input", type="checkbox", checked=True, value=style), name)
        for style, name in (
            *(("error", "Errors"), ("warning", "Warnings"), ("info", "Info"), ("debug", "Debug")),
        )
    ]
    count = element("output", format_count(len(story.events), "record"))
    return element("form", text, levels, count, class_="filter", hidden=True)


def _render_mentions(mentions: list[Record], count: int) -> Html | str:
    if not mentions:
        return ""
    rows = [
        element("li", f"{one.service}: " if one.service else "", one.text("message"))
        for one in mentions[:_MAX_MENTIONS]
    ]
    heading = element("h2", f"{format_count(count, 'other line')} with the ID in the text")
    return element("section", heading, element("ul", rows, class_="mentions"))
