"""The subcommand ``trace``: prints the story of one request from its logs."""

import argparse
import re
from dataclasses import asdict
from typing import Any
from uuid import UUID

from wsgi_observe.cli.command import CommandError
from wsgi_observe.cli.formatting import (
    format_count,
    format_range,
    format_size,
    format_time,
    to_printable,
)
from wsgi_observe.cli.log_files import (
    add_file_argument,
    get_inputs,
    make_console,
    print_json,
    report_problems,
    show_progress,
)
from wsgi_observe.logreader.inputs import Input
from wsgi_observe.logreader.record import Record
from wsgi_observe.logreader.search import (
    MAX_RECORDS,
    Found,
    find_nearest_ids,
    find_request,
    find_trace,
    find_worker_end,
)
from wsgi_observe.logreader.story import Event, Story, build_story

HELP = "show what happened to one request, from its logs"
DESCRIPTION = """\
Print the story of a request: what it was, how it ended, and a timeline of every line that was
logged under its ID, by all services, with what followed.
Lines may be as `docker logs`, Docker's files, `kubectl logs`, CRI, `journalctl`, CloudWatch and
Loki have them. The beginning of an ID is enough if no other begins so, and so are its last digits,
as a console shows them.
Exit code: 0, 1 if no request or more than one has the ID, 2 if an input cannot be read.

examples:
  wsgi-observe trace 01a2250e000170b58fec10fd74e8730a shop.log
  wsgi-observe trace 74e8730a 'shop.log*'
  kubectl logs --prefix -l app=shop | wsgi-observe trace 01a2250e0001
  wsgi-observe trace 74e8730a shop.log --html story.html
"""

_MAX_SHOWN_IDS = 10
_MAX_SHOWN_MENTIONS = 3
_uuid7 = re.compile(r"[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this subcommand."""
    parser.add_argument("id", metavar="ID", help="request ID, its beginning or its end")
    add_file_argument(parser)
    parser.add_argument(
        "--trace", action="store_true", help="include the lines of the same trace ID"
    )
    parser.add_argument(
        "--full", action="store_true", help="print tracebacks as they are, with library frames"
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print the story as JSON")
    output.add_argument(
        "--html", metavar="OUT", help="write the story as one page for a browser; - prints it"
    )


def run(args: argparse.Namespace) -> int:
    """Print the story of the request."""
    wanted = args.id.strip()
    if not wanted:
        raise CommandError("the ID is empty", exit_code=2)
    inputs = get_inputs(args.files)
    if args.trace and not all(one.is_regular_file for one in inputs):
        raise CommandError("--trace reads the logs twice: name files", exit_code=2)
    with show_progress(inputs) as progress:
        found = find_request(inputs, wanted, progress)
    problems = found.coverage.problems
    report_problems("trace", problems)
    request_ids = found.resolve(wanted)
    if len(request_ids) != 1:
        problem = (
            _explain_many(wanted, request_ids) if request_ids else _explain(wanted, found, inputs)
        )
        raise CommandError(problem, exit_code=2 if problems else 1)
    _print(_make_story(request_ids[0], found, inputs, with_trace=args.trace), found, args)
    return 2 if problems else 0


def _make_story(request_id: str, found: Found, inputs: list[Input], *, with_trace: bool) -> Story:
    """Return the story, with what else ended with its worker, and the records of its traces."""
    records = found.records[request_id]
    related: list[Record] = []
    worker_end: list[Record] = []
    death = next((one for one in records if one.is_death), None)
    files = [one for one in inputs if one.is_regular_file]
    if death is not None:
        with show_progress(files) as progress:
            worker_end = find_worker_end(files, death, progress)
    trace_ids = {one.text("trace_id") for one in records} - {""}
    if with_trace and trace_ids:
        with show_progress(inputs) as progress:
            related = find_trace(inputs, trace_ids, progress)
    return build_story(request_id, records, related, worker_end)


def _print(story: Story, found: Found, args: argparse.Namespace) -> None:
    if args.json:
        print_json(_to_dict(story))
        return
    if args.html:
        from wsgi_observe.cli.page.document import write_document
        from wsgi_observe.cli.page.story import make_story_page

        write_document(args.html, make_story_page(story, found))
        return
    console = make_console()
    # Only now: it imports rich.
    from wsgi_observe.cli.story_text import StoryPrinter

    printer = StoryPrinter(console, is_full=args.full)
    printer.print(story)
    printer.print_mentions(found.mentions, found.mention_count)
    if found.ignored:
        printer.print_note(
            f"{format_count(found.ignored, 'more line')} of the ID; {MAX_RECORDS:,} are shown"
        )


def _to_dict(story: Story) -> dict[str, Any]:
    """Return a story as what JSON can represent."""
    return {
        "request_id": story.request_id,
        "services": list(story.services),
        "trace_ids": sorted(story.trace_ids),
        "requests": [_request_to_dict(one) for one in story.requests],
        "events": [_event_to_dict(event) for event in story.events],
    }


def _request_to_dict(one: Record) -> dict[str, Any]:
    return {
        "service": one.service,
        **{name: one.text(name) for name in ("request_id", "method", "path", "route")},
        "status": one.status,
        **{name: one.text(name) for name in ("outcome", "cause")},
        "start": one.start,
        "duration": one.seconds,
        "client": one.text("remote_addr"),
        "release": one.release,
        "pid": one.worker_pid,
    }


def _event_to_dict(event: Event) -> dict[str, Any]:
    names = ("kind", "service", "offset", "gap", "is_after", "is_buffered", "is_related")
    return {
        **{name: getattr(event, name) for name in names},
        "record": event.fields,
        "exceptions": [asdict(exception) for exception in event.exceptions],
    }


def _explain_many(wanted: str, request_ids: list[str]) -> str:
    count = len(request_ids)
    lines = [f"{count} request IDs begin or end with {to_printable(wanted)}:"]
    lines += [f"  {to_printable(one)}" for one in request_ids[:_MAX_SHOWN_IDS]]
    if count > _MAX_SHOWN_IDS:
        lines.append(f"  and {count - _MAX_SHOWN_IDS} more")
    return "\n".join(lines)


def _explain(wanted: str, found: Found, inputs: list[Input]) -> str:
    """Return why the ID may not be there, and what is."""
    coverage = found.coverage
    covered = format_range(coverage.first, coverage.last)
    lines = [
        f"no line has the request ID {to_printable(wanted)}",
        f"  the input covers {covered} ({format_size(coverage.bytes)})",
        *_explain_time(wanted, found),
    ]
    if found.trace_ids:
        ids = ", ".join(sorted(map(to_printable, found.trace_ids))[:_MAX_SHOWN_IDS])
        lines.append(f"  it is the trace ID of the requests {ids}")
    near = [] if found.trace_ids else [*found.nearest.ids, *_find_near(wanted, inputs)]
    if near:
        lines.append("  near: " + ", ".join(map(to_printable, near)))
    if found.mentions:
        lines.append(
            f"  {format_count(found.mention_count, 'other line')} with it in the text, such as"
        )
        shown = found.mentions[:_MAX_SHOWN_MENTIONS]
        lines += [f"    {to_printable(one.text('message'))[:200]}" for one in shown]
    return "\n".join(lines)


def _explain_time(wanted: str, found: Found) -> list[str]:
    """Return when an ID of ours was made, a UUIDv7 (RFC 9562), if the input does not cover that."""
    first, last = found.coverage.first, found.coverage.last
    if not _uuid7.fullmatch(wanted) or first is None or last is None:
        return []
    made = (UUID(wanted).int >> 80) / 1000
    if first - 1 <= made <= last + 1:
        return [f"  the ID was made at {format_time(made)}, which the input covers"]
    relation = "before the input begins" if made < first else "after the input ends"
    return [f"  the ID was made at {format_time(made)}, {relation}"]


def _find_near(wanted: str, inputs: list[Input]) -> list[str]:
    files = [one for one in inputs if one.is_regular_file]
    with show_progress(files) as progress:
        return find_nearest_ids(files, wanted, progress)
