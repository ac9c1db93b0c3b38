"""The groups of errors as text for a terminal."""

from wsgi_observe.cli.formatting import (
    describe_counts,
    describe_failures,
    describe_total,
    format_count,
    format_range,
    format_time,
)
from wsgi_observe.cli.rich_console import LogConsole
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
        self._print = console.print_line
        self._range = first, last

    def print(self, groups: list[ErrorGroup]) -> None:
        """Print the groups."""
        for group in groups[:_MAX_GROUPS]:
            self._print_group(group)
            self._console.print()

    def print_end(self, groups: list[ErrorGroup], search: ErrorSearch) -> None:
        """Print how many there are, and what was read."""
        if len(groups) > _MAX_GROUPS:
            more = format_count(len(groups) - _MAX_GROUPS, "more group")
            self._print((f"{more}; --json has all", "dim"))
        found = describe_total(groups)
        if search.ungrouped:
            found += f", and {search.ungrouped:,} in more groups than are kept apart"
        covered = format_range(search.coverage.first, search.coverage.last)
        read = f"{format_count(search.lines, 'line')} from {covered}"
        skipped = f", {search.others:,} of others" if search.others else ""
        self._print((found, "bold"), (f" ({read}{skipped})", "dim"))
        if search.warnings:
            warnings = format_count(search.warnings, "warning")
            self._print((f"{warnings}; --level WARNING shows them in groups", "yellow"))

    def _print_group(self, group: ErrorGroup) -> None:
        color = "red" if group.severity >= LEVELS["ERROR"] else "yellow"
        self._print(
            (group.title, f"bold {color}"),
            (f"  {group.target}" if group.target else "", "bold"),
            (f"  error_id {group.error_id}" if group.error_id else "", "dim"),
        )
        if group.message and group.message != group.title:
            self._print(f"  {group.message}")
        if group.frame is not None:
            frame = group.frame
            self._print((f"  {frame.path}:{frame.line} in {frame.function}", "cyan"))
            if frame.code:
                self._print((f"    {frame.code}", "dim"))
        self._print_counts(group)
        for name, counts in (
            ("routes", group.routes),
            ("jobs", group.jobs),
            ("services", group.services),
            ("releases", group.releases),
        ):
            if counts:
                self._print((f"  {name:<9}", "dim"), describe_counts(counts, _MAX_NAMES))
        if group.newest_ids:
            self._print(("  newest   ", "dim"), "  ".join(group.newest_ids))

    def _print_counts(self, group: ErrorGroup) -> None:
        sparkline = self._draw(group)
        is_once = group.first == group.last
        when = format_time(group.first) if is_once else format_range(group.first, group.last)
        self._print(
            "  ",
            (f"{sparkline}  " if sparkline else "", "red"),
            (describe_failures(group), "bold"),
            f", {when}",
        )

    def _draw(self, group: ErrorGroup) -> str:
        """Return the group's sparkline."""
        width = min(_SPARKLINE_WIDTH, max(10, self._console.width // 4))
        counts = group.count_over_time(*self._range, width)
        bars = _BARS if self._console.encoding.startswith("utf") else _ASCII_BARS
        top, steps = max(counts, default=0), len(bars) - 1
        return "".join(bars[-(-count * steps // top)] for count in counts)
