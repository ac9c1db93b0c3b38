"""The command ``wsgi-observe``: parses the command line and runs a subcommand."""

import argparse
import os
import sys
from collections.abc import Sequence
from errno import EBADF, EDQUOT, EFBIG, EIO, ENOSPC
from importlib import import_module
from signal import SIGINT, SIGPIPE
from typing import Any

from wsgi_observe.cli.command import CommandError

SUBCOMMANDS = ("demo", "doctor", "drain", "errors", "lnav", "stuck", "tail", "trace")

# Of a stream: on a full disk, beyond a quota or limit, of a device, of one that was closed.
_WRITE_ERRORS = (ENOSPC, EDQUOT, EFBIG, EIO, EBADF)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code: 0, 1 for an error, 2 for a wrong usage.

    As of other commands, it is 130 after Ctrl-C, and 141 when the reader of the output has gone.
    """
    arguments = sys.argv[1:] if argv is None else argv
    try:
        return _run(arguments)
    except BrokenPipeError:
        _discard_output()
        return 128 + SIGPIPE
    except KeyboardInterrupt:
        return 128 + SIGINT


def _run(arguments: Sequence[str]) -> int:
    args = _parse(arguments)
    _prepare_streams()
    try:
        exit_code: int = load_subcommand(args.subcommand).run(args)
        sys.stdout.flush()
    except CommandError as error:
        print(f"wsgi-observe {args.subcommand}: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        if error.errno not in _WRITE_ERRORS:
            raise
        _discard_output()
        reason = f"cannot write the output: {error.strerror}"
        print(f"wsgi-observe {args.subcommand}: {reason}", file=sys.stderr)
        return 2
    return exit_code


def _prepare_streams() -> None:
    """Give output streams that are closed something to fail or to discard.

    A file that is opened later would get the descriptor, and what is meant for the stream.
    A stream that cannot encode a character writes an escape instead of failing.
    """
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    """Have the interpreter not report the stream again, when it flushes it at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def load_subcommand(name: str) -> Any:
    """Return the module of a subcommand."""
    return import_module(f"{__name__}.{name}")


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    name = next(iter(arguments), "")
    if name not in SUBCOMMANDS:
        return _make_parser().parse_args(arguments)
    # One that reads gigabytes does not wait for what the others import.
    subcommand = load_subcommand(name)
    parser = argparse.ArgumentParser(
        prog=f"wsgi-observe {name}",
        description=subcommand.DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subcommand.add_arguments(parser)
    parser.set_defaults(subcommand=name)
    # Options may be between an ID and the files, which argparse's own subcommands refuse.
    return parser.parse_intermixed_args(arguments[1:])


def _make_parser() -> argparse.ArgumentParser:
    """Return the parser of a command line that names no subcommand: for its help, and errors."""
    parser = argparse.ArgumentParser(
        prog="wsgi-observe",
        description="Find out what happens to the requests of a WSGI app.",
        epilog="wsgi-observe COMMAND --help describes a command, with examples.",
    )
    subparsers = parser.add_subparsers(
        title="commands", dest="subcommand", required=True, metavar="COMMAND"
    )
    for name in SUBCOMMANDS:
        subparsers.add_parser(name, help=load_subcommand(name).HELP)
    return parser
