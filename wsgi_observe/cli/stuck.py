"""The subcommand ``stuck``: prints the running requests of a server, and their stacks."""

import argparse
import json
import os
from pathlib import Path

from wsgi_observe.cli.command import add_pid_argument, explain_lookup_errors, parse_pid
from wsgi_observe.redaction import Redactor
from wsgi_observe.scoreboard.client import WorkerReport, iter_worker_reports
from wsgi_observe.scoreboard.scoreboard import RunningRequest
from wsgi_observe.settings import ENV_PREFIX, Settings
from wsgi_observe.validators import SettingsError
from wsgi_observe.wsgi.environ import request_line, request_path

HELP = "show the running requests of a Gunicorn, and their stacks"
DESCRIPTION = """\
Print the running requests of a Gunicorn worker, or of all workers of an arbiter, the oldest first,
each with its age, method, path, request ID and stack.
The server is not interrupted: requests are read from its shared memory, and stacks come from a
thread of each worker. No signal is sent, since its handler would run in the very thread that may
be stuck. Nothing listens: the kernel decides who may read that memory.

examples:
  wsgi-observe stuck                        the first process of a container
  wsgi-observe stuck --json 4711 | jq .path
"""

_REDACT_PREFIX = f"{ENV_PREFIX}REDACT_"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this subcommand."""
    add_pid_argument(parser)
    parser.add_argument("--json", action="store_true", help="print one line of JSON per request")


def run(args: argparse.Namespace) -> int:
    """Print the running requests."""
    pid = parse_pid(args.target)
    with explain_lookup_errors(pid):
        reports = iter_worker_reports(pid)
    redactor = _make_redactor(pid)
    print_report = _print_json if args.json else _print_text
    for report in reports:
        print_report(report, redactor)
    return 0


def _print_json(report: WorkerReport, redactor: Redactor) -> None:
    for request, age, stack in report.requests:
        fields = {
            "worker_pid": report.pid,
            "request_id": request.request_id,
            "method": request.method,
            "path": _format_path(request, redactor),
            "age": age,
            "stack": stack and redactor.text(stack),
        }
        print(json.dumps(fields), flush=True)


def _print_text(report: WorkerReport, redactor: Redactor) -> None:
    hint = "" if report.is_responding else "; it does not respond, so there are no stacks"
    print(f"worker {report.pid}: {len(report.requests) + report.overflow} running{hint}")
    for request, age, stack in report.requests:
        method = request_line({"REQUEST_METHOD": request.method})
        path = _format_path(request, redactor)
        print(f"\n  {age:.1f} s  {method}{path}  {request.request_id or '-'}")
        for line in redactor.text(stack or "").splitlines():
            print(f"  {line}")
    if report.overflow:
        print(f"\n  {report.overflow} more, for which the scoreboard has no entries")
    print(flush=True)


def _format_path(request: RunningRequest, redactor: Redactor) -> str:
    return redactor.path(request_path({"PATH_INFO": request.path}))


def _make_redactor(pid: int) -> Redactor:
    """Return a redactor with the settings in the server's own environment."""
    try:
        text = os.fsdecode(Path(f"/proc/{pid}/environ").read_bytes())
        variables = dict(item.partition("=")[::2] for item in text.split("\0"))
        redacts = {name: variables[name] for name in variables if name.startswith(_REDACT_PREFIX)}
        return Settings.from_env(redacts).redactor()
    except (OSError, SettingsError):
        return Redactor()
