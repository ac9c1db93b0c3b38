"""The page of errors: groups of the same cause, and the stories of their newest requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from wsgi_observe.cli.formatting import (
    describe_counts,
    describe_failures,
    describe_total,
    format_count,
    format_range,
    format_time,
    get_noun,
)
from wsgi_observe.cli.page.document import make_document
from wsgi_observe.cli.page.markup import Html, element
from wsgi_observe.cli.page.story import render_copied, render_facts, render_headline, render_story
from wsgi_observe.cli.page.timeline import draw_sparkline
from wsgi_observe.cli.page.tracebacks import render_frame
from wsgi_observe.logreader.error_search import ErrorSearch
from wsgi_observe.logreader.groups import ErrorGroup
from wsgi_observe.logreader.story import Story

MAX_GROUPS = 100
_SPARKLINE_PARTS = 60
_MAX_NAMES = 8
_MAX_STORIES = 3  # of a group
_MIN_FILTERED = 6

Range = tuple[float | None, float | None]
Stories = Mapping[str, tuple[Story, int]]
"""With the number of records that are not in each."""


def select_story_ids(groups: Iterable[ErrorGroup]) -> set[str]:
    """Return the IDs of the requests whose stories belong into the page."""
    return {
        each for group in islice(groups, MAX_GROUPS) for each in group.newest_ids[:_MAX_STORIES]
    }


def make_groups_page(
    groups: list[ErrorGroup], search: ErrorSearch, stories: Stories, covered: Range
) -> bytes:
    """Return the page.

    :param stories: those of the groups' newest requests, by their IDs.
    :param covered: the times at which sparklines begin and end.
    """
    page = _GroupsPage(stories, covered)
    title = describe_total(groups)
    title = title[0].upper() + title[1:]
    read = format_range(search.coverage.first, search.coverage.last)
    warnings = format_count(search.warnings, "warning")
    hint = f"; {warnings}, which --level WARNING shows in groups" if search.warnings else ""
    lines = format_count(search.lines, "line")
    about = element("p", f"{lines}, {read}{hint}", class_="quiet")
    header = element("header", element("h1", title), about, page.draw_all(groups))
    shown = [page.render(number, group) for number, group in enumerate(groups[:MAX_GROUPS])]
    more = len(groups) - MAX_GROUPS
    notes = [f"{format_count(more, 'more group')}; --json has them all"] if more > 0 else []
    if search.ungrouped:
        count = search.ungrouped
        notes.append(f"{format_count(count, 'more error')} in groups that were not kept apart")
    filter_form = _render_filter(len(shown)) if len(shown) >= _MIN_FILTERED else ""
    footer = [element("p", note, class_="quiet") for note in notes]
    return make_document(
        title, element("main", header, filter_form, shown, footer, class_="groups")
    )


class _GroupsPage:
    def __init__(self, stories: Stories, covered: Range) -> None:
        self._stories = stories
        self._range = covered
        self._shown: dict[str, str] = {}

    def draw_all(self, groups: Iterable[ErrorGroup]) -> Html | str:
        """Return when errors of any group occurred."""
        every = (group.count_over_time(*self._range, _SPARKLINE_PARTS) for group in groups)
        drawn = [counts for counts in every if counts]
        if not drawn:
            return ""
        return draw_sparkline([sum(each) for each in zip(*drawn, strict=True)], "Errors over time")

    def render(self, number: int, group: ErrorGroup) -> Html:
        """Return a group."""
        target = element("span", f" {group.target}", class_="target") if group.target else ""
        heading = element("h2", group.title, target)
        message = element("p", group.message) if group.message not in ("", group.title) else ""
        frame = element("ol", render_frame(group.frame), class_="frames") if group.frame else ""
        counts = group.count_over_time(*self._range, _SPARKLINE_PARTS)
        sparkline = (
            draw_sparkline(counts, f"{format_count(group.count, get_noun(group))} over time")
            if counts
            else ""
        )
        head = element("div", heading, _render_count(group), class_="head")
        stories = list(self._render_stories(number, group))
        return element(
            "section",
            *(head, message, frame, sparkline, _render_group_facts(group)),
            element("div", stories, class_="stories") if stories else "",
            class_="group",
            id=f"group-{number}",
        )

    def _render_stories(self, number: int, group: ErrorGroup) -> Iterator[Html]:
        others: list[Html] = []
        for position, request_id in enumerate(group.newest_ids):
            story, ignored = self._stories.get(request_id, (None, 0))
            name = f"story-{number}-{position}"
            if story is None or not story.events:
                others.append(render_copied(request_id))
            elif request_id in self._shown:
                # It is in two groups, and once in the page.
                link = element("a", request_id, href=f"#{self._shown[request_id]}")
                others.append(element("code", link))
            else:
                self._shown[request_id] = name
                yield _render_story(story, ignored, name)
        if others:
            yield element("p", "also ", others, class_="also")


def _render_story(story: Story, ignored: int, name: str) -> Html:
    time = element("span", format_time(story.start), class_="quiet")
    main = render_headline(story.requests[0]) if story.requests else ()
    request_id = element("code", story.request_id, class_="id")
    return element(
        "details",
        element("summary", time, main, request_id),
        element("div", render_story(story, name, ignored), class_="story"),
        id=name,
    )


def _render_count(group: ErrorGroup) -> Html:
    number, _, rest = describe_failures(group).partition(" ")
    return element("p", element("b", number), f" {rest}", class_="count")


def _render_group_facts(group: ErrorGroup) -> Html:
    facts: dict[str, Html | str] = {
        "First": format_time(group.first),
        "Last": format_time(group.last) if group.last != group.first else "",
        "Routes": describe_counts(group.routes, _MAX_NAMES),
        "Jobs": describe_counts(group.jobs, _MAX_NAMES),
        "Services": describe_counts(group.services, _MAX_NAMES),
        "Releases": describe_counts(group.releases, _MAX_NAMES),
        "error_id": render_copied(group.error_id) if group.error_id else "",
    }
    return render_facts(facts)


def _render_filter(count: int) -> Html:
    text = element("input", type="search", placeholder="Filter groups", aria_label="Filter groups")
    return element(
        "form", text, element("output", format_count(count, "group")), class_="filter", hidden=True
    )
