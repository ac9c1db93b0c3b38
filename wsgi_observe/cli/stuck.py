"""The subcommand `stuck`: shows the requests that run in a server, and where they are."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import NoReturn

from wsgi_observe.core.environ import request_line, request_path
from wsgi_observe.core.fit import SettingsError
from wsgi_observe.core.redact import Redactor
from wsgi_observe.inflight.asking import Found, Look, ask
from wsgi_observe.settings import PREFIX, Settings

_REDACT = f"{PREFIX}REDACT_"

ABOUT = """\
Show the requests that run in a Gunicorn worker, or in all workers of the arbiter, the oldest first.
The server is not disturbed: the requests are read from memory that it shares, and their stacks are
told by a thread of each worker. No signal is sent, since one would run in the very thread that may
be stuck; nothing listens, since the kernel itself says who may read that memory.
"""


def add_to(subcommands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add this subcommand to the command line."""
    parser = subcommands.add_parser(
        "stuck", help="show the requests that run in a Gunicorn", description=ABOUT
    )
    parser.add_argument("pid", type=int, metavar="PID", help="of a worker, or of the arbiter")
    parser.add_argument("--json", action="store_true", help="one line of JSON for each request")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask, print what is found, and return the exit code."""
    pid = arguments.pid
    try:
        redactor = _redactor_of(pid)
        for look in ask(pid):
            (_print_json if arguments.json else _print_text)(look, redactor)
    except (ProcessLookupError, OverflowError):
        _fail(f"there is no process {pid}")
    except PermissionError:
        _fail(f"process {pid} is another user's")
    except (LookupError, OSError):
        _fail(
            f"process {pid} is no Gunicorn whose requests are noted; "
            "start it with --logger-class wsgi_observe.gunicorn.Logger"
        )
    return 0


def _print_json(look: Look, redactor: Redactor) -> None:
    for one in look.found:
        facts = {
            "worker_pid": one.pid,
            "request_id": one.flight.request_id,
            "method": one.flight.method,
            "path": _line(one, redactor).partition(" ")[2],
            "age": one.age,
            "stack": one.stack and redactor.text(one.stack),
        }
        print(json.dumps(facts), flush=True)


def _print_text(look: Look, redactor: Redactor) -> None:
    silent = "" if look.answers else "; it does not answer, so there are no stacks"
    print(f"worker {look.pid}: {len(look.found) + look.beyond} running{silent}")
    for one in look.found:
        print(f"\n  {one.age:.1f} s  {_line(one, redactor)}  {one.flight.request_id or '-'}")
        for line in redactor.text(one.stack or "").splitlines():
            print(f"  {line}")
    if look.beyond:
        print(f"\n  {look.beyond} more, for which there was no room")
    print(flush=True)


def _line(one: Found, redactor: Redactor) -> str:
    environ = {"REQUEST_METHOD": one.flight.method, "PATH_INFO": one.flight.path}
    return f"{request_line({**environ, 'PATH_INFO': ''})}{redactor.path(request_path(environ))}"


def _redactor_of(pid: int) -> Redactor:
    """Return what takes secrets out as the server's own environment has it."""
    try:
        text = os.fsdecode(Path(f"/proc/{pid}/environ").read_bytes())
        variables = dict(item.partition("=")[::2] for item in text.split("\0"))
        redacts = {name: variables[name] for name in variables if name.startswith(_REDACT)}
        return Settings.from_env(redacts).redactor()
    except (OSError, SettingsError):
        return Redactor()


def _fail(what: str) -> NoReturn:
    sys.exit(f"wsgi-observe stuck: {what}")
