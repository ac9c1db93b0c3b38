"""Rich's console as these commands use it: nothing of a log is markup, pipes are not wrapped."""

import os
import re
import sys
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from wsgi_observe.cli.formatting import to_printable

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

    def print_hanging(self, head: Text, body: Iterable[Text]) -> None:
        """Print lines beside a head, which the following ones are indented by."""
        indent = Text(" " * head.cell_len)
        width = max(self.width - head.cell_len, 10)
        for text in body:
            for line in text.wrap(self, width, overflow="fold"):
                line.rstrip()
                self.print(head + line, soft_wrap=True)
                head = indent

    def print_line(self, *parts: str | tuple[str, str]) -> None:
        """Print a line of texts, as `make_text` takes them."""
        self.print_hanging(Text(), [make_text(*parts)])

    def on_broken_pipe(self) -> None:
        """Leave it to the command, which ends quietly; rich's own exit code is 1."""
        raise BrokenPipeError


def make_text(*parts: str | tuple[str, str]) -> Text:
    """Return a line of texts, each with a style or without; what a log may have is escaped."""
    styled = ((part, "") if isinstance(part, str) else part for part in parts)
    return Text.assemble(*((to_printable(text), style) for text, style in styled))
