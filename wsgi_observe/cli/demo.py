"""The subcommand ``demo``: serves an observed shop on Gunicorn, with data that it removes."""

import argparse
import os
import shlex
import socket
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from wsgi_observe.cli.command import CommandError
from wsgi_observe.cli.process import StoppableProcess

HOST = "127.0.0.1"
REQUIRED_PACKAGES = ("flask", "gunicorn", "sqlalchemy")
HELP = "serve an example shop on this machine, to try it out"
DESCRIPTION = """\
Serve an example shop with Gunicorn on 127.0.0.1, and print requests to try. Its database is in a
temporary directory that is removed when the command is stopped (Ctrl-C).
It needs the extra: pip install 'wsgi-observe[demo]'

example:
  wsgi-observe demo --port 8080
"""
WELCOME = """\
The demo is at {url} (Ctrl-C stops it). In another terminal, try:

  the request ID that you send is in the response, and in every log line of the request
    curl -i -H 'X-Request-ID: my-first-id' {url}/orders

  an order that is accepted, and one that is rejected
    curl -i {url}/orders -H 'Content-Type: application/json' \\
      -d '{{"product": "teapot", "quantity": 2}}'
    curl -i {url}/orders -H 'Content-Type: application/json' \\
      -d '{{"product": "samovar", "quantity": 9}}'

  a crash, and one in the middle of a stream
    curl -i {url}/crash
    curl -i {url}/report/broken

  liveness and readiness: move the database away, try again, and move it back
    curl -i {url}/health
    curl -i {url}/ready
    mv {shop} {shop}.away
    mv {shop}.away {shop}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this subcommand."""
    parser.add_argument(
        "--port",
        type=_parse_port,
        default=8000,
        metavar="N",
        help="port to listen on, 0 for any free one (default: 8000)",
    )


def run(args: argparse.Namespace) -> int:
    """Serve the demo until it is stopped, and return its exit code."""
    with StoppableProcess() as process:
        _require_extras()
        with (
            _create_listener(args.port) as listener,
            tempfile.TemporaryDirectory(prefix="wsgi-observe-demo-") as name,
        ):
            folder = Path(name)
            _print_welcome(listener, _create_database(folder))
            return process.run(_gunicorn_command(listener), folder, listener)


def _require_extras() -> None:
    try:
        for package in REQUIRED_PACKAGES:
            import_module(package)
    except ModuleNotFoundError as missing:
        raise CommandError(
            f"{missing.name} is not installed; run: pip install 'wsgi-observe[demo]'"
        ) from missing


def _create_listener(port: int) -> socket.socket:
    """Take the port before anything else starts; the server inherits it."""
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise CommandError(f"cannot listen on {HOST}:{port}: {reason}; try --port 0") from error


def _create_database(folder: Path) -> Path:
    # Imported here: without the extra, the command reports what is missing.
    from wsgi_observe.demo.models import seed

    path = folder / "shop.db"
    seed(path)
    return path


def _print_welcome(listener: socket.socket, shop: Path) -> None:
    url = "http://{}:{}".format(*listener.getsockname())
    print(WELCOME.format(url=url, shop=shlex.quote(str(shop))), flush=True)


def _gunicorn_command(listener: socket.socket) -> list[str]:
    return [
        *(sys.executable, "-m", "gunicorn"),
        *("--config", "python:wsgi_observe.demo.gunicorn_conf"),
        *("--logger-class", "wsgi_observe.gunicorn.Logger"),
        *("--bind", f"fd://{listener.fileno()}"),
        "wsgi_observe.demo.wsgi:app",
    ]


def _parse_port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"must be from 0 to 65535, not {port}")
    return port
