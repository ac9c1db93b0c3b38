"""The command and its help."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import COMMAND
from tests.logreader.log_lines import FAILED_REQUEST, ID
from wsgi_observe.cli import SUBCOMMANDS, load_subcommand


def test_help_names_every_subcommand() -> None:
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True)
    for name in SUBCOMMANDS:
        assert f"    {name:10}{load_subcommand(name).HELP}\n" in done.stdout


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_help_of_a_subcommand_has_an_example(name: str) -> None:
    done = subprocess.run([*COMMAND, name, "--help"], capture_output=True, text=True, check=True)
    assert f"  wsgi-observe {name} " in done.stdout.partition("example")[2]


def test_a_command_without_a_subcommand_says_how_to_use_it() -> None:
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: wsgi-observe")


READERS = {
    "trace": ["trace", ID],
    "trace as JSON": ["trace", ID, "--json"],
    "trace as a page": ["trace", ID, "--html", "-"],
    "errors": ["errors"],
    "errors as JSON": ["errors", "--json"],
    "errors as a page": ["errors", "--html", "-"],
    "tail": ["tail", "--no-follow"],
}


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "shop.log"
    path.write_text("\n".join(FAILED_REQUEST))
    return str(path)


def run_in_shell(redirection: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", "-c", f'"$@" {redirection}', "sh", *COMMAND, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("redirection", "reason"),
    [(">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")],
    ids=["full", "closed"],
)
def test_output_that_cannot_be_written_is_one_line(
    name: str, redirection: str, reason: str, log: str
) -> None:
    done = run_in_shell(redirection, *READERS[name], log)
    subcommand = READERS[name][0]
    expected = f"wsgi-observe {subcommand}: cannot write the output: {reason}\n"
    assert (done.returncode, done.stderr) == (2, expected)


@pytest.mark.parametrize("name", READERS)
def test_standard_error_may_be_closed(name: str, log: str) -> None:
    done = run_in_shell("2>&-", *READERS[name], log)
    assert done.returncode == (READERS[name][0] == "errors")
    assert done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("files", [[], ["-"]], ids=["by default", "named"])
def test_standard_input_that_is_closed_is_an_error(name: str, files: list[str]) -> None:
    done = run_in_shell("<&-", *READERS[name], *files)
    assert done.returncode == 2
    assert done.stderr.startswith(f"wsgi-observe {READERS[name][0]}: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("columns", ["0", "-5", "²", "9" * 5000, "x", ""])
def test_columns_that_are_no_width_are_ignored(columns: str, log: str) -> None:
    environment = {**os.environ, "COLUMNS": columns}
    command = [*COMMAND, "trace", ID, log]
    text = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert max(map(len, text.stdout.splitlines())) > 80


def test_without_colours_a_terminal_gets_no_styles_either(log: str) -> None:
    code = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"
    command = [sys.executable, "-c", code, *COMMAND, "trace", ID, log]
    shown = {
        value: subprocess.run(
            command,
            capture_output=True, check=True, stdin=subprocess.DEVNULL, timeout=20,
            env={**os.environ, "TERM": "xterm", "NO_COLOR": value},
        ).stdout
        for value in ("", "1")
    }  # fmt: skip
    assert b"\x1b[" in shown[""]
    assert b"\x1b" not in shown["1"]


def test_options_may_be_before_between_and_behind_the_id_and_the_files(log: str) -> None:
    orders = (["--json", ID, log], [ID, "--json", log], [ID, log, "--json"])
    shown = {
        subprocess.run([*COMMAND, "trace", *order], capture_output=True, check=True).stdout
        for order in orders
    }
    assert len(shown) == 1


def test_a_missing_id_is_all_that_is_missing() -> None:
    done = subprocess.run([*COMMAND, "trace"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(": error: the following arguments are required: ID\n")
