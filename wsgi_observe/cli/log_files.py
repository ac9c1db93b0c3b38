"""What the subcommands that read logs share: FILE arguments, problems, progress, the terminal."""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile, gettempdir
from typing import IO, TYPE_CHECKING, Any

from wsgi_observe.cli.command import CommandError
from wsgi_observe.cli.formatting import to_printable
from wsgi_observe.logreader.inputs import Input, InputError, find_inputs
from wsgi_observe.logreader.reading import Progress

if TYPE_CHECKING:
    from wsgi_observe.cli.rich_console import LogConsole

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


@contextmanager
def copy_streams(inputs: list[Input], problems: list[str]) -> Iterator[list[Input]]:
    """Give inputs that can be read more than once: what is piped is in temporary files meanwhile.

    :param problems: gets what could not be read.
    """
    with ExitStack() as stack:
        yield [one if one.is_regular_file else _copy(one, stack, problems) for one in inputs]


def _copy(one: Input, stack: ExitStack, problems: list[str]) -> Input:
    file = stack.enter_context(NamedTemporaryFile())  # noqa: SIM115
    try:
        with one.open() as blocks:
            for _ in blocks:
                _write(file, bytes(memoryview(blocks.buffer)[blocks.start : blocks.end]))
    except InputError as error:
        problems.append(str(error))
    return Input(one.name, Path(file.name))


def _write(file: IO[bytes], data: bytes) -> None:
    try:
        file.write(data)
        file.flush()
    except OSError as error:
        reason = f"cannot keep a copy of the input in {gettempdir()}: {error.strerror}"
        raise CommandError(f"{reason}; name files", exit_code=2) from error


def report_problems(subcommand: str, problems: Iterable[str]) -> None:
    """Print what could not be read."""
    for problem in problems:
        print(f"wsgi-observe {subcommand}: {to_printable(problem)}", file=sys.stderr)


def make_console(*, stderr: bool = False) -> "LogConsole":
    """Return the console; without rich, an error that names the extra."""
    try:
        # Only now: it takes as long to import as a search.
        from wsgi_observe.cli.rich_console import LogConsole
    except ModuleNotFoundError as error:
        remedy = "run: pip install 'wsgi-observe[cli]', or use --json"
        raise CommandError(f"{error.name} is not installed; {remedy}", exit_code=2) from error
    return LogConsole(stderr=stderr)


@contextmanager
def show_progress(inputs: list[Input]) -> Iterator[Progress]:
    """Show a progress bar on a terminal while large files are read."""
    size = sum(one.size or 0 for one in inputs)
    if not sys.stderr.isatty() or size < _MIN_PROGRESS_BYTES or not find_spec("rich"):
        yield lambda count: None
        return
    from rich.progress import Progress as ProgressBar

    with ProgressBar(console=make_console(stderr=True), transient=True) as progress:
        is_compressed = any(one.name.endswith((".gz", ".zst")) for one in inputs)
        task = progress.add_task("reading", total=None if is_compressed else size)
        yield lambda count: progress.advance(task, count)


def print_json(value: Any) -> None:
    """Print a value as one line of strict JSON, in which nothing controls a terminal."""
    # Only now: its import takes as long as a search.
    from wsgi_observe.logs.formatters.encoders import encode

    text = encode(value)
    print(text if text.isprintable() else _unprintable.sub(_escape_for_json, text))


def _escape_for_json(found: re.Match[str]) -> str:
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in found[0])
