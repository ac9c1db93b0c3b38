"""The story of a request as text for a terminal."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rich.text import Text

from wsgi_observe.cli.formatting import format_count, format_seconds, format_size, format_time
from wsgi_observe.cli.log_files import to_printable
from wsgi_observe.cli.rich_console import LogConsole
from wsgi_observe.logreader.record import to_text
from wsgi_observe.logreader.search import Mention
from wsgi_observe.logreader.story import Event, RequestSummary, Story
from wsgi_observe.logreader.tracebacks import (
    Frame,
    RaisedException,
    parse_stack,
    select_stack_frames,
)

_LEVEL_STYLES = {
    "DEBUG": "dim",
    "INFO": "green",
    "WARNING": "yellow",
    "ERROR": "red",
    "CRITICAL": "bold red",
}
_STATUS_STYLES = {"2": "bold green", "3": "bold cyan", "4": "bold yellow"}
_GOOD_OUTCOMES = {"", "complete", "upgraded"}
_LINK_WORDS = {"cause": "caused by ", "context": "while handling ", "member": "in the group "}
_OFFSET_WIDTH = 10
_NARROW = 60  # columns, below which the texts get a line of their own
_MIN_GAP_SECONDS = 0.05
_GAP_PART = 0.1  # of the whole time
_MAX_SUMMARIES = 20
_MAX_LINES = 200  # of a message, of an exception's text, of a stack
_MAX_FRAMES = 50
_MAX_FIELD = 500


class StoryPrinter:
    """Print stories.

    :param is_full: whether tracebacks are printed with library frames.
    """

    def __init__(self, console: LogConsole, *, is_full: bool = False) -> None:
        self._console = console
        self._is_full = is_full
        self._is_narrow = console.width < _NARROW

    def print(self, story: Story) -> None:
        """Print the summaries of the requests, and the timeline."""
        for summary in story.requests[:_MAX_SUMMARIES]:
            self._print_summary(summary, story)
        if len(story.requests) > 1:
            self.print_note(f"{len(story.requests)} requests have this ID")
        if not story.requests:
            self._print_line(Text(to_printable(story.request_id), "bold"))
            self.print_note("no access line: it has not ended, or that line is not in the input")
        self._console.print()
        names_service = len(story.services) > 1
        whole = max((one.duration or 0.0 for one in story.requests), default=0.0)
        least_gap = max(_MIN_GAP_SECONDS, whole * _GAP_PART)
        has_ended = False
        for number, event in enumerate(story.events):
            if event.is_after and not has_ended:
                self.print_note("-- after the response --")
                has_ended = True
            if number and event.gap >= least_gap:
                gap = f"{'':{_OFFSET_WIDTH}} ... {format_seconds(event.gap)}"
                self.print_note(gap)
            self._print_event(event, names_service)

    def print_mentions(self, mentions: list[Mention], count: int) -> None:
        """Print lines of others that have the ID in their text."""
        if not mentions:
            return
        self._console.print()
        self.print_note(f"{format_count(count, 'other line')} with the ID in the text:")
        for mention in mentions[:10]:
            source = f"{mention.source}: " if mention.source else ""
            self._print_hanging("  ", [Text(to_printable(source + mention.text))])

    def print_note(self, text: str) -> None:
        """Print a remark of this command."""
        self._print_line(Text(text, "dim"))

    def _print_summary(self, one: RequestSummary, story: Story) -> None:
        status = "" if one.status is None else str(one.status)
        style = _STATUS_STYLES.get(status[:1], "bold red")
        line = Text(f"{to_printable(one.method)} {to_printable(one.path)}", "bold")
        if status:
            line.append(f"  {to_printable(status)}", style)
        outcome = f"died: {one.cause}" if one.outcome == "died" else one.outcome
        if outcome:
            is_good = one.outcome in _GOOD_OUTCOMES
            line.append(f"  {to_printable(outcome)}", "green" if is_good else "bold red")
        if one.duration is not None:
            line.append(f"  {format_seconds(one.duration)}")
        self._print_line(line)
        is_named = len(story.services) > 1 or "service" in one.fields
        service = one.service if is_named else ""
        facts = {
            "": format_time(one.start, is_precise=True),
            "request": one.request_id,
            "route": one.route if one.route != one.path else "",
            "client": one.client,
            "service": " ".join(filter(None, (service, one.release))),
            "worker": one.pid,
            "exception": to_text(one.fields.get("exc_type")),
            "trace": to_text(one.fields.get("trace_id")),
        }
        shown = [f"{name} {to_printable(fact)}".strip() for name, fact in facts.items() if fact]
        self._print_hanging("  ", [Text("  ".join(shown), "dim")])

    def _print_event(self, event: Event, names_service: bool) -> None:
        record = event.record
        style = "dim" if event.is_buffered or event.is_related else ""
        offset = "" if event.offset is None else f"+{format_seconds(event.offset)}"
        level = to_printable(record.level)[:8]
        head = Text.assemble(
            (f"{offset:>{_OFFSET_WIDTH}} ", "dim"), (f"{level:<8} ", _LEVEL_STYLES.get(level, ""))
        )
        body = [*self._describe(event, names_service), *self._describe_details(event)]
        for line in body:
            line.style = style
        if self._is_narrow:
            self._print_line(head)
            self._print_hanging("  ", body)
        else:
            self._print_hanging(head, body)

    def _describe(self, event: Event, names_service: bool) -> Iterator[Text]:
        """Yield what was logged: source, message and fields."""
        record = event.record
        source = [record.service] if names_service else []
        source += [record.request_id] if event.is_related else []
        source += [record.text("logger")] if record.text("logger") else []
        first, *rest = record.text("message").splitlines()[:_MAX_LINES] or [""]
        line = Text.assemble((to_printable(" ".join(source)) + ": ", "cyan"), to_printable(first))
        if event.kind == "access":
            line.append(_describe_access(event))
        yield line
        yield from (Text("  " + to_printable(text)) for text in rest)
        fields = "  ".join(
            f"{to_printable(name)}={to_printable(to_text(value)[:_MAX_FIELD])}"
            for name, value in event.fields.items()
        )
        if fields:
            yield Text("  " + fields, "dim")

    def _describe_details(self, event: Event) -> Iterator[Text]:
        """Yield the traceback and the stack."""
        error_id = event.record.text("error_id")
        if error_id:
            yield Text(f"  error_id {to_printable(error_id)}", "dim")
        if self._is_full or not event.traceback:
            yield from _indent(event.record.text("exc_info"))
        else:
            for exception in event.traceback:
                yield from _describe_exception(exception, event.traceback)
        frames = () if self._is_full else parse_stack(event.stack)
        if frames:
            yield from _describe_frames(select_stack_frames(frames), frames)
        else:
            yield from _indent(event.stack)

    def _print_line(self, line: Text) -> None:
        self._print_hanging("", [line])

    def _print_hanging(self, head: str | Text, body: Iterable[Text]) -> None:
        """Print lines beside a head, which the following ones are indented by."""
        head = Text(head) if isinstance(head, str) else head
        indent = Text(" " * head.cell_len)
        width = max(self._console.width - head.cell_len, 10)
        for text in body:
            for line in text.wrap(self._console, width, overflow="fold"):
                line.rstrip()
                self._console.print_log(head + line)
                head = indent


def _describe_access(event: Event) -> str:
    record = event.record
    size, agent = record.number("response_bytes"), record.text("user_agent")
    taken = f" in {format_seconds(record.seconds)}" if record.seconds is not None else ""
    sent = f", {format_size(size)}" if size is not None else ""
    outcome = record.text("outcome")
    ending = "" if outcome in _GOOD_OUTCOMES else f", {to_printable(outcome)}"
    return f"{taken}{sent}{ending}" + (f", {to_printable(agent)}" if agent else "")


def _describe_exception(
    exception: RaisedException, chain: tuple[RaisedException, ...]
) -> Iterator[Text]:
    """Yield an exception's own text, the app's frames, and in one line those of libraries."""
    number = chain.index(exception)
    link = chain[number - 1].link if number else ""
    if exception.link == "member":
        link = "member"
    first, *rest = exception.headline.splitlines()[:_MAX_LINES] or ["unknown exception"]
    yield Text.assemble(("  " + _LINK_WORDS.get(link, ""), "dim"), (to_printable(first), "red"))
    yield from (Text("    " + to_printable(line), "red") for line in rest)
    yield from _describe_frames(exception.own_frames, exception.frames)


def _describe_frames(shown: Sequence[Frame], frames: Sequence[Frame]) -> Iterator[Text]:
    """Yield the frames that are shown, and in one line the libraries of the others."""
    if len(shown) > _MAX_FRAMES:
        yield Text(f"    ... {format_count(len(shown) - _MAX_FRAMES, 'frame')} of the app", "dim")
    for frame in shown[-_MAX_FRAMES:]:
        yield from _describe_frame(frame)
    known = set(shown)
    packages = Counter(frame.package for frame in frames if frame not in known)
    if packages:
        names = ", ".join(f"{to_printable(name)} {count}" for name, count in packages.items())
        yield Text(f"    {format_count(packages.total(), 'library frame')}: {names}", "dim")


def _describe_frame(frame: Frame) -> Iterator[Text]:
    yield Text.assemble(
        f"    {to_printable(frame.path)}:{frame.line}",
        (f" in {to_printable(frame.function)}", "bold") if frame.function else "",
    )
    if frame.code:
        yield Text("      " + to_printable(frame.code), "dim")


def _indent(text: str) -> Iterator[Text]:
    lines = text.splitlines()
    for line in lines[:_MAX_LINES]:
        yield Text("    " + to_printable(line))
    if len(lines) > _MAX_LINES:
        yield Text(f"    ... {format_count(len(lines) - _MAX_LINES, 'line')}", "dim")
