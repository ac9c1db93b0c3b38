"""Objects whose own code raises what would end a thread: they cost neither it nor the line."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.fork_server import fork_server
from tests.logs.hostile import KINDS
from tests.logs.mailbox import mailbox
from tests.support import PATIENCE, eventually, strict_json

HOSTILE = "import sys; from tests.logs.hostile import main; main(*sys.argv[1:])"


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    return fork_server().run(HOSTILE, *arguments, timeout=PATIENCE)


def run(act: str, kind: str, **settings: Any) -> list[str]:
    """Have the program log to its standard output; return its lines."""
    done = start(act, kind, json.dumps(settings))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines.pop() == "done"
    return lines


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("encoder", ["json", "orjson"])
def test_each_record_of_them_has_its_line(kind: str, encoder: str) -> None:
    lines = [
        line
        for line in map(strict_json, run("log_each", kind, log_format="json", log_encoder=encoder))
        if line["level"] == "ERROR"
    ]
    texts = [line["message"] for line in lines]
    assert [text.partition(":")[0] for text in texts[:1]] == ["an argument"]
    assert texts[2:] == ["a field", "a text", "an exception"]
    assert {line["logger"] for line in lines} == {"shop"}
    assert lines[-1]["exc_type"] == "Hostile"


@pytest.mark.parametrize("kind", KINDS)
def test_the_console_shows_each_of_them(kind: str) -> None:
    text = "\n".join(run("log_each", kind, log_format="console"))
    assert [one for one in ("an argument", "a field", "a text", "an exception") if one in text]
    assert text.count("ERROR") == 5


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_that_fails_with_one_has_its_lines(kind: str) -> None:
    error, access = map(strict_json, run("fail_in_a_request", kind, log_format="json"))
    assert (error["level"], error["exc_type"]) == ("ERROR", "Hostile")
    assert (access["status_code"], access["request_id"]) == (500, error["request_id"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_check_that_fails_with_one_is_reported(kind: str) -> None:
    lines = list(map(strict_json, run("fail_in_a_check", kind, log_format="json")))
    assert [line["exc_type"] for line in lines if line.get("check") == "db"] == ["Hostile"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_of_them_is_mailed(kind: str) -> None:
    with mailbox() as box:
        host = f"127.0.0.1:{box.port}"
        run("log_each", kind, mail_to=["a@example.com"], mail_host=host, mail_from="a@example.com")
        eventually(lambda: len(box.envelopes) == 5)


@pytest.mark.parametrize("kind", KINDS)
def test_what_goes_to_sentry_does_not_end_the_thread(kind: str) -> None:
    run("send_to_sentry", kind)


def test_a_signal_while_an_object_is_read_still_stops_the_process() -> None:
    done = start("be_stopped", "Stop", "{}")
    assert "done" not in done.stdout
    assert "KeyboardInterrupt" in done.stderr
