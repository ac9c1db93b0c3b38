"""The set-ups that are compared write the same line."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.loggers import KINDS, SETUPS
from tests.support import strict_json

ROOT = Path(__file__).parent.parent.parent

CODE = """
import sys
from benchmarks.lines import failing, request_in_flight
from benchmarks.loggers import KINDS, SETUPS

inside = request_in_flight()
line = inside.run(SETUPS[sys.argv[1]])
for kind in KINDS.values():
    call = line(kind)
    inside.run(failing(call) if kind.traceback else call)
"""


WRITERS = [setup for setup in SETUPS if "nothing" not in setup]


@pytest.mark.parametrize("setup", WRITERS)
def test_every_setup_tells_the_request_and_the_fields_of_each_kind(setup: str) -> None:
    command = [sys.executable, "-c", CODE, setup]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [strict_json(line) for line in done.stdout.splitlines()]
    for line, (name, kind) in zip(lines, KINDS.items(), strict=True):
        known = {"method": "GET", "path": "/orders", "remote_addr": "127.0.0.1"}
        assert known.items() <= line.items()
        assert line.keys() >= {"request_id", "level", "timestamp"} | kind.fields.keys()
        traceback = line.get("exc_info") or line.get("exception") or ""
        assert ("an order without a total" in traceback) == (name == "traceback")


@pytest.mark.parametrize("setup", WRITERS)
def test_only_ours_takes_secrets_out(setup: str) -> None:
    command = [sys.executable, "-c", CODE, setup]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    is_ours = setup.startswith("wsgi_observe") and "off" not in setup
    assert ("hunter2" in done.stdout) != is_ours
