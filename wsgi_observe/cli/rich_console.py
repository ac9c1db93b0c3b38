"""Rich's console as these commands use it: nothing of a log is markup, pipes are not wrapped."""

import os
import re
import sys

from rich.console import Console
from rich.text import Text

from wsgi_observe.logs.formatters.truncation import escape_control_characters

_columns = re.compile(r"[1-9][0-9]{0,5}")
_UNLIMITED_WIDTH = 1_000_000  # where nothing is wrapped


class LogConsole(Console):
    """A console on standard output, or on standard error."""

    def __init__(self, *, stderr: bool = False) -> None:
        stream = sys.stderr if stderr else sys.stdout
        columns = os.environ.get("COLUMNS", "")
        width = None if stream.isatty() else _UNLIMITED_WIDTH
        super().__init__(
            stderr=stderr,
            width=int(columns) if _columns.fullmatch(columns) else width,
            # Without colours, no other styles either. Rich would end with an error if COLUMNS
            # is 0.
            color_system=None if os.environ.get("NO_COLOR") else "auto",
            _environ={name: os.environ[name] for name in os.environ if name != "COLUMNS"},
            highlight=False,
            markup=False,
            emoji=False,
        )

    def print_log(self, line: Text) -> None:
        """Print one line that has texts of a log: escaped, should its caller have forgotten it."""
        if not line.plain.isprintable():
            line = Text(escape_control_characters(line.plain))
        self.print(line, soft_wrap=True)

    def on_broken_pipe(self) -> None:
        """Leave it to the command, which ends quietly; rich's own exit code is 1."""
        raise BrokenPipeError
