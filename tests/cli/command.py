"""The command as these tests call it, and what the demo leaves and prints."""

import sys
from pathlib import Path

from tests.support import Server

COMMAND = (sys.executable, "-m", "wsgi_observe")
DEMO = (*COMMAND, "demo", "--port", "0")


def only_log(folder: Path) -> Path:
    """Return the log file of a demo that has ended, the only file that it leaves."""
    (path,) = [path for path in folder.rglob("*") if path.is_file()]
    assert path.name == "demo.log"
    return path


def printed(demo: Server, program: str) -> list[str]:
    """Return the commands that it prints to try, each on one line."""
    text = "\n".join(demo.lines).replace("\\\n", "")
    return [line for line in text.splitlines() if line.startswith(f"    {program} ")]
