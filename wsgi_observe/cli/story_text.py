"""The story of a request as text for a terminal."""

from collections.abc import Iterator, Sequence

from rich.text import Text

from wsgi_observe.cli.formatting import (
    GOOD_OUTCOMES,
    LINK_WORDS,
    describe_libraries,
    describe_outcome,
    describe_service,
    format_count,
    format_seconds,
    format_size,
    format_time,
    to_printable,
)
from wsgi_observe.cli.rich_console import LogConsole, make_text
from wsgi_observe.logreader.record import Record, to_text
from wsgi_observe.logreader.story import Event, Story
from wsgi_observe.logreader.tracebacks import Frame, iter_linked, parse_stack, select_stack_frames

_LEVEL_STYLES = {
    "DEBUG": "dim",
    "INFO": "green",
    "WARNING": "yellow",
    "ERROR": "red",
    "CRITICAL": "bold red",
}
_STATUS_STYLES = {"2": "bold green", "3": "bold cyan", "4": "bold yellow"}
_OFFSET_WIDTH = 10
_NARROW = 60  # columns, below which the texts get a line of their own
_MIN_GAP_SECONDS = 0.05
_GAP_PART = 0.1  # of the whole time
_MAX_SUMMARIES = 20
_MAX_LINES = 200  # of a message, of an exception's text, of a stack
_MAX_FRAMES = 50
_MAX_FIELD = 500
_MAX_MENTIONS = 10


class StoryPrinter:
    """Print stories.

    :param is_full: whether tracebacks are printed with library frames.
    """

    def __init__(self, console: LogConsole, *, is_full: bool = False) -> None:
        self._console = console
        self._is_full = is_full

    def print(self, story: Story) -> None:
        """Print the summaries of the requests, and the timeline."""
        for request in story.requests[:_MAX_SUMMARIES]:
            self._print_summary(request, story)
        if len(story.requests) > 1:
            self.print_note(f"{len(story.requests)} requests have this ID")
        if not story.requests:
            self._console.print_line((story.request_id, "bold"))
            self.print_note("no access line: it has not ended, or that line is not in the input")
        self._console.print()
        names_service = len(story.services) > 1
        whole = max((one.seconds or 0.0 for one in story.requests), default=0.0)
        least_gap = max(_MIN_GAP_SECONDS, whole * _GAP_PART)
        has_ended = False
        for number, event in enumerate(story.events):
            if event.is_after and not has_ended:
                self.print_note("-- after the response --")
                has_ended = True
            if number and event.gap >= least_gap:
                self.print_note(f"{'':{_OFFSET_WIDTH}} ... {format_seconds(event.gap)}")
            self._print_event(event, names_service)

    def print_mentions(self, mentions: list[Record], count: int) -> None:
        """Print lines of others that have the ID in their text."""
        if not mentions:
            return
        self._console.print()
        self.print_note(f"{format_count(count, 'other line')} with the ID in the text:")
        for mention in mentions[:_MAX_MENTIONS]:
            source = f"{mention.service}: " if mention.service else ""
            self._console.print_hanging(Text("  "), [make_text(source + mention.text("message"))])

    def print_note(self, text: str) -> None:
        """Print a remark of this command."""
        self._console.print_line((text, "dim"))

    def _print_summary(self, one: Record, story: Story) -> None:
        line = make_text((f"{one.text('method')} {one.text('path')}", "bold"))
        if one.status is not None:
            style = _STATUS_STYLES.get(str(one.status)[:1], "bold red")
            line.append(f"  {one.status}", style)
        outcome = describe_outcome(one)
        if outcome:
            line.append(
                f"  {to_printable(outcome)}", "green" if outcome in GOOD_OUTCOMES else "bold red"
            )
        if one.seconds is not None:
            line.append(f"  {format_seconds(one.seconds)}")
        self._console.print_hanging(Text(), [line])
        route = one.text("route")
        facts = {
            "": format_time(one.start, is_precise=True),
            "request": one.request_id,
            "route": route if route != one.text("path") else "",
            "client": one.text("remote_addr"),
            "service": describe_service(one, story),
            "worker": one.worker_pid,
            "exception": one.text("exc_type"),
            "trace": one.text("trace_id"),
        }
        shown = [f"{name} {to_printable(fact)}".strip() for name, fact in facts.items() if fact]
        self._console.print_hanging(Text("  "), [Text("  ".join(shown), "dim")])

    def _print_event(self, event: Event, names_service: bool) -> None:
        offset = "" if event.offset is None else f"+{format_seconds(event.offset)}"
        level = to_printable(event.level)[:8]
        head = make_text(
            (f"{offset:>{_OFFSET_WIDTH}} ", "dim"), (f"{level:<8} ", _LEVEL_STYLES.get(level, ""))
        )
        body = [*_describe(event, names_service), *self._describe_details(event)]
        for line in body:
            line.style = "dim" if event.is_buffered or event.is_related else ""
        if self._console.width < _NARROW:
            self._console.print_hanging(Text(), [head])
            head = Text("  ")
        self._console.print_hanging(head, body)

    def _describe_details(self, event: Event) -> Iterator[Text]:
        """Yield the traceback and the stack."""
        error_id = event.text("error_id")
        if error_id:
            yield make_text((f"  error_id {error_id}", "dim"))
        if self._is_full or not event.exceptions:
            yield from _indent(event.text("exc_info"))
        else:
            for link, exception in iter_linked(event.exceptions):
                first, *rest = exception.headline.splitlines()[:_MAX_LINES] or ["unknown exception"]
                yield make_text((f"  {LINK_WORDS[link]}", "dim"), (first, "red"))
                yield from (make_text((f"    {line}", "red")) for line in rest)
                yield from _describe_frames(exception.own_frames, exception.frames)
        frames = () if self._is_full else parse_stack(event.stack)
        if frames:
            yield from _describe_frames(select_stack_frames(frames), frames)
        else:
            yield from _indent(event.stack)


def _describe(event: Event, names_service: bool) -> Iterator[Text]:
    """Yield what was logged: source, message and fields."""
    source = [event.service] if names_service else []
    source += [event.request_id] if event.is_related else []
    source += [event.text("logger")] if event.text("logger") else []
    first, *rest = event.text("message").splitlines()[:_MAX_LINES] or [""]
    facts = _describe_access(event) if event.is_access_line else ""
    yield make_text((f"{' '.join(source)}: ", "cyan"), first, facts)
    yield from (make_text(f"  {text}") for text in rest)
    fields = "  ".join(
        f"{to_printable(name)}={to_printable(to_text(value)[:_MAX_FIELD])}"
        for name, value in event.new_fields.items()
    )
    if fields:
        yield Text(f"  {fields}", "dim")


def _describe_access(record: Record) -> str:
    size, agent = record.number("response_bytes"), record.text("user_agent")
    taken = f" in {format_seconds(record.seconds)}" if record.seconds is not None else ""
    sent = f", {format_size(size)}" if size is not None else ""
    outcome = record.text("outcome")
    ending = "" if outcome in GOOD_OUTCOMES else f", {outcome}"
    return f"{taken}{sent}{ending}" + (f", {agent}" if agent else "")


def _describe_frames(shown: Sequence[Frame], frames: Sequence[Frame]) -> Iterator[Text]:
    """Yield the frames that are shown, and in one line the libraries of the others."""
    if len(shown) > _MAX_FRAMES:
        more = format_count(len(shown) - _MAX_FRAMES, "frame")
        yield make_text((f"    ... {more} of the app", "dim"))
    for frame in shown[-_MAX_FRAMES:]:
        function = f" in {frame.function}" if frame.function else ""
        yield make_text(f"    {frame.path}:{frame.line}", (function, "bold"))
        if frame.code:
            yield make_text((f"      {frame.code}", "dim"))
    known = set(shown)
    libraries = describe_libraries(frame for frame in frames if frame not in known)
    if libraries:
        yield make_text((f"    {libraries}", "dim"))


def _indent(text: str) -> Iterator[Text]:
    lines = text.splitlines()
    yield from (make_text(f"    {line}") for line in lines[:_MAX_LINES])
    if len(lines) > _MAX_LINES:
        yield make_text((f"    ... {format_count(len(lines) - _MAX_LINES, 'line')}", "dim"))
