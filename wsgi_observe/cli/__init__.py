"""The command ``wsgi-observe``: parses the command line and runs a subcommand."""

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from signal import SIGINT, SIGPIPE
from typing import Any

from wsgi_observe.cli.command import CommandError

SUBCOMMANDS = ("demo", "drain", "errors", "lnav", "stuck", "tail", "trace")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code: 0, 1 for an error, 2 for a wrong usage.

    As of other commands, it is 130 after Ctrl-C, and 141 when nobody reads the output any more.
    """
    arguments = sys.argv[1:] if argv is None else argv
    # One that reads gigabytes does not wait for what the others import.
    named = [name for name in SUBCOMMANDS if name == next(iter(arguments), "")]
    args = _make_parser(named or SUBCOMMANDS).parse_args(arguments)
    try:
        exit_code: int = load_subcommand(args.subcommand).run(args)
        sys.stdout.flush()
    except CommandError as error:
        print(f"wsgi-observe {args.subcommand}: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # Or the interpreter would report it again when it flushes the stream at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + SIGPIPE
    except KeyboardInterrupt:
        return 128 + SIGINT
    return exit_code


def load_subcommand(name: str) -> Any:
    """Return the module of a subcommand."""
    return import_module(f"{__name__}.{name}")


def _make_parser(names: Iterable[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wsgi-observe",
        description="Find out what happens to the requests of a WSGI app.",
        epilog="wsgi-observe COMMAND --help describes a command, with examples.",
    )
    subparsers = parser.add_subparsers(
        title="commands", dest="subcommand", required=True, metavar="COMMAND"
    )
    for name in names:
        subcommand = load_subcommand(name)
        subparser = subparsers.add_parser(
            name,
            help=subcommand.HELP,
            description=subcommand.DESCRIPTION,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        subcommand.add_arguments(subparser)
    return parser
