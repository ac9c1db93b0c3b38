"""The subcommand ``errors``: prints the failures of a log in groups of the same cause."""

import argparse
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

from wsgi_observe.cli.command import CommandError
from wsgi_observe.cli.filters import add_filter_arguments, make_tests, parse_level
from wsgi_observe.cli.formatting import to_printable
from wsgi_observe.cli.log_files import (
    add_file_argument,
    copy_streams,
    get_inputs,
    make_console,
    print_json,
    report_problems,
    show_progress,
)
from wsgi_observe.logreader.error_search import ErrorSearch
from wsgi_observe.logreader.groups import ErrorGroup, select_new
from wsgi_observe.logreader.inputs import Input
from wsgi_observe.logreader.record import LEVELS
from wsgi_observe.logreader.search import find_requests
from wsgi_observe.logreader.story import build_story

HELP = "show the failures of a log, in groups of the same cause"
DESCRIPTION = """\
Print the failures of a log in groups: exceptions by where they were raised in the app (error_id),
5xx without an exception by route, requests that died with their worker by cause. The group of most
requests comes first. With --level WARNING, also warnings: slow requests by route, failing
readiness checks, slow statements.
Exit code: 0 if there are no errors, 1 if there are any, 2 if an input cannot be read.

examples:
  wsgi-observe errors shop.log
  wsgi-observe errors --since 15m --route '/orders*' 'shop.log*'
  docker logs shop | wsgi-observe errors --new-since 1.4.2
  wsgi-observe errors --level WARNING --since 1h shop.log
  wsgi-observe errors --since 1d 'shop.log*' --html errors.html
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this subcommand."""
    add_file_argument(parser)
    parser.add_argument(
        "--level",
        type=partial(parse_level, least=LEVELS["WARNING"]),
        default=LEVELS["ERROR"],
        help="the lowest level: WARNING, ERROR (the default) or CRITICAL",
    )
    add_filter_arguments(parser)
    parser.add_argument(
        "--new-since", metavar="RELEASE", help="only what did not occur before this release"
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print one line of JSON per group")
    output.add_argument(
        "--html",
        metavar="OUT",
        help="write one page for a browser, with the stories of the newest requests; - prints it",
    )


def run(args: argparse.Namespace) -> int:
    """Print the groups of errors."""
    finds_releases = args.new_since is not None
    search = ErrorSearch(make_tests(args), severity=args.level, finds_releases=finds_releases)
    inputs, problems = get_inputs(args.files), search.coverage.problems
    # For a page, the stories are searched when the errors are known.
    with copy_streams(inputs, problems) if args.html else nullcontext(inputs) as readable:
        with show_progress(readable) as progress:
            search.run(readable, progress)
        report_problems("errors", problems)
        groups = list(_select(search, args.new_since))
        _print(args, groups, search, readable)
    if problems:
        return 2
    return 1 if groups or search.ungrouped else 0


def _print(
    args: argparse.Namespace, groups: list[ErrorGroup], search: ErrorSearch, inputs: list[Input]
) -> None:
    if args.json:
        _print_json(groups)
    elif args.html:
        _write_page(args, groups, search, inputs)
    else:
        console = make_console()
        # Only now: it imports rich.
        from wsgi_observe.cli.groups_text import GroupsPrinter

        printer = GroupsPrinter(console, *_get_range(args, search))
        printer.print(groups)
        printer.print_end(groups, search)


def _write_page(
    args: argparse.Namespace, groups: list[ErrorGroup], search: ErrorSearch, inputs: list[Input]
) -> None:
    from wsgi_observe.cli.page.document import write_document
    from wsgi_observe.cli.page.groups import make_groups_page, select_story_ids
    from wsgi_observe.cli.page.story import MAX_RECORDS

    request_ids = select_story_ids(groups)
    with show_progress(inputs) as progress:
        limit = MAX_RECORDS // max(len(request_ids), 1)
        found = find_requests(inputs, request_ids, progress, limit)
    stories = {each: (build_story(each, one.records), one.ignored) for each, one in found.items()}
    page = make_groups_page(groups, search, stories, _get_range(args, search))
    write_document(args.html, page)


def _get_range(args: argparse.Namespace, search: ErrorSearch) -> tuple[float | None, float | None]:
    """Return the times at which sparklines begin and end."""
    return args.since or search.coverage.first, args.until or search.coverage.last


def _select(search: ErrorSearch, release: str | None) -> Iterator[ErrorGroup]:
    groups = search.groups
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

    def to_timestamp(time: float | None) -> str | None:
        return None if time is None else format_timestamp(time)

    for group in groups:
        frame = group.frame
        fields: dict[str, Any] = {
            "kind": group.key.kind,
            "level": group.level,
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
            "routes": dict(group.routes),
            "jobs": dict(group.jobs),
            "services": dict(group.services),
            "releases": dict(group.releases),
            "newest_ids": group.newest_ids,
        }
        print_json(fields)
