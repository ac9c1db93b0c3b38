"""The subcommand ``lnav``: installs the format file for lnav, a log viewer."""

import argparse
import os
from importlib.resources import files
from pathlib import Path

from wsgi_observe.cli.command import CommandError

FORMAT_NAME = "wsgi_observe_log"
HELP = "install the format file with which lnav reads the log lines"
DESCRIPTION = """\
Install a format file for lnav, a log viewer for the terminal (https://lnav.org): levels, times,
request IDs as lnav's operations, tracebacks, and the fields as columns of the table
wsgi_observe_log. Without an option, print what --install would do.

examples:
  wsgi-observe lnav --install
  wsgi-observe lnav --print >wsgi_observe_log.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this subcommand."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--install", action="store_true", help="write the file to lnav's configuration directory"
    )
    group.add_argument("--print", action="store_true", help="print the file")
    parser.add_argument(
        "--force", action="store_true", help="with --install: replace a file that differs"
    )


def run(args: argparse.Namespace) -> int:
    """Install or print the format file, or print what would be done."""
    if args.force and not args.install:
        raise CommandError("--force is for --install")
    text = files(__package__).joinpath(f"{FORMAT_NAME}.json").read_text(encoding="utf-8")
    if args.print:
        print(text, end="")
        return 0
    # As `lnav -i` names it, so that neither adds a second format of that name.
    path = _config_directory() / "formats" / "installed" / f"{FORMAT_NAME}.json"
    present = _read(path)
    difference = (
        f"{path} differs from the file of this version, by a change of yours or by an update: "
        "--install --force replaces it"
    )
    if present == text:
        print(f"{path} is up to date{'' if args.install else ': --install would change nothing'}")
    elif not args.install:
        print(f"--install would write {path}" if present is None else difference)
    elif present is None or args.force:
        _write(path, text)
        print(f"{path} was {'written' if present is None else 'replaced'}; now run: lnav FILE")
    else:
        raise CommandError(f"{difference}; it was not changed")
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error


def _read(path: Path) -> str | None:
    """Return the text of the installed file; None where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error


def _config_directory() -> Path:
    """Return the directory that lnav reads, by the rules of its own ``dotlnav()``."""
    home = Path(os.environ.get("HOME", ""))
    if not (os.environ.get("HOME") and home.is_dir()):
        raise CommandError("HOME is not a directory; use --print, and lnav -i with that file")
    dot_lnav = home / ".lnav"
    if dot_lnav.is_dir():
        return dot_lnav
    candidates = (Path(os.environ.get("XDG_CONFIG_HOME") or os.devnull), home / ".config")
    return next((one / "lnav" for one in candidates if one.is_dir()), dot_lnav)
