"""The commands that read logs, as processes."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.cli.command import COMMAND

TIMEOUT = 20
ESCAPES = re.compile(r"[^\x20-\x7e\n█▁▂▃▄▅▆▇…]")
"""What no terminal may get from a log."""


def run(
    *arguments: str | Path, stdin: str | bytes = "", **env: str
) -> subprocess.CompletedProcess[str]:
    data = stdin.encode() if isinstance(stdin, str) else stdin
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    done = subprocess.run(
        [*COMMAND, *arguments],
        input=data, env=environment | env, capture_output=True, check=False, timeout=TIMEOUT,
    )  # fmt: skip
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def write(path: Path, lines: Iterable[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path
