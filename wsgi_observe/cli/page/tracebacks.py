"""Tracebacks: the app's frames with their source lines, those of libraries folded."""

from __future__ import annotations

from collections.abc import Iterator

from wsgi_observe.cli.formatting import LINK_WORDS, describe_libraries
from wsgi_observe.cli.page.markup import Html, element
from wsgi_observe.logreader.story import Event
from wsgi_observe.logreader.tracebacks import (
    Frame,
    RaisedException,
    iter_linked,
    parse_stack,
    select_stack_frames,
)

_MAX_EXCEPTIONS = 50
_MAX_FRAMES = 100


def render_tracebacks(event: Event) -> Iterator[Html]:
    """Yield the exceptions of a record, the one that was logged first, and the text as logged."""
    for link, exception in iter_linked(event.exceptions[:_MAX_EXCEPTIONS]):
        yield _render_exception(exception, LINK_WORDS[link])
    text = event.text("exc_info")
    if text:
        yield fold("Traceback as logged", element("pre", text))
    if event.stack:
        frames = parse_stack(event.stack)
        shown = select_stack_frames(frames)[-_MAX_FRAMES:]
        as_logged = element("pre", event.stack, class_="stack")
        if shown:
            yield element("ol", map(render_frame, shown), class_="frames")
            yield fold("Stack as logged", as_logged)
        else:
            yield as_logged


def render_frame(frame: Frame) -> Html:
    """Return a frame: its file and line, its function, its source line."""
    folder, separator, name = frame.path.rpartition("/")
    where = [
        element("span", folder + separator, class_="folder"),
        element("b", f"{name}:{frame.line}"),
        element("span", f" in {frame.function}") if frame.function else "",
    ]
    code = element("code", frame.code) if frame.code else ""
    return element("li", element("p", where), code)


def _render_exception(exception: RaisedException, words: str) -> Html:
    first, _, rest = exception.headline.partition("\n")
    relation = element("span", words, class_="quiet") if words else ""
    headline = element("p", relation, element("b", first or "unknown exception"), class_="raised")
    text = element("pre", rest) if rest else ""
    own = exception.own_frames[-_MAX_FRAMES:]
    frames = element("ol", map(render_frame, own), class_="frames") if own else ""
    return element(
        "section", headline, text, frames, _render_library_frames(exception), class_="exception"
    )


def _render_library_frames(exception: RaisedException) -> Html | str:
    frames = [frame for frame in exception.frames if not frame.is_own]
    if not frames:
        return ""
    shown = element("ol", map(render_frame, frames[-_MAX_FRAMES:]), class_="frames")
    return fold(describe_libraries(frames), shown)


def fold(name: str, content: Html) -> Html:
    """Return what unfolds under a name."""
    return element("details", element("summary", name), content, class_="folded")
