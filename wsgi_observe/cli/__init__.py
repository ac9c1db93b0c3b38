"""The command ``wsgi-observe``: parses the command line and runs a subcommand."""

import argparse
import sys
from collections.abc import Sequence

from wsgi_observe.cli import demo, drain, lnav, stuck
from wsgi_observe.cli.command import CommandError

SUBCOMMANDS = {"demo": demo, "drain": drain, "lnav": lnav, "stuck": stuck}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code: 0, 1 for an error, 2 for a wrong usage."""
    args = _make_parser().parse_args(argv)
    try:
        exit_code: int = SUBCOMMANDS[args.subcommand].run(args)
    except CommandError as error:
        print(f"wsgi-observe {args.subcommand}: {error}", file=sys.stderr)
        return 1
    return exit_code


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wsgi-observe",
        description="Find out what happens to the requests of a WSGI app.",
        epilog="wsgi-observe COMMAND --help describes a command, with examples.",
    )
    subparsers = parser.add_subparsers(
        title="commands", dest="subcommand", required=True, metavar="COMMAND"
    )
    for name, subcommand in SUBCOMMANDS.items():
        subparser = subparsers.add_parser(
            name,
            help=subcommand.HELP,
            description=subcommand.DESCRIPTION,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        subcommand.add_arguments(subparser)
    return parser
