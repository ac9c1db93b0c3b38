"""The subcommand `demo`: the observed shop on Gunicorn, in a folder that goes when it stops."""

import argparse
import os
import shlex
import socket
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from wsgi_observe.cli.process import Stoppable

HOST = "127.0.0.1"
EXTRAS = ("flask", "gunicorn", "sqlalchemy")
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
        "--port", type=_port, default=8000, metavar="N", help="default 8000; 0 is any free one"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve the demo until it is stopped, and return its exit code."""
    with Stoppable() as stoppable:
        _require_extras()
        with (
            _listen(arguments.port) as listener,
            tempfile.TemporaryDirectory(prefix="wsgi-observe-demo-") as name,
        ):
            folder = Path(name)
            _introduce(listener, _open_shop(folder))
            return stoppable.run(_gunicorn(listener), folder, listener)


def _require_extras() -> None:
    try:
        for extra in EXTRAS:
            import_module(extra)
    except ModuleNotFoundError as missing:
        sys.exit(f"wsgi-observe demo: no {missing.name} here: pip install 'wsgi-observe[demo]'")


def _listen(port: int) -> socket.socket:
    """Take the port before anything else starts; the server inherits it."""
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        sys.exit(f"wsgi-observe demo: cannot listen on {HOST}:{port}: {reason}; try --port 0")


def _open_shop(folder: Path) -> Path:
    # Imported here, since without the extras the command still has to say what is missing.
    from wsgi_observe.demo.models import seed

    path = folder / "shop.db"
    seed(path)
    return path


def _introduce(listener: socket.socket, shop: Path) -> None:
    url = "http://{}:{}".format(*listener.getsockname())
    print(WELCOME.format(url=url, shop=shlex.quote(str(shop))), flush=True)


def _gunicorn(listener: socket.socket) -> list[str]:
    return [
        *(sys.executable, "-m", "gunicorn"),
        *("--config", "python:wsgi_observe.demo.gunicorn_conf"),
        *("--logger-class", "wsgi_observe.gunicorn.Logger"),
        *("--bind", f"fd://{listener.fileno()}"),
        "wsgi_observe.demo.wsgi:app",
    ]


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"must be from 0 to 65535, not {port}")
    return port
