"""The subcommand `demo`: the observed shop on Gunicorn, in a folder that goes when it stops."""

import argparse
import os
import shlex
import socket
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from wsgi_observe.cli.process import StoppableProcess

HOST = "127.0.0.1"
REQUIRED_PACKAGES = ("flask", "gunicorn", "sqlalchemy")
WELCOME = """\
The demo is at {url} (Ctrl-C stops it). In another terminal, try:

  the ID that you send is in the answer, and in every log line of the request
    curl -i -H 'X-Request-ID: my-first-id' {url}/orders

  an order, and one that is refused
    curl -i {url}/orders -H 'Content-Type: application/json' \\
      -d '{{"product": "teapot", "quantity": 2}}'
    curl -i {url}/orders -H 'Content-Type: application/json' \\
      -d '{{"product": "samovar", "quantity": 9}}'

  a crash, and one in the middle of a stream
    curl -i {url}/crash
    curl -i {url}/report/broken

  alive, and ready: then take the database away, ask again, and bring it back
    curl -i {url}/health
    curl -i {url}/ready
    mv {shop} {shop}.away
    mv {shop}.away {shop}
"""


def add_to(subcommands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add this subcommand to the command line."""
    parser = subcommands.add_parser("demo", help="serve an observed shop on this machine")
    parser.add_argument(
        "--port",
        type=_parse_port,
        default=8000,
        metavar="N",
        help="default 8000; 0 is any free one",
    )
    parser.set_defaults(run=run)


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
        sys.exit(f"wsgi-observe demo: no {missing.name} here: pip install 'wsgi-observe[demo]'")


def _create_listener(port: int) -> socket.socket:
    """Take the port before anything else starts; the server inherits it."""
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        sys.exit(f"wsgi-observe demo: cannot listen on {HOST}:{port}: {reason}; try --port 0")


def _create_database(folder: Path) -> Path:
    # Imported here, since without the extras the command still has to say what is missing.
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
