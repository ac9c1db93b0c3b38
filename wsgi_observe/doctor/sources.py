"""Source code of the app's own modules, which are below the current directory."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from wsgi_observe.doctor.subject import is_own_file, shorten_path


def find_line(pattern: str, file: str = "") -> str | None:
    """Return ``file:line`` of the only line of the app's own code that matches.

    :param pattern: regular expression for a part of a line that is not in a comment.
    :param file: to be searched instead of all modules.
    """
    regex = re.compile(rf"^[^#]*?(?:{pattern})")
    places = [
        f"{shorten_path(str(path))}:{number}"
        for path, text in (_read(Path(file)) if file else _iter_sources())
        for number, line in enumerate(text.splitlines(), 1)
        if regex.search(line)
    ]
    return places[0] if len(places) == 1 else None


def has_own_code(pattern: str) -> bool:
    """Return whether the app's own code has a line that matches a regular expression."""
    regex = re.compile(pattern, re.MULTILINE)
    return any(regex.search(text) for _, text in _iter_sources())


def _iter_sources() -> Iterator[tuple[Path, str]]:
    here = Path.cwd().resolve()
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not file or name.partition(".")[0] == "wsgi_observe" or not file.endswith(".py"):
            continue
        path = Path(file).resolve()
        if path.is_relative_to(here) and is_own_file(path):
            yield from _read(path)


def _read(path: Path) -> Iterator[tuple[Path, str]]:
    with suppress(OSError, UnicodeDecodeError):
        yield path, path.read_text(encoding="utf-8")
