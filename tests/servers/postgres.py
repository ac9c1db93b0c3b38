"""A PostgreSQL server of the tests' own: started, suspended, killed and brought back."""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from tests.support import PATIENCE, descendants, eventually


def binaries() -> Path | None:
    """The directory of the newest PostgreSQL here; Debian keeps it off the PATH."""
    found = [Path(path) for path in [shutil.which("initdb")] if path is not None]
    packaged = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    found += sorted(packaged, key=lambda path: float(path.parts[-3]), reverse=True)
    return found[0].resolve().parent if found else None


def free_port() -> int:
    """A port that stays free while the server is down: none that clients are given."""
    for port in random.sample(range(10_000, 30_000), 100):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no free port was found")


class Postgres:
    """A server, on a free port of this machine."""

    def __init__(self, directory: Path) -> None:
        programs = binaries()
        assert programs is not None, "there is no PostgreSQL here"
        self._programs = programs
        self._data = directory / "data"
        # It refuses to run as root.
        self._who: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(directory, user.pw_uid, user.pw_gid)
            self._who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self.port = free_port()
        command = ["-D", str(self._data), "-U", "shop", "-A", "trust", "--no-sync"]
        subprocess.run(
            [str(programs / "initdb"), *command],
            cwd=directory,
            check=True,
            capture_output=True,
            **self._who,
        )
        self.start()

    @property
    def address(self) -> str:
        """How it is reached, as libpq and psycopg have it."""
        return f"host=127.0.0.1 port={self.port} user=shop dbname=postgres connect_timeout=2"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = ["-p", str(self.port), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        self._process = subprocess.Popen(
            [str(self._programs / "postgres"), "-D", str(self._data), "-k", "", *options],
            cwd=self._data,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._who,
        )
        eventually(self._answers)

    def tell(self, message: signal.Signals) -> None:
        """Send a signal to the server and each of its backends, which are sessions of their own."""
        for pid in [self._process.pid, *descendants(self._process.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, message)

    def kill(self) -> None:
        """Make an end of it."""
        self.tell(signal.SIGKILL)
        self._process.wait(PATIENCE)

    def connections(self) -> set[str]:
        """The clients' ends of the established connections to it, as the kernel lists them."""
        # A set: the kernel lists one twice when others come and go between two of our reads.
        rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        port = f":{self.port:04X}"
        return {
            f"{row[1]} uid {row[7]}" for row in rows if row[2].endswith(port) and row[3] == "01"
        }

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.address) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Start a server with a new, empty database."""
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as directory:
        server = Postgres(Path(directory))
        try:
            yield server
        finally:
            server.kill()
