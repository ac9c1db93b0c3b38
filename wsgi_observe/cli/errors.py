"""The subcommand ``errors``: prints the failures of a log in groups of the same cause."""

import argparse
from collections.abc import Iterator
from typing import Any

from wsgi_observe.cli.command import CommandError
from wsgi_observe.cli.log_files import (
    add_file_argument,
    argument_type,
    format_range,
    get_inputs,
    make_console,
    prepare_output,
    report_problems,
    show_progress,
    to_printable,
)
from wsgi_observe.logreader.error_search import ErrorSearch
from wsgi_observe.logreader.filters import RecordFilter, parse_moment
from wsgi_observe.logreader.groups import ErrorGroup, select_new

HELP = "show the failures of a log, in groups of the same cause"
DESCRIPTION = """\
Print the failures of a log in groups: exceptions by where they were raised in the app (error_id),
5xx without an exception by route, requests that died with their worker by cause. The most frequent
group comes first.
Exit code: 0 if there are no errors, 1 if there are any, 2 if an input cannot be read.

examples:
  wsgi-observe errors shop.log
  wsgi-observe errors --since 15m --route '/orders*' 'shop.log*'
  docker logs shop | wsgi-observe errors --new-since 1.4.2
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this subcommand."""
    add_file_argument(parser)
    moment = argument_type(parse_moment)
    parser.add_argument("--since", type=moment, metavar="TIME", help="RFC 3339, or such as 15m")
    parser.add_argument("--until", type=moment, metavar="TIME", help="the same")
    parser.add_argument("--route", default="", help="route or path, or a pattern of it")
    parser.add_argument("--service", default="", help="value of the field service, or a pod")
    parser.add_argument(
        "--new-since", metavar="RELEASE", help="only what did not occur before this release"
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON per group")


def run(args: argparse.Namespace) -> int:
    """Print the groups of errors."""
    prepare_output()
    inputs = get_inputs(args.files)
    tests = RecordFilter(
        since=args.since, until=args.until, route=args.route, service=args.service
    ).tests
    search = ErrorSearch(tests, finds_releases=args.new_since is not None)
    with show_progress(inputs) as progress:
        search.run(inputs, progress)
    has_problems = report_problems("errors", search.coverage.problems)
    groups = list(_select(search, args.new_since))
    if args.json:
        _print_json(groups)
    else:
        console = make_console()
        # Only now: it imports rich.
        from wsgi_observe.cli.groups_text import GroupsPrinter

        coverage = search.coverage
        first, last = args.since or coverage.first, args.until or coverage.last
        printer = GroupsPrinter(console, first, last)
        printer.print(groups)
        printer.print_end(groups, search, format_range(coverage.first, coverage.last))
    if has_problems:
        return 2
    return 1 if groups or search.groups.ungrouped else 0


def _select(search: ErrorSearch, release: str | None) -> Iterator[ErrorGroup]:
    groups = search.groups.most_frequent_first()
    if release is None:
        yield from groups
    elif release in search.releases:
        yield from select_new(groups, release, search.releases)
    else:
        known = ", ".join(map(to_printable, search.releases)) or "none"
        problem = f"no line has the release {to_printable(release)}; those of the input: {known}"
        raise CommandError(problem, exit_code=2)


def _print_json(groups: list[ErrorGroup]) -> None:
    # Only now: its import takes as long as the search.
    from wsgi_observe.logs.fields import format_timestamp
    from wsgi_observe.logs.formatters.encoders import encode

    def to_timestamp(time: float | None) -> str | None:
        return None if time is None else format_timestamp(time)

    for group in groups:
        frame = group.frame
        fields: dict[str, Any] = {
            "kind": group.key.kind,
            "title": group.title,
            "message": group.message,
            "error_id": group.error_id or None,
            "count": group.count,
            "requests": group.requests.value,
            "first_seen": to_timestamp(group.first),
            "last_seen": to_timestamp(group.last),
            "frame": {"path": frame.path, "line": frame.line, "function": frame.function}
            if frame
            else None,
            "routes": dict(group.routes.counts),
            "services": dict(group.services.counts),
            "releases": dict(group.releases.counts),
            "newest_ids": group.newest_ids,
        }
        print(encode(fields))
