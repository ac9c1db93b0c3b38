"""The subcommand ``drain``: takes a running server out of service before it is stopped."""

import argparse
import time

from wsgi_observe._shared_memory import is_process_alive
from wsgi_observe.cli.command import (
    CommandError,
    add_pid_argument,
    explain_lookup_errors,
    parse_pid,
)
from wsgi_observe.health.shared_state import SharedState
from wsgi_observe.validators import SettingsError, seconds

HELP = "take a running Gunicorn out of service before it is stopped"
DESCRIPTION = """\
Have the readiness probe answer 503 "draining", wait until the load balancer has noticed, and exit.
Meanwhile the server serves requests as before. A SIGTERM after that stops it at once.
It is meant to run before the stop, as a container's preStop hook does.
--undo, or a reload (SIGHUP), brings the server back into service.

examples:
  wsgi-observe drain                        the first process of a container
  wsgi-observe drain --seconds 20 /run/gunicorn.pid
  wsgi-observe drain --undo 4711
"""

_POLL_SECONDS = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this subcommand."""
    add_pid_argument(parser)
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--seconds",
        type=_parse_seconds,
        metavar="N",
        help="how long to drain (default: the server's setting drain_seconds)",
    )
    group.add_argument(
        "--undo", action="store_true", help="bring it back into service, unless it is stopping"
    )


def run(args: argparse.Namespace) -> int:
    """Drain and wait until that is over, or undo a drain."""
    pid = parse_pid(args.target)
    with explain_lookup_errors(pid):
        state = SharedState.of_process(pid)
    if args.undo:
        return _undo(pid, state)
    state.drain(args.seconds)
    print(f"draining {pid} for {state.remaining_seconds:.1f} s", flush=True)
    while state.remaining_seconds and is_process_alive(pid):
        time.sleep(min(_POLL_SECONDS, state.remaining_seconds))
    return 0


def _undo(pid: int, state: SharedState) -> int:
    state.resume()
    if state.draining:
        remaining = f"{state.remaining_seconds:.1f} s"
        raise CommandError(f"process {pid} has received SIGTERM and stops in {remaining}")
    print(f"{pid} is in service", flush=True)
    return 0


def _parse_seconds(text: str) -> float:
    try:
        return seconds("N", float(text))
    except SettingsError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
