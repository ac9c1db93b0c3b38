"""The subcommand ``tail``: prints the lines of a log as they come, in the console form."""

import argparse
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing

from wsgi_observe.cli.command import CommandError
from wsgi_observe.cli.filters import (
    add_filter_arguments,
    has_id,
    has_status,
    is_at_least,
    is_slow,
    make_tests,
)
from wsgi_observe.cli.log_files import add_file_argument, get_inputs, report_problems
from wsgi_observe.logreader.following import FollowedFile
from wsgi_observe.logreader.inputs import Input, InputError
from wsgi_observe.logreader.reading import Coverage, read_batches
from wsgi_observe.logreader.record import Record, to_text
from wsgi_observe.logreader.wrappers import LineReader
from wsgi_observe.logs.formatters.console import ConsoleLayout
from wsgi_observe.logs.formatters.truncation import cut_middle, escape_control_characters

HELP = "show the lines of a log as they come, in the console form"
DESCRIPTION = """\
Print the lines of a log in the form for people: standard input until it ends, files from their
last lines on, through rotation. Lines of other programs are passed through, unless there is a
filter; then --others passes them.
Exit code: 0, 2 if an input cannot be read.

examples:
  kubectl logs -f deploy/shop | wsgi-observe tail
  wsgi-observe tail --status 5xx --route '/orders*' shop.log
  wsgi-observe tail --no-follow --slow 500ms --since 1h shop.log
"""

_POLL_SECONDS = 0.2
_MAX_VALUE_BYTES = 2000
_MAX_LINE = 16_000
_MAX_TRACEBACK = 64_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this subcommand."""
    add_file_argument(parser)
    parser.add_argument("--id", default="", help="request ID, its beginning or its end")
    parser.add_argument("--level", type=is_at_least, help="the lowest level, as WARNING")
    parser.add_argument("--status", type=has_status, help="such as 404 or 5xx")
    parser.add_argument(
        "--slow", type=is_slow, metavar="TIME", help="requests that took as long, as 500ms"
    )
    add_filter_arguments(parser)
    parser.add_argument("--others", action="store_true", help="pass lines of others in any case")
    parser.add_argument(
        "-n",
        "--lines",
        type=_parse_count,
        default=10,
        metavar="N",
        help="how many of the last lines of a file to begin with, or all (default: 10)",
    )
    parser.add_argument(
        "--no-follow", action="store_true", help="print whole files, and end with them"
    )


def run(args: argparse.Namespace) -> int:
    """Print the lines until the input ends, or the command is interrupted."""
    inputs = get_inputs(args.files)
    follows = not args.no_follow and inputs[0].path is not None
    for one in inputs:
        if follows and not one.is_regular_file:
            raise CommandError(f"cannot follow {one.name}: it is not a file", exit_code=2)
    coverage = Coverage()
    every = read_batches(
        inputs, lambda blocks, _: blocks.lines(), coverage, lambda size: None, ahead=False
    )
    printer = TailPrinter(args)
    for records in _follow(inputs, args.lines) if follows else every:
        printer.print(records)
    report_problems("tail", coverage.problems)
    return 2 if coverage.problems else 0


def _follow(inputs: Iterable[Input], last: int | None) -> Iterator[Iterable[Record | bytes]]:
    """Yield the records that are written to files; never ends."""
    with ExitStack() as stack:
        try:
            files = [
                (stack.enter_context(closing(FollowedFile(one.path, last))), LineReader(one.label))
                for one in inputs
                if one.path is not None
            ]
        except InputError as error:
            raise CommandError(str(error), exit_code=2) from error
        while True:
            is_idle = True
            for file, reader in files:
                if lines := file.read_lines():
                    is_idle = False
                    yield reader.read(lines)
            if is_idle:
                time.sleep(_POLL_SECONDS)


class TailPrinter:
    """Print lines in the console form, those that pass the filters."""

    def __init__(self, args: argparse.Namespace) -> None:
        wanted = has_id(args.id) if args.id else None
        self._tests = make_tests(args, wanted, args.level, args.status, args.slow)
        self._passes_others = args.others or not self._tests
        self._layout = ConsoleLayout(
            color=_wants_color(), hidden=("exc_info", "continued_in", "buffered")
        )

    def print(self, records: Iterable[Record | bytes]) -> None:
        """Print the records and other lines that were read together."""
        texts = []
        for record in records:
            if isinstance(record, bytes):
                if self._passes_others:
                    text = record[:_MAX_LINE].decode("utf-8", "replace").rstrip("\r\n")
                    texts.append(escape_control_characters(text.replace("\t", "    ")))
            elif not record.is_part and all(passes(record) for passes in self._tests):
                texts.append(self._format(record))
        if texts:
            texts.append("")
            sys.stdout.write("\n".join(texts))
            sys.stdout.flush()

    def _format(self, record: Record) -> str:
        fields = record.fields
        traceback = record.text("exc_info") if "exc_info" in fields else ""
        try:
            text = self._layout.format(fields, record.severity, traceback[:_MAX_TRACEBACK])
        except (KeyError, ValueError, RecursionError):  # a field of a type that no line has
            text = ""
        if not text or len(text) - len(traceback) > _MAX_LINE:
            bounded = {
                name[:_MAX_VALUE_BYTES]: cut_middle(to_text(value), _MAX_VALUE_BYTES)
                for name, value in list(fields.items())[:100]
            }
            bounded = {"logger": "", **bounded}
            text = self._layout.format(bounded, record.severity, traceback[:_MAX_TRACEBACK])
        return text


def _wants_color() -> bool:
    """Return whether the output is coloured (https://no-color.org, https://force-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _parse_count(text: str) -> int | None:
    return None if text == "all" else int(text)
