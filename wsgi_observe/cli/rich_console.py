"""Rich's console as these commands use it: nothing of a log is markup, pipes are not wrapped."""

import os
import sys

from rich.console import Console
from rich.text import Text

from wsgi_observe.logs.formatters.truncation import escape_control_characters

_UNLIMITED_WIDTH = 1_000_000  # where nothing is wrapped


class LogConsole(Console):
    """A console on standard output, or on standard error."""

    def __init__(self, *, stderr: bool = False) -> None:
        stream = sys.stderr if stderr else sys.stdout
        is_wrapped = stream.isatty() or os.environ.get("COLUMNS", "").isdecimal()
        width = None if is_wrapped else _UNLIMITED_WIDTH
        super().__init__(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)

    def print_log(self, line: Text) -> None:
        """Print one line that has texts of a log: escaped, should its caller have forgotten it."""
        if not line.plain.isprintable():
            line = Text(escape_control_characters(line.plain))
        self.print(line, soft_wrap=True)

    def on_broken_pipe(self) -> None:
        """Leave it to the command, which ends quietly; rich's own exit code is 1."""
        raise BrokenPipeError
