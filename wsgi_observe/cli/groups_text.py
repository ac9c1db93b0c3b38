"""The groups of errors as text for a terminal."""

from rich.text import Text

from wsgi_observe.cli.formatting import (
    describe_failures,
    describe_total,
    format_count,
    format_range,
    format_time,
)
from wsgi_observe.cli.log_files import to_printable
from wsgi_observe.cli.rich_console import LogConsole
from wsgi_observe.logreader.counting import TopCounter
from wsgi_observe.logreader.error_search import ErrorSearch
from wsgi_observe.logreader.groups import ErrorGroup
from wsgi_observe.logreader.record import LEVELS

_BARS = " ▁▂▃▄▅▆▇█"
_ASCII_BARS = " .:-=+*#@"
_SPARKLINE_WIDTH = 40
_MAX_GROUPS = 50
_MAX_NAMES = 5


class GroupsPrinter:
    """Print groups of errors.

    :param first: the time at which sparklines begin, and `last`: at which they end.
    """

    def __init__(self, console: LogConsole, first: float | None, last: float | None) -> None:
        self._console = console
        self._range = first, last
        can_draw = console.encoding.startswith("utf")
        self._bars = _BARS if can_draw else _ASCII_BARS

    def print(self, groups: list[ErrorGroup]) -> None:
        """Print the groups."""
        for group in groups[:_MAX_GROUPS]:
            self._print_group(group)
            self._console.print()

    def print_end(self, groups: list[ErrorGroup], search: ErrorSearch, covered: str) -> None:
        """Print how many there are, and what was read."""
        if len(groups) > _MAX_GROUPS:
            self._print(
                Text(
                    f"{format_count(len(groups) - _MAX_GROUPS, 'more group')}; --json has all",
                    "dim",
                )
            )
        found = describe_total(groups)
        if search.groups.ungrouped:
            found += f", and {search.groups.ungrouped:,} in more groups than are kept apart"
        read = f"{format_count(search.lines, 'line')} from {covered}"
        skipped = f", {search.others:,} of others" if search.others else ""
        self._print(Text.assemble((found, "bold"), (f" ({read}{skipped})", "dim")))
        if search.warnings:
            warnings = format_count(search.warnings, "warning")
            self._print(Text(f"{warnings}; --level WARNING shows them in groups", "yellow"))

    def _print_group(self, group: ErrorGroup) -> None:
        color = "red" if group.severity >= LEVELS["ERROR"] else "yellow"
        title = Text(to_printable(group.title), f"bold {color}")
        if group.key.kind in ("status", "death", "slow"):
            title.append(f"  {to_printable(group.key.where)}", "bold")
        if group.error_id:
            title.append(f"  error_id {to_printable(group.error_id)}", "dim")
        self._print(title)
        if group.message and group.message != group.title:
            self._print(Text("  " + to_printable(group.message)))
        if group.frame is not None:
            frame = group.frame
            where = f"  {to_printable(frame.path)}:{frame.line} in {to_printable(frame.function)}"
            self._print(Text(where, "cyan"))
            if frame.code:
                self._print(Text(f"    {to_printable(frame.code)}", "dim"))
        self._print(self._describe_counts(group))
        for name, counter in (
            ("routes", group.routes),
            ("services", group.services),
            ("releases", group.releases),
        ):
            if counter.counts:
                self._print(Text.assemble((f"  {name:<9}", "dim"), _describe_names(counter)))
        if group.newest_ids:
            ids = "  ".join(map(to_printable, group.newest_ids))
            self._print(Text.assemble(("  newest   ", "dim"), ids))

    def _describe_counts(self, group: ErrorGroup) -> Text:
        line = Text("  ")
        if group.first is not None and group.last is not None:
            line.append(f"{self._draw(group)}  ", "red")
        line.append(describe_failures(group), "bold")
        if group.first == group.last:
            line.append(f", {format_time(group.first)}")
        else:
            line.append(f", {format_range(group.first, group.last)}")
        return line

    def _draw(self, group: ErrorGroup) -> str:
        """Return the group's sparkline."""
        first, last = self._range
        start = group.first if first is None else first
        end = group.last if last is None else last
        assert start is not None
        assert end is not None
        width = min(_SPARKLINE_WIDTH, max(10, self._console.width // 4))
        counts = group.over_time.resample(start, end, width)
        top = max(counts)
        steps = len(self._bars) - 1
        return "".join(self._bars[-(-count * steps // top)] for count in counts)

    def _print(self, line: Text) -> None:
        for one in line.wrap(self._console, self._console.width, overflow="fold"):
            one.rstrip()
            self._console.print_log(one)


def _describe_names(counter: TopCounter) -> str:
    names = [f"{to_printable(name)} ({n:,})" for name, n in counter.most_common(_MAX_NAMES)]
    more = len(counter.counts) - _MAX_NAMES
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")
