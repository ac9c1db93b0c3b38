"""Bars over time as inline SVG: the lanes of services, the place of a record, sparklines.

Positions are attributes, not styles: the page's policy allows no style in an attribute.
"""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_observe.cli.formatting import format_seconds
from wsgi_observe.cli.page.markup import Html, element
from wsgi_observe.logreader.record import LEVELS
from wsgi_observe.logreader.story import Event, Story

_MAX_LANES = 12
_STEPS = 500  # of a lane: more marks cannot be distinguished
_AXIS_PARTS = 4
_LEAST_WIDTH = 0.4  # percent
_LEAST_HEIGHT = 8.0
_HEIGHTS = {"debug": 30, "info": 45}  # percent: many of them are a band below the others
_DRAWING_ORDER = ("debug", "info", "access", "warning", "error")


class TimeScale:
    """The range of times that bars are drawn over: the requests, or else all events.

    What comes later, such as a background job, would press them together; it is at the end.
    """

    def __init__(self, story: Story) -> None:
        start = story.start or 0.0
        ends = [
            one.start + one.seconds - start
            for one in story.requests
            if one.start is not None and one.seconds is not None
        ]
        offsets = [event.offset for event in story.events if event.offset is not None]
        self.seconds = max(ends, default=0.0) or max(offsets, default=0.0)

    def to_percent(self, offset: float) -> float:
        """Return where an offset in seconds is, from 0 to 100."""
        part = offset / self.seconds if self.seconds > 0 else 0.0
        return min(max(part, 0.0), 1.0) * 100

    def draw_range(self, start: float, end: float, class_: str, height: int = 100) -> Html:
        """Return the bar from one offset to another; it is always wide enough to be seen.

        :param height: in percent, from the ground.
        """
        x = self.to_percent(start)
        width = max(self.to_percent(end) - x, _LEAST_WIDTH)
        x = min(x, 100 - width)
        place = {"x": f"{x:.2f}%", "y": f"{100 - height}%"}
        size = {"width": f"{width:.2f}%", "height": f"{height}%"}
        return element("rect", **place, **size, rx=2, class_=class_)


def get_style(event: Event) -> str:
    """Return the style class of a record: by its level, or by what it reports."""
    if event.kind in ("death", "error"):
        return "error"
    if event.kind == "slow" or event.severity >= LEVELS["WARNING"]:
        return "error" if event.severity >= LEVELS["ERROR"] else "warning"
    if event.kind == "access":
        return "access"
    return "debug" if 0 < event.severity <= LEVELS["DEBUG"] else "info"


def draw_position(event: Event, scale: TimeScale) -> Html:
    """Return where a record is: the time since the one before it, and a mark at its own."""
    if event.offset is None:
        return element("svg", class_="bar", aria_hidden="true")
    gap = scale.draw_range(event.offset - event.gap, event.offset, "gap")
    mark = scale.draw_range(event.offset, event.offset, f"mark {get_style(event)}")
    return element("svg", gap, mark, class_="bar", aria_hidden="true")


def draw_lanes(story: Story, scale: TimeScale) -> Html | None:
    """Return a lane for each service: its requests as bars, its records as marks on them."""
    if scale.seconds <= 0:
        return None
    lanes = [_draw_lane(story, service, scale) for service in story.services[:_MAX_LANES]]
    times = [scale.seconds * part / _AXIS_PARTS for part in range(_AXIS_PARTS + 1)]
    axis = element("div", [element("span", format_seconds(time)) for time in times], class_="axis")
    return element("div", lanes, axis, class_="lanes", role="img", aria_label="Timeline")


def _draw_lane(story: Story, service: str, scale: TimeScale) -> Html:
    start = story.start or 0.0
    bars = [
        scale.draw_range(one.start - start, one.start - start + one.seconds, "request")
        for one in story.requests
        if one.service == service and one.start is not None and one.seconds is not None
    ]
    marks = {
        (round(scale.to_percent(event.offset) / 100 * _STEPS), get_style(event)): event.offset
        for event in story.events
        if event.offset is not None and event.service == service
    }
    # What matters is drawn last: it is on top.
    ordered = sorted(marks.items(), key=lambda mark: _DRAWING_ORDER.index(mark[0][1]))
    drawn = [
        scale.draw_range(at, at, f"mark {style}", _HEIGHTS.get(style, 100))
        for (_, style), at in ordered
    ]
    lane = element("svg", bars, drawn, class_="lane")
    name = element("span", service, class_="service") if len(story.services) > 1 else ""
    return element("div", name, lane)


def draw_sparkline(counts: Sequence[int], label: str) -> Html:
    """Return counts over time as bars, the highest at full height.

    :param label: what it shows, for those who do not see it.
    """
    top = max(counts, default=0) or 1
    width = 100 / max(len(counts), 1)
    bars = [
        element(
            "rect",
            x=f"{number * width:.2f}%",
            y=f"{100 - _bar_height(count, top):.1f}%",
            width=f"{width * 0.75:.2f}%",
            height=f"{_bar_height(count, top):.1f}%",
        )
        for number, count in enumerate(counts)
        if count
    ]
    return element("svg", bars, class_="sparkline", role="img", aria_label=label)


def _bar_height(count: int, top: int) -> float:
    return max(100 * count / top, _LEAST_HEIGHT)
