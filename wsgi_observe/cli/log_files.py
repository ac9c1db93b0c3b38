"""What the subcommands that read logs share: FILE arguments, problems, progress, the terminal."""

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from tempfile import NamedTemporaryFile, gettempdir
from typing import IO, TYPE_CHECKING, Any

from wsgi_observe.cli.command import CommandError
from wsgi_observe.logreader.blocks import LineBlocks
from wsgi_observe.logreader.inputs import Input, InputError, explain_read_errors, find_inputs
from wsgi_observe.logreader.record import LEVELS
from wsgi_observe.logreader.search import Progress
from wsgi_observe.logs.formatters.truncation import cut_middle, escape_control_characters

if TYPE_CHECKING:
    from wsgi_observe.cli.rich_console import LogConsole
    from wsgi_observe.logreader.groups import ErrorGroup

MAX_TEXT_BYTES = 4000
_MIN_PROGRESS_BYTES = 50_000_000


_unprintable = re.compile(r"[^ -~]+")


def add_file_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument for the logs, as ``files``."""
    parser.add_argument(
        "files",
        nargs="*",
        default=[],
        metavar="FILE",
        help="log, plain or compressed (gzip, zstd), or a quoted pattern; - for standard input, "
        "which is the default",
    )


def get_inputs(files: list[str]) -> list[Input]:
    """Return the inputs; without any, that somebody would have to type the log is an error."""
    if not files and (sys.stdin is None or sys.stdin.isatty()):
        raise CommandError("name a FILE, or pipe a log into the command", exit_code=2)
    return find_inputs(files)


class _CopiedInput(Input):
    """A stream in a temporary file, which has no name of its own."""

    @property
    def label(self) -> str:
        return ""


@contextmanager
def copy_streams(inputs: list[Input], problems: list[str]) -> Iterator[list[Input]]:
    """Give inputs that can be read more than once: what is piped is in temporary files meanwhile.

    :param problems: gets what could not be read.
    """
    with ExitStack() as stack:
        yield [_copy(one, stack, problems) if _is_stream(one) else one for one in inputs]


def _is_stream(one: Input) -> bool:
    return one.path is None or one.path.is_fifo() or one.path.is_char_device()


def _copy(one: Input, stack: ExitStack, problems: list[str]) -> Input:
    file = stack.enter_context(NamedTemporaryFile())  # noqa: SIM115
    try:
        with one.open() as stream, explain_read_errors(one.name):
            blocks = LineBlocks(stream)
            for _ in blocks:
                _write(file, bytes(memoryview(blocks.buffer)[blocks.start : blocks.end]))
    except InputError as error:
        problems.append(str(error))
    return _CopiedInput(one.name, Path(file.name))


def _write(file: IO[bytes], data: bytes) -> None:
    try:
        file.write(data)
        file.flush()
    except OSError as error:
        reason = f"cannot keep a copy of the input in {gettempdir()}: {error.strerror}"
        raise CommandError(f"{reason}; name files", exit_code=2) from error


def argument_type(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a type for `argparse` that prints the reason of a `ValueError`."""

    def convert(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def report_problems(subcommand: str, problems: Iterable[str]) -> bool:
    """Print what could not be read, and return whether there was anything."""
    has_problems = False
    for problem in problems:
        has_problems = True
        print(f"wsgi-observe {subcommand}: {to_printable(problem)}", file=sys.stderr)
    return has_problems


def to_printable(text: str) -> str:
    """Return a text of a log as it may be shown on a terminal: bounded, without its sequences."""
    if len(text) > MAX_TEXT_BYTES:
        text = cut_middle(text, MAX_TEXT_BYTES)
    return escape_control_characters(text)


def make_console(*, stderr: bool = False) -> "LogConsole":
    """Return the console; without rich, an error that names the extra."""
    try:
        # Only now: it takes as long to import as a search.
        from wsgi_observe.cli.rich_console import LogConsole
    except ModuleNotFoundError as error:
        remedy = "run: pip install 'wsgi-observe[cli]', or use --json"
        raise CommandError(f"{error.name} is not installed; {remedy}", exit_code=2) from error
    return LogConsole(stderr=stderr)


def prepare_output() -> None:
    """Have a stream that cannot encode a character write an escape instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def show_progress(inputs: list[Input]) -> Iterator[Progress]:
    """Show a progress bar on a terminal while large files are read."""
    sizes = [one.size or 0 for one in inputs]
    if not sys.stderr.isatty() or sum(sizes) < _MIN_PROGRESS_BYTES:
        yield lambda count: None
        return
    try:
        progress_module = import_module("rich.progress")
    except ModuleNotFoundError:
        yield lambda count: None
        return
    with progress_module.Progress(console=make_console(stderr=True), transient=True) as progress:
        is_compressed = any(one.name.endswith((".gz", ".zst")) for one in inputs)
        task = progress.add_task("reading", total=None if is_compressed else sum(sizes))
        yield lambda count: progress.advance(task, count)


def format_time(seconds: float | None, *, is_precise: bool = False) -> str:
    """Return a time as people read it, in UTC."""
    if seconds is None:
        return "unknown time"
    text = datetime.fromtimestamp(seconds, UTC).isoformat(sep=" ", timespec="milliseconds")
    return f"{text[: 23 if is_precise else 19]} UTC"


def format_range(first: float | None, last: float | None) -> str:
    """Return a range of times in UTC; the day once, if it is the same."""
    if first is None or last is None:
        return "an unknown time"
    begin, end = format_time(first), format_time(last)
    return f"{begin[:-4]} to {end[11:] if begin[:10] == end[:10] else end}"


def format_seconds(seconds: float) -> str:
    """Return a duration as people read it.

    >>> format_seconds(0.0025), format_seconds(3.2), format_seconds(600)
    ('2.5 ms', '3.20 s', '10 min')
    """
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 120:
        return f"{seconds:.2f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


def format_size(size: float) -> str:
    """Return a number of bytes as people read it.

    >>> format_size(145), format_size(937_947_500)
    ('145 B', '937.9 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"


def format_count(number: int, noun: str) -> str:
    """Return a number with its noun in the singular or plural.

    >>> format_count(1, "error"), format_count(1200, "error")
    ('1 error', '1,200 errors')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def get_noun(group: "ErrorGroup") -> str:
    """Return what the records of a group are called."""
    return "error" if group.severity >= LEVELS["ERROR"] else "warning"


def describe_total(groups: list["ErrorGroup"]) -> str:
    """Return how many errors and warnings there are, in how many groups."""
    counts = Counter[str]()
    for group in groups:
        counts[get_noun(group)] += group.count
    parts = [format_count(count, noun) for noun, count in sorted(counts.items())]
    in_groups = f"in {format_count(len(groups), 'group')}"
    return f"{' and '.join(parts)} {in_groups}" if groups else "no errors"


def print_json(value: Any) -> None:
    """Print a value as one line of strict JSON, in which nothing controls a terminal."""
    # Only now: its import takes as long as a search.
    from wsgi_observe.logs.formatters.encoders import encode

    text = encode(value)
    print(text if text.isprintable() else _unprintable.sub(_escape_for_json, text))


def _escape_for_json(found: re.Match[str]) -> str:
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in found[0])


def describe_failures(group: "ErrorGroup") -> str:
    """Return how many errors a group has, and in how many requests, if it was in any."""
    errors = format_count(group.count, get_noun(group))
    requests = group.requests
    if not requests.value:
        return errors
    about = "" if requests.is_exact else "about "
    return f"{errors} in {about}{format_count(requests.value, 'request')}"
