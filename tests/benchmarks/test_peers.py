"""Each peer does the job that the table says, in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.peers import PEERS, Peer

ROOT = Path(__file__).parent.parent.parent

CODE = """
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
def test_a_peer_answers_and_writes_the_line_that_its_job_says(peer: Peer) -> None:
    command = [sys.executable, "-c", CODE, peer.make]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    *lines, sends_id = (done.stderr + done.stdout).splitlines()
    assert len(lines) == ("line" in peer.job and "no line" not in peer.job)
    assert [line for line in lines if "{" not in line] == [
        line for line in lines if "JSON" not in peer.job
    ]
    assert (sends_id == "True") == peer.job.startswith("ID,")
