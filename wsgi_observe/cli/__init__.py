"""The command `wsgi-observe`: finds the subcommand, and runs it."""

import argparse
from collections.abc import Sequence

from wsgi_observe.cli import demo, drain, stuck

SUBCOMMANDS = (demo, drain, stuck)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code."""
    args = _parser().parse_args(argv)
    exit_code: int = args.run(args)
    return exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wsgi-observe", description="See what happens to the requests of a WSGI app."
    )
    subcommands = parser.add_subparsers(title="subcommands", required=True, metavar="COMMAND")
    for subcommand in SUBCOMMANDS:
        subcommand.add_to(subcommands)
    return parser
