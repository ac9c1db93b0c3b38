"""The directory of prometheus-client's files: made before the fork, removed at the end."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "wsgi_observe-metrics-"


class MetricsDirectory:
    """Files in which the workers count, and which another process adds up.

    The environment names the directory, so that the app's own metrics are in it, too. A directory
    that the user has named is emptied at the start.

    :raises OSError: where it cannot be made.
    """

    def __init__(self, cfg: Any) -> None:
        self._arbiter_pid = os.getpid()
        given = os.environ.get(_VARIABLE, "")
        # One that an earlier arbiter has made is in the environment after an upgrade (USR2).
        self._is_own = not given or Path(given).name.startswith(_PREFIX)
        if self._is_own:
            self.path = _make(_find_parent(cfg), (os.geteuid(), cfg.uid))
        else:
            self.path = Path(given)
            self.path.mkdir(parents=True, exist_ok=True)
            if "GUNICORN_PID" not in os.environ:  # an arbiter that is being replaced still counts
                _remove_files(self.path, "*.db")
        self._lock_descriptor = _lock(self.path) if self._is_own else None
        if os.geteuid() == 0:
            os.chown(self.path, cfg.uid, cfg.gid)
        os.environ[_VARIABLE] = str(self.path)

    def end_process(self, *identifiers: object) -> None:
        """Remove what holds only while a process runs, as prometheus-client's function does.

        The client itself is not imported in the arbiter, where gevent has not patched its locks.
        """
        for identifier in identifiers:
            _remove_files(self.path, f"gauge_live*_{identifier}.db")

    def close(self) -> None:
        """Remove the directory, unless it is the user's."""
        if self._is_own and os.getpid() == self._arbiter_pid:
            shutil.rmtree(self.path, ignore_errors=True)


def _find_parent(cfg: Any) -> str:
    """Return a directory for small files that are written often: in memory where there is one."""
    candidates = (cfg.worker_tmp_dir, "/dev/shm")
    parent = next((one for one in candidates if one and os.access(one, os.W_OK)), None)
    return parent or tempfile.gettempdir()  # which raises where nothing else is writable


def _make(parent: str, owners: tuple[int, int]) -> Path:
    """Make a directory; remove those of these owners whose server was killed and could not."""
    for stale in Path(parent).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            descriptor = _lock(stale)
            if os.fstat(descriptor).st_uid in owners:
                shutil.rmtree(stale, ignore_errors=True)
            os.close(descriptor)
    return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))


def _lock(directory: Path) -> int:
    """Lock a directory for as long as a process of this server runs.

    :raises OSError: where another server has locked it, and for what is no directory: anybody may
        make a link in a directory for temporary files.
    """
    descriptor = os.open(directory, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _remove_files(directory: Path, pattern: str) -> None:
    for file in directory.glob(pattern):
        file.unlink(missing_ok=True)
