"""The command and its help."""

import subprocess

import pytest

from tests.cli.command import COMMAND
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
