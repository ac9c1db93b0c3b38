"""The subcommand `stuck`: shows the requests that run in a server, and where they are."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import NoReturn

from wsgi_observe.redaction import Redactor
from wsgi_observe.scoreboard.client import StuckRequest, WorkerReport, iter_worker_reports
from wsgi_observe.settings import ENV_PREFIX, Settings
from wsgi_observe.validators import SettingsError
from wsgi_observe.wsgi.environ import request_line, request_path

_REDACT = f"{ENV_PREFIX}REDACT_"

DESCRIPTION = """\
Show the requests that run in a Gunicorn worker, or in all workers of the arbiter, the oldest first.
The server is not disturbed: the requests are read from memory that it shares, and their stacks are
told by a thread of each worker. No signal is sent, since one would run in the very thread that may
be stuck; nothing listens, since the kernel itself says who may read that memory.
"""


def add_to(subcommands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add this subcommand to the command line."""
    parser = subcommands.add_parser(
        "stuck", help="show the requests that run in a Gunicorn", description=DESCRIPTION
    )
    parser.add_argument("pid", type=int, metavar="PID", help="of a worker, or of the arbiter")
    parser.add_argument("--json", action="store_true", help="one line of JSON for each request")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ask, print what is found, and return the exit code."""
    pid = args.pid
    try:
        redactor = _redactor_of(pid)
        for report in iter_worker_reports(pid):
            (_print_json if args.json else _print_text)(report, redactor)
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


def _print_json(report: WorkerReport, redactor: Redactor) -> None:
    for stuck in report.requests:
        fields = {
            "worker_pid": stuck.pid,
            "request_id": stuck.request.request_id,
            "method": stuck.request.method,
            "path": _format_request(stuck, redactor).partition(" ")[2],
            "age": stuck.age,
            "stack": stuck.stack and redactor.text(stuck.stack),
        }
        print(json.dumps(fields), flush=True)


def _print_text(report: WorkerReport, redactor: Redactor) -> None:
    hint = "" if report.is_responding else "; it does not answer, so there are no stacks"
    print(f"worker {report.pid}: {len(report.requests) + report.overflow} running{hint}")
    for stuck in report.requests:
        print(
            f"\n  {stuck.age:.1f} s  {_format_request(stuck, redactor)}  {stuck.request.request_id or '-'}"
        )
        for line in redactor.text(stuck.stack or "").splitlines():
            print(f"  {line}")
    if report.overflow:
        print(f"\n  {report.overflow} more, for which there was no room")
    print(flush=True)


def _format_request(stuck: StuckRequest, redactor: Redactor) -> str:
    environ = {"REQUEST_METHOD": stuck.request.method, "PATH_INFO": stuck.request.path}
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


def _fail(message: str) -> NoReturn:
    sys.exit(f"wsgi-observe stuck: {message}")
