"""The subcommand ``demo``: serves an observed shop on Gunicorn, and keeps its log lines."""

import argparse
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import FrameType

from wsgi_observe.cli.command import CommandError

HOST = "127.0.0.1"
LOG_NAME = "demo.log"
REQUIRED_PACKAGES = ("flask", "gunicorn", "sqlalchemy")
HELP = "serve an example shop on this machine, to try it out"
DESCRIPTION = """\
Serve an example shop with Gunicorn on 127.0.0.1, and print requests to try. Its database is in a
temporary directory, and is removed when the command is stopped (Ctrl-C). Its log lines are also in
a file there, as JSON, which stays.
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
    curl -i -H 'X-Request-ID: my-crash' {url}/crash
    curl -i {url}/report/broken

  from the ID to the cause, and all failures in groups; the file stays when the demo is stopped
    wsgi-observe trace my-crash {log}
    wsgi-observe errors {log}

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
    process = _StoppableProcess()
    _require_extras()
    with _create_listener(args.port) as listener, _create_folder() as folder:
        _print_welcome(listener, _create_database(folder), folder / LOG_NAME)
        return process.run(_gunicorn_command(listener), folder, listener)


class _StoppableProcess:
    """A child process that signals stop instead of this one, which then cleans up and exits.

    A signal that comes early stops the child as soon as it has started.
    """

    def __init__(self) -> None:
        self._is_stop_requested = False
        self._child: subprocess.Popen[bytes] | None = None
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, self._stop)

    def run(self, command: Sequence[str], cwd: Path, listener: socket.socket) -> int:
        """Run a server until it exits, and return its exit code; 0 if a signal has stopped it.

        :param listener: its listening socket, which it inherits.
        """
        # In a session of its own the server does not see the Ctrl-C of the terminal,
        # which every process of the foreground would get: it gets one signal, from us.
        self._child = subprocess.Popen(
            command,
            cwd=cwd,
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        listener.close()  # or clients would wait in its queue while the server stops
        if self._is_stop_requested:
            self._child.terminate()
        code = self._child.wait()
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGTERM)  # workers that outlive a killed server
        if self._is_stop_requested:
            return 0
        return code if code >= 0 else 128 - code  # as a shell reports the end by a signal

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self._is_stop_requested = True
        if self._child:
            self._child.terminate()


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


@contextmanager
def _create_folder() -> Iterator[Path]:
    """Create a directory, and in the end remove all but the log file, if that has lines."""
    folder = Path(tempfile.mkdtemp(prefix="wsgi-observe-demo-"))
    log = folder / LOG_NAME
    try:
        yield folder
    finally:
        if log.is_file() and log.stat().st_size:
            for path in folder.iterdir():
                if path != log:
                    path.unlink()
            with suppress(OSError):  # a terminal that was closed; unbuffered, or it fails at exit
                os.write(1, os.fsencode(f"\nThe log lines of the demo are in {log}\n"))
        else:
            shutil.rmtree(folder)


def _create_database(folder: Path) -> Path:
    # Imported here: without the extra, the command reports what is missing.
    from wsgi_observe.demo.models import seed

    path = folder / "shop.db"
    seed(path)
    return path


def _print_welcome(listener: socket.socket, shop: Path, log: Path) -> None:
    url = "http://{}:{}".format(*listener.getsockname())
    paths = {"shop": shlex.quote(str(shop)), "log": shlex.quote(str(log))}
    print(WELCOME.format(url=url, **paths), flush=True)


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
