"""The command's front door."""

import subprocess

from tests.cli.command import COMMAND


def test_help_names_every_subcommand() -> None:
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True)
    assert "demo" in done.stdout


def test_a_command_without_a_subcommand_says_how_to_use_it() -> None:
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: wsgi-observe")
