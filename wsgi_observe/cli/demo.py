"""The subcommand ``demo``: serves an observed shop on Gunicorn, and keeps its log lines."""

import argparse
import os
import shlex
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path

from wsgi_observe.cli.child_processes import ChildProcesses
from wsgi_observe.cli.command import CommandError
from wsgi_observe.cli.demo_servers import HOST, SERVICES, SHOP, Servers, get_url

DATABASE_NAME = "shop.db"
LOG_NAME = "demo.log"
HELP = "serve an example shop on this machine, to try it out"
DESCRIPTION = """\
Serve an example shop with Gunicorn on 127.0.0.1, and print requests to try. Its database is in a
temporary directory, and is removed when the command is stopped (Ctrl-C). Its log lines are also in
a file there, as JSON, which stays.
It needs the extra: pip install 'wsgi-observe[demo]'

With --services the shop has its orders paid by a second service, and their receipts sent by a
Celery worker. That needs the extra: pip install 'wsgi-observe[services]'

examples:
  wsgi-observe demo --port 8080
  wsgi-observe demo --services
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this subcommand."""
    parser.add_argument(
        "--port",
        type=_parse_port,
        default=8000,
        metavar="N",
        help="port to listen on, 0 for any free one (default: 8000); "
        "with --services the first of four",
    )
    parser.add_argument("--services", action="store_true", help="run three services, with metrics")
    parser.add_argument(
        "--broker",
        metavar="URL",
        help="broker of --services, such as redis://localhost "
        "(default: $CELERY_BROKER_URL, or files in the temporary directory)",
    )


def run(args: argparse.Namespace) -> int:
    """Serve the demo until it is stopped, and return its exit code."""
    if args.broker and not args.services:
        raise CommandError("--broker is for --services", 2)
    broker = args.broker or os.environ.get("CELERY_BROKER_URL") or "filesystem://localhost/"
    processes = ChildProcesses()
    servers = SERVICES if args.services else SHOP
    _require_extra(servers)
    from wsgi_observe.demo.models import seed

    with _create_listeners(servers, args.port) as listeners, _create_folder() as folder:
        seed(folder / DATABASE_NAME)
        urls = {name: get_url(listener) for name, listener in listeners.items()}
        database, log = (shlex.quote(str(folder / name)) for name in (DATABASE_NAME, LOG_NAME))
        print(servers.welcome.format(**urls, database=database, log=log), flush=True)
        processes.start(servers.make_children(listeners, broker), folder)
        for listener in listeners.values():
            listener.close()  # or clients would wait in its queue while the server stops
        return processes.wait()


def _require_extra(servers: Servers) -> None:
    try:
        for package in servers.packages:
            import_module(package)
    except ModuleNotFoundError as missing:
        raise CommandError(
            f"{missing.name} is not installed; run: pip install 'wsgi-observe[{servers.extra}]'"
        ) from missing


@contextmanager
def _create_listeners(servers: Servers, port: int) -> Iterator[dict[str, socket.socket]]:
    """Take the ports before anything else starts; the servers inherit them."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(_create_listener(port and port + number))
            for number, name in enumerate(servers.ports)
        }


def _create_listener(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OverflowError as error:
        raise CommandError(f"there is no port {port}; --port is the first of four") from error
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise CommandError(f"cannot listen on {HOST}:{port}: {reason}; try --port 0") from error


@contextmanager
def _create_folder() -> Iterator[Path]:
    """Create a directory, and in the end remove all but the log file, if that has lines."""
    folder = Path(tempfile.mkdtemp(prefix="wsgi-observe-demo-"))
    log = folder / LOG_NAME
    try:
        yield folder
    finally:
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path != log or not path.stat().st_size:
                path.unlink()
        if log.exists():
            with suppress(OSError):  # a terminal that was closed; unbuffered, or it fails at exit
                os.write(1, os.fsencode(f"\nThe log lines of the demo are in {log}\n"))
        else:
            folder.rmdir()


def _parse_port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"must be from 0 to 65535, not {port}")
    return port
