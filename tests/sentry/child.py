"""A process with Sentry in it: Sentry's hooks stay for as long as a process lives."""

from __future__ import annotations

import os
import subprocess
import textwrap

from tests.fork_server import fork_server
from tests.sentry.endpoint import Endpoint
from tests.support import PATIENCE

PRELUDE = """
import logging, sys, threading
import sentry_sdk
from tests.calls import call_freely as call
from wsgi_observe import *
from wsgi_observe.sentry import ObserveIntegration, init_sentry, scrub
configure_logging(log_format="json")
"""


def run(
    endpoint: Endpoint, script: str, dsn: str | None = None, ends: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run a script to its end, by when Sentry has sent all it had."""
    code = PRELUDE + textwrap.dedent(script)
    env = {**os.environ, "SENTRY_DSN": endpoint.dsn if dsn is None else dsn}
    process = fork_server().run(code, env=env, timeout=PATIENCE * 2)
    assert process.returncode == ends, process.stdout + process.stderr
    return process
