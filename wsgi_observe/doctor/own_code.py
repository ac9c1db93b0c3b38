"""Own code of the app: its files and modules, as opposed to those of packages and of Python."""

from __future__ import annotations

import functools
import inspect
import re
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

_STANDARD_LIBRARY = Path(sysconfig.get_paths()["stdlib"]).resolve()
_OUR_PACKAGE = Path(__file__).resolve().parent.parent
_START = Path.cwd()  # the app, or Gunicorn's `chdir`, may go elsewhere
_PACKAGE_FOLDERS = {"site-packages", "dist-packages"}


@functools.cache
def is_own_file(file: str) -> bool:
    """Return whether a source file belongs to the app."""
    path = Path(file).resolve()
    if file.startswith("<") or _PACKAGE_FOLDERS.intersection(path.parts):
        return False
    return not any(path.is_relative_to(one) for one in (_STANDARD_LIBRARY, _OUR_PACKAGE))


def iter_own_modules() -> Iterator[ModuleType]:
    """Yield the modules of the app that are imported, in the order of their import."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name != "__main__" and isinstance(file, str) and is_own_file(file):
            yield module


def find_line(pattern: str, file: str = "") -> str | None:
    """Return ``file:line`` of the only line of the app's own code that matches.

    :param pattern: regular expression for a part of a line that is not in a comment.
    :param file: to be searched instead of all modules.
    """
    regex = re.compile(rf"^[^#]*?(?:{pattern})")
    places = [
        format_place(name, number)
        for name in ([file] if file else _iter_own_files())
        for number, line in enumerate(_read(name).splitlines(), 1)
        if regex.search(line)
    ]
    return places[0] if len(places) == 1 else None


def has_own_line(pattern: str) -> bool:
    """Return whether the app's own code has a line that matches a regular expression."""
    regex = re.compile(pattern, re.MULTILINE)
    return any(regex.search(_read(name)) for name in _iter_own_files())


def _iter_own_files() -> Iterator[str]:
    files = {module.__file__: None for module in iter_own_modules()}
    yield from (file for file in files if file is not None and file.endswith(".py"))


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def find_place(target: Any) -> str | None:
    """Return ``file:line`` of where a function or class is defined, relative to the directory."""
    target = _unwrap(target)
    try:
        file = inspect.getsourcefile(target)
        _, line = inspect.getsourcelines(target)
    except (TypeError, OSError):
        return None
    return None if file is None else format_place(file, max(line, 1))


def is_own(target: Any) -> bool:
    """Return whether a function or class is the app's own, and of no installed package."""
    try:
        file = inspect.getfile(_unwrap(target))
    except (TypeError, OSError):  # a built-in one
        return False
    return is_own_file(file)


def _unwrap(target: Any) -> Any:
    while isinstance(target, functools.partial):
        target = target.func
    with suppress(ValueError):  # a circle of wrappers
        return inspect.unwrap(target)
    return target


def shorten_path(path: str) -> str:
    """Return a path relative to the directory that the doctor was started in, if it is below."""
    full = Path(path).resolve()
    return str(full.relative_to(_START) if full.is_relative_to(_START) else full)


def format_place(file: str, line: int) -> str:
    """Return ``file:line``, as the doctor writes places."""
    return f"{shorten_path(file)}:{line}"


def find_own_frame(frame: FrameType | None) -> tuple[str, int] | None:
    """Return file and line of the innermost call of the app's own code, from a frame outwards."""
    while frame is not None:
        if is_own_file(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None
