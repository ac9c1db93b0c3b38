"""What the subcommands share: the error that ends one, and the running server that it is for."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOGGER_CLASS = "--logger-class wsgi_observe.gunicorn.Logger"


class CommandError(Exception):
    """A reason to end the command: it is printed, and the exit code is 1 unless it is given."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def add_pid_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument for the process of a running server, as ``target``."""
    parser.add_argument(
        "target",
        nargs="?",
        default="1",
        metavar="PID",
        help="process ID of a running Gunicorn, or its pidfile (default: 1)",
    )


def parse_pid(target: str) -> int:
    """Return the process ID that `target` is, or that is in the file it names."""
    text = target
    if not target.isdecimal():
        try:
            text = Path(target).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise CommandError(f"cannot read the pidfile {target}: {error}") from error
    if not text.isdecimal() or not 0 < int(text) < 2**31:
        raise CommandError(f"{target} is not a process ID and has none in it")
    return int(text)


@contextmanager
def explain_lookup_errors(pid: int) -> Iterator[None]:
    """Turn errors of looking up the shared memory of a process into a `CommandError`."""
    try:
        yield
    except ProcessLookupError as error:
        raise CommandError(f"there is no process {pid}; is Gunicorn running?") from error
    except PermissionError as error:
        reason = f"process {pid} belongs to another user; run this command as that user or as root"
        raise CommandError(reason) from error
    except OSError as error:
        raise CommandError(f"cannot look into process {pid}: {error}") from error
    except LookupError as error:
        reason = f"process {pid} is not a Gunicorn that was started with {_LOGGER_CLASS}"
        raise CommandError(reason) from error
