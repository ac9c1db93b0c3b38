"""The subcommand `drain`: takes a running server out of service, and waits until it may stop."""

import argparse
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from wsgi_observe.health.shared_state import SharedState
from wsgi_observe.validators import SettingsError, seconds

POLL_SECONDS = 0.1  # seconds
DESCRIPTION = """\
Have /ready answer 503 "draining", wait while the load balancer hears of it, and return. The server
serves on, and stops at once when it gets SIGTERM then: for the preStop hook of a container. With
--undo, or after a reload (SIGHUP), /ready answers as before.
"""


def add_to(subcommands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add this subcommand to the command line."""
    parser = subcommands.add_parser(
        "drain", help="take a Gunicorn out of service before it is stopped", description=DESCRIPTION
    )
    parser.add_argument(
        "target", nargs="?", default="1", metavar="PID", help="or a pidfile; default 1"
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--seconds", type=_parse_seconds, metavar="N", help="default: the server's drain_seconds"
    )
    group.add_argument(
        "--undo", action="store_true", help="take it back into service, if it is not about to stop"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Begin to drain and wait until that is over, or undo it, and return the exit code."""
    pid = _parse_pid(args.target)
    state = _open_state(pid)
    if args.undo:
        return _undo(pid, state)
    state.drain(args.seconds)
    print(f"draining {pid} for {state.remaining_seconds:.1f} s", flush=True)
    while state.remaining_seconds and _is_running(pid):
        time.sleep(min(POLL_SECONDS, state.remaining_seconds))
    return 0


def _undo(pid: int, state: SharedState) -> int:
    state.resume()
    if state.draining:
        _fail(
            f"process {pid} has got SIGTERM and stops in {state.remaining_seconds:.1f} s: no way back"
        )
    print(f"{pid} is in service", flush=True)
    return 0


def _open_state(pid: int) -> SharedState:
    try:
        return SharedState.of_process(pid)
    except ProcessLookupError:
        return _fail(f"there is no process {pid}")
    except OSError as error:
        return _fail(f"process {pid} cannot be asked: {error.strerror}")
    except LookupError:
        return _fail(
            f"process {pid} is no Gunicorn that drains; "
            "start it with --logger-class wsgi_observe.gunicorn.Logger"
        )


def _parse_pid(target: str) -> int:
    """Return the process ID that `target` is, or that is in the file it names."""
    text = target
    if not target.isdecimal():
        try:
            text = Path(target).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            _fail(f"{target} cannot be read: {error}")
    if not text.isdecimal() or not 0 < int(text) < 2**31:
        _fail(f"{target} has no process ID in it")
    return int(text)


def _is_running(pid: int) -> bool:
    with suppress(PermissionError):  # it is, and another user's
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
    return True


def _parse_seconds(text: str) -> float:
    try:
        return seconds("--seconds", float(text))
    except SettingsError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _fail(message: str) -> "SharedState":
    sys.exit(f"wsgi-observe drain: {message}")
