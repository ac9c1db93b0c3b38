"""`wsgi-observe tail`: a log as it comes, in the form for people."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.cli.command import COMMAND
from tests.cli.log_commands import ESCAPES, run, write
from tests.cli.test_trace import HOSTILE
from tests.logreader.log_lines import ID, access_line, continued_lines, error_line, line
from tests.support import eventually
from wsgi_observe.cli import main

LINES = [line(at=0.1, order_id=7), error_line(), access_line(), "  plain\ttext"]


def tail(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> list[str]:
    assert main(["tail", "--no-follow", *map(str, arguments)]) == 0
    return capsys.readouterr().out.splitlines()


def test_lines_have_the_console_form_and_those_of_others_are_passed_through() -> None:
    done = run("tail", stdin="\n".join(LINES))
    assert (done.returncode, done.stderr) == (0, "")
    first, second, third, *traceback, access, other = done.stdout.splitlines()
    assert first.startswith("02:06:44.100 INFO    74e8730a shop: order read  ")
    assert "order_id=7" in first
    assert second.startswith("02:06:44.400 ERROR   74e8730a shop: Exception on /crash [GET]")
    assert third == "    Traceback (most recent call last):"
    assert traceback[-1] == "    shop.prices.PaymentError: no charges"
    assert access.startswith("02:06:44.500 INFO    74e8730a wsgi_observe.access: GET /crash 500")
    assert other == "  plain    text"


def other(**fields: Any) -> str:
    return access_line(**{"request_id": "x" * 32, **fields})


FILTERS: dict[str, tuple[list[str], list[str]]] = {
    "an ID": (["--id", ID], [line("mine", request_id=ID)]),
    "the beginning of an ID": (["--id", ID[:9]], [line("mine", request_id=ID)]),
    "the end of an ID": (["--id", ID[-8:]], [line("mine", request_id=ID)]),
    "a level": (["--level", "warning"], [other(level="WARNING"), other(level="CRITICAL")]),
    "a class of statuses": (["--status", "5xx"], [other(status=503), other(status=500)]),
    "statuses": (["--status", "404,40x"], [other(status=404), other(status=401)]),
    "a route": (["--route", "/o/<id>"], [other(route="/o/<id>")]),
    "a pattern of paths": (["--route", "/o/*"], [other(route=None, path="/o/7")]),
    "a service": (["--service", "cart"], [other(service="cart")]),
    "a time": (
        ["--since", "2026-11-29T02:07:44Z", "--until", "2026-11-29T02:07:45Z"],
        [line("mine", 60), line("mine", 61)],
    ),
    "a duration": (["--slow", "700ms"], [other(duration_ms=700), line("slow", age=0.8)]),
    "all of it": (
        ["--slow", "1", "--status", "2xx", "--level", "INFO"],
        [other(status=200, duration_ms=1000)],
    ),
}


@pytest.mark.parametrize("name", FILTERS)
def test_lines_that_do_not_pass_the_filters_are_left_out(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, passing = FILTERS[name]
    fast = {"status": 302, "duration_ms": 1, "request_id": "y", "level": "DEBUG"}
    failing = [other(**fast | {"route": "/p"}), line("x", level="DEBUG", request_id="z"), "plain"]
    log = write(tmp_path / "log", [*failing, *passing, *failing])
    assert len(tail(capsys, *arguments, log)) == len(passing)
    assert len(tail(capsys, *arguments, "--others", log)) == len(passing) + 2


def test_continuation_lines_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shown,) = tail(capsys, write(tmp_path / "log", continued_lines("long " * 3000)))
    assert "truncated=True" in shown


def test_nothing_of_a_log_reaches_the_terminal_as_a_control_sequence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fields = dict.fromkeys(("message", "logger", "level", "path", "timestamp"), HOSTILE)
    fields |= dict.fromkeys(("request_id", "status_code", "exc_info", HOSTILE), HOSTILE)
    lines = [access_line(**fields), error_line(**fields), f"{HOSTILE}", "é" * 9]
    log = write(tmp_path / "log", lines)
    with log.open("ab") as file:
        file.write(b"\xff\xfe\x00\x80\x9b\n" + b"y" * 10_000_000 + b"\n")
    shown = tail(capsys, log)
    assert len(shown) == 8  # two of them have a traceback's line
    assert ESCAPES.findall("\n".join(shown).replace("é", "").replace("\ufffd", "")) == []
    assert max(map(len, shown)) <= 20_000


@pytest.mark.parametrize(
    "fields",
    [
        {"message": "x" * 10_000_000},
        {f"f{number}": "x" * 1000 for number in range(1000)},
        {"message": None, "logger": None},
        {"status_code": {}, "duration_ms": [], "exc_info": {}},
        {"nested": json.loads("[" * 500 + "]" * 500)},
        {"number": 1e999},
    ],
    ids=["10 MB", "1000 fields", "nulls", "objects", "nested", "infinite"],
)
def test_a_record_with_hostile_values_is_one_bounded_line(
    fields: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = tail(capsys, write(tmp_path / "log", [line(**fields), line()]))
    assert len(shown) == 2 + ("exc_info" in fields)
    assert max(map(len, shown)) < 250_000


def test_color_is_for_terminals_or_when_it_is_forced() -> None:
    colored = run("tail", stdin=LINES[2], FORCE_COLOR="1").stdout
    assert "\x1b[31m500\x1b[0m" in colored
    assert "\x1b" not in run("tail", stdin=LINES[2], FORCE_COLOR="1", NO_COLOR="1").stdout
    assert "\x1b" not in run("tail", stdin=LINES[2], TERM="xterm").stdout


class Tail:
    """A running command, and what it has printed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reader = Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, ""))

    def wait_for(self, text: str) -> None:
        eventually(lambda: any(text in one for one in self.lines))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(20)
        self._reader.join()
        return code


@contextmanager
def following(*arguments: str | Path) -> Iterator[Tail]:
    with subprocess.Popen(
        [*COMMAND, "tail", *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        running = Tail(process)
        try:
            yield running
        finally:
            if process.poll() is None:
                running.stop()


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(f"{text}\n")


def test_a_file_is_followed_through_rotation_until_ctrl_c(tmp_path: Path) -> None:
    log = write(tmp_path / "shop.log", [line(f"old {number}") for number in range(50)])
    with following("-n", "3", log) as running:
        running.wait_for("old 49")
        assert [one.split(": ")[1].split("  ")[0] for one in running.lines] == [
            *("old 47", "old 48", "old 49"),
        ]
        append(log, line("appended"))
        running.wait_for("appended")
        log.rename(tmp_path / "shop.log.1")
        append(log, line("rotated", at=12345))
        running.wait_for("rotated")
        log.write_text("")
        append(log, line("cut"))
        running.wait_for("cut")
        assert running.stop() == 130
        assert running.process.stderr is not None
        assert running.process.stderr.read() == ""


def test_a_pipe_is_shown_line_by_line_as_it_comes() -> None:
    with following() as running:
        assert running.process.stdin is not None
        for message in ("first", "second"):
            running.process.stdin.write(line(message) + "\n")
            running.process.stdin.flush()
            running.wait_for(message)
        running.process.stdin.close()
        assert running.process.wait(20) == 0


@pytest.mark.parametrize("command", [["tail"], ["errors"], ["trace", ID]], ids=lambda one: one[0])
def test_ctrl_c_ends_a_command_without_a_word(command: list[str]) -> None:
    with subprocess.Popen(
        [*COMMAND, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        eventually(lambda: _waits_for_input(process.pid))
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=20)
        assert (process.returncode, out, error) == (130, b"", b"")


def _waits_for_input(pid: int) -> bool:
    return Path(f"/proc/{pid}/wchan").read_text() in ("pipe_read", "anon_pipe_read", "pipe_wait")


@pytest.mark.parametrize("command", [["tail"], ["errors"], ["trace", ID]], ids=lambda one: one[0])
def test_a_reader_that_closes_the_pipe_ends_a_command_without_a_word(command: list[str]) -> None:
    lines = [error_line(error_id=str(at), at=at / 10) for at in range(2000)]
    read, write_end = os.pipe()
    with subprocess.Popen(
        [*COMMAND, *command], stdin=subprocess.PIPE, stdout=write_end, stderr=subprocess.PIPE
    ) as process:
        os.close(write_end)
        assert process.stdin is not None
        os.close(read)  # as `head` does when it has enough
        _, error = process.communicate("\n".join(lines).encode(), timeout=20)
        assert (process.returncode, error) == (141, b"")


def test_a_file_that_cannot_be_read_is_exit_code_two(tmp_path: Path) -> None:
    done = run("tail", tmp_path / "none")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("none: it is not a file\n")


@pytest.mark.parametrize(
    "arguments",
    [["--level", "LOUD"], ["--status", "9"], ["--slow", "soon"], ["-n", "few"]],
    ids=lambda one: one[0],
)
def test_a_filter_that_is_none_is_refused(arguments: list[str]) -> None:
    done = run("tail", *arguments)
    assert done.returncode == 2
    assert f"argument {arguments[0]}" in done.stderr


def test_a_stack_is_below_its_line() -> None:
    stack = 'File "/srv/shop.py", line 9, in wait\n  lock.acquire()'
    first, *below = run("tail", stdin=line("slow", stack=stack, age=1)).stdout.splitlines()
    assert first.endswith(" shop: slow  route=/crash  age=1")
    assert below == ['    File "/srv/shop.py", line 9, in wait', "      lock.acquire()"]


def test_lines_that_are_too_long_to_be_read_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("wsgi_observe.logreader.blocks.MAX_LINE_BYTES", 1_000_000)
    log = write(tmp_path / "log", [line("x" * 3_000_000), line("read")])
    assert main(["tail", "--no-follow", str(log)]) == 2
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1
    assert printed.err.endswith("log: lines too long to be read: 1\n")
