"""The page on several services: what a reader types beside the demo, and what is printed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.command import printed
from tests.docs.pages import PAGES, blocks, commands
from tests.docs.test_commands import BIN, START_OF_SERVICES
from tests.support import PATIENCE, running

pytest.importorskip("celery")

TYPED_BESIDE = [
    command for command in commands("services") if not re.match(START_OF_SERVICES, command)
]
WITH_OUTPUT = r"^```console\n\$ ([^\n]+)\n```\n+```text\n(.*?)^```$"


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("curl"), reason="the requests of the page are for curl")
def test_the_commands_of_the_page_print_what_it_shows(tmp_path: Path) -> None:
    demo = (str(BIN / "wsgi-observe"), "demo", "--services", "--port", "0")
    with running(*demo, env={"TMPDIR": str(tmp_path)}) as services:
        assert services.get("/ready").status == 200
        (log,) = tmp_path.rglob("demo.log")
        ports = re.findall(r"127\.0\.0\.1:(\d+)", "\n".join(printed(services, "curl -s")))
        ports = dict(zip(("8000", "8002", "8003"), (str(services.port), *ports), strict=True))

        def run(command: str) -> subprocess.CompletedProcess[str]:
            command = re.sub(r"(?<=:)800\d", lambda port: ports[port[0]], command)
            return subprocess.run(
                ["sh", "-c", command], cwd=log.parent, capture_output=True, text=True,
                env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "COLUMNS": ""},
                timeout=PATIENCE,
            )  # fmt: skip

        (crash,) = [command for command in TYPED_BESIDE if "X-Request-ID: my-crash" in command]
        tried = [line for line in printed(services, "curl -i") if "my-crash" not in line]
        assert [run(line).returncode for line in (*tried, crash)] == [0] * 5
        services.wait_for(
            lambda: [one for one in services.lines_of("my-loss") if one["level"] == "ERROR"]
        )
        shown = dict(re.findall(WITH_OUTPUT, PAGES["services"], re.S | re.M))
        assert len(shown) == len(blocks("services", "text"))
        for command in TYPED_BESIDE:
            done = run(command)
            assert done.stdout, command
            assert done.returncode == (1 if " errors " in command else 0)
            if command in shown:
                assert comparable(done.stdout) == comparable(shown[command])


def comparable(text: str) -> list[str]:
    """Return lines without their order, durations, IDs, paths and numbers."""
    text = re.sub(r"\S+(?=/demo/services/)", "", text)
    text = re.sub(r"\b[0-9a-f]{12,32}\b", "ID", text)
    text = re.sub(r"\d[\d.]*", "0", text)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return sorted(line for line in lines if not line.startswith(("...", "--")))
