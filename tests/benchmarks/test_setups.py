"""Each set-up that is compared does what its row says, in a process of its own."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from benchmarks.log_lines import KINDS, SETUPS
from benchmarks.peers import PEERS, Peer
from tests.support import strict_json

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent


@cache
def run(code: str, *arguments: str) -> tuple[str, str]:
    """Return what a program wrote to stdout and stderr."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


LINES = """
import sys
from benchmarks.log_lines import KINDS, SETUPS, failing, running_request_context

inside = running_request_context()
line = inside.run(SETUPS[sys.argv[1]])
for kind in KINDS.values():
    call = line(kind)
    inside.run(failing(call) if kind.traceback else call)
"""
WRITERS = [setup for setup in SETUPS if "nothing" not in setup]


@pytest.mark.parametrize("setup", WRITERS)
def test_every_logger_writes_the_request_and_the_fields_of_each_kind(setup: str) -> None:
    lines = [strict_json(line) for line in run(LINES, setup)[0].splitlines()]
    for line, (name, kind) in zip(lines, KINDS.items(), strict=True):
        known = {"method": "GET", "path": "/orders", "remote_addr": "127.0.0.1"}
        assert known.items() <= line.items()
        assert line.keys() >= {"request_id", "level", "timestamp"} | kind.fields.keys()
        traceback = line.get("exc_info") or line.get("exception") or ""
        assert ("an order without a total" in traceback) == (name == "traceback")


@pytest.mark.parametrize("setup", WRITERS)
def test_only_ours_takes_secrets_out(setup: str) -> None:
    is_ours = setup.startswith("wsgi_observe") and "off" not in setup
    assert ("hunter2" in run(LINES, setup)[0]) != is_ours


PEER = """
import sys
from importlib import import_module
from werkzeug.test import Client
module, _, function = sys.argv[1].partition(".")
app = getattr(import_module("benchmarks.peers." + module), function)()
answer = Client(app).get("/", buffered=True)
assert (answer.status_code, answer.json) == (200, {"hello": "world"})
print("X-Request-ID" in answer.headers)
"""
HERE = [peer for peer in PEERS if not peer.requirements]


@pytest.mark.parametrize("peer", HERE, ids=[peer.name for peer in HERE])
def test_a_peer_answers_and_writes_the_line_that_its_job_has(peer: Peer) -> None:
    output, errors = run(PEER, peer.make)
    *lines, sends_id = (errors + output).splitlines()
    assert len(lines) == ("line" in peer.job and "no line" not in peer.job)
    assert [line for line in lines if "{" not in line] == [
        line for line in lines if "JSON" not in peer.job
    ]
    assert (sends_id == "True") == peer.job.startswith("ID,")


PATH = """
import sys
from benchmarks import request_path as path
from wsgi_observe import configure_logging

configure_logging(log_format="json", capture_uncaught=False)
for name, call in (path.bare() | path.logged() | path.silent()).items():
    print("==", name, flush=True)
    print("==", name, file=sys.stderr, flush=True)
    call()
"""


@pytest.fixture(scope="module")
def written() -> dict[str, tuple[list[str], list[str]]]:
    """Return what one call of each subject wrote to stdout and stderr."""
    out, err = map(_by_name, run(PATH))
    return {name: (lines, err[name]) for name, lines in out.items()}


def _by_name(output: str) -> dict[str, list[str]]:
    parts = [part.splitlines() for part in output.split("== ")[1:]]
    return {part[0]: part[1:] for part in parts}


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        pytest.param("Flask", [], id="bare"),
        pytest.param("Flask, stack", [], id="no line"),
        pytest.param("Flask, stack with line", [200], id="a line"),
        pytest.param("Flask, Observe with line", [200], id="Observe"),
        pytest.param("trivial, stack silenced", [], id="silenced"),
        pytest.param("trivial 404, stack", [404], id="404"),
        pytest.param("Flask 404, Observe", [404], id="404 on Flask"),
        pytest.param("trivial raising, stack", [None, 500], id="500"),
        pytest.param("Flask 500, Observe", [None, 500], id="500 on Flask"),
        pytest.param("health", [], id="health"),
        pytest.param("ready", [], id="readiness"),
        pytest.param("stream, stack", [], id="stream"),
        pytest.param("file, stack", [], id="file"),
    ],
)
def test_a_subject_writes_the_lines_that_belong_to_it(
    written: dict[str, tuple[list[str], list[str]]], name: str, statuses: list[int | None]
) -> None:
    lines, errors = written[name]
    found = [strict_json(line) for line in lines]
    assert ([line.get("status_code") for line in found], errors) == (statuses, [])
    assert [("exc_info" in line) for line in found] == [status is None for status in statuses]


def test_a_bare_flask_app_logs_its_500_in_its_own_way(
    written: dict[str, tuple[list[str], list[str]]],
) -> None:
    lines, errors = written["Flask 500"]
    assert lines == []
    assert errors[-1] == "ValueError: no"
