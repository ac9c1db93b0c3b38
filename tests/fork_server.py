"""A fork server: programs of tests, each in a process that has its imports already."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from select import select

ROOT = Path(__file__).parent.parent

SERVE = f"""
import gc, json, os, sys
sys.path.insert(0, {str(ROOT)!r})
import django, flask, opentelemetry.sdk.trace, sentry_sdk.integrations, sqlalchemy
import tests.docs.run_page, tests.logs.hostile
import wsgi_observe.flask, wsgi_observe.opentelemetry, wsgi_observe.sentry
# Sentry imports each framework that is installed, to look whether it is in use.
list(sentry_sdk.integrations.iter_default_integrations(True))
gc.freeze()  # a child copies no page then only to look for garbage
for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if not child:
        break
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
else:
    sys.exit()
for number, path in enumerate((os.devnull, job["stdout"], job["stderr"])):
    opened = os.open(path, os.O_RDWR)
    os.dup2(opened, number)
    os.close(opened)
os.chdir(job["cwd"])
os.environ.clear()
os.environ.update(job["env"])
sys.argv[:] = job["argv"]
exec(compile(job["code"], "<string>", "exec"), {{"__name__": "__main__"}})
"""


class ForkServer:
    """Runs programs one at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVE],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        atexit.register(self.stop)

    def run(
        self,
        code: str,
        *arguments: str,
        timeout: float,
        cwd: Path = ROOT,
        env: Mapping[str, str] = os.environ,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, as `subprocess.run` does."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            stdout, stderr = (Path(folder) / name for name in ("stdout", "stderr"))
            stdout.touch()
            stderr.touch()
            argv = ["-c", *arguments]
            job = {"code": code, "argv": argv, "cwd": str(cwd), "env": dict(env)}
            job |= {"stdout": str(stdout), "stderr": str(stderr)}
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            if not select([self._process.stdout], [], [], timeout)[0]:
                os.killpg(self._process.pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(argv, timeout, stdout.read_text())
            status = int(self._process.stdout.readline())
            return subprocess.CompletedProcess(argv, status, stdout.read_text(), stderr.read_text())

    def stop(self) -> None:
        """End it: it reads to the end of its input."""
        self._process.communicate()


@cache
def fork_server() -> ForkServer:
    """Return the server that the tests of this process share."""
    return ForkServer()
