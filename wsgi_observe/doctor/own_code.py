"""Own code of the app: its files and modules, as opposed to those of packages and of Python."""

from __future__ import annotations

import ast
import functools
import inspect
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from traceback import walk_stack, walk_tb
from types import FrameType, ModuleType
from typing import Any

from wsgi_observe.logs.error_id import is_in_app

_START = Path.cwd()  # the app, or Gunicorn's `chdir`, may go elsewhere


def is_own_file(file: str) -> bool:
    """Return whether a source file belongs to the app."""
    return not file.startswith("<") and is_in_app(file)


def iter_own_modules() -> Iterator[ModuleType]:
    """Yield the modules of the app that are imported, in the order of their import."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name != "__main__" and isinstance(file, str) and is_own_file(file):
            yield module


def iter_imports() -> Iterator[tuple[str, str]]:
    """Yield the packages that the app's own code imports, with the places, but not those for types.

    That is in the order of the modules, and of their lines.
    """
    for module in iter_own_modules():
        with suppress(OSError, SyntaxError, ValueError):
            file = str(module.__file__)
            for package, line in _iter_imports(ast.parse(Path(file).read_bytes())):
                yield package, format_place(file, line)


def _iter_imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0], node.lineno
        elif not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            yield from _iter_imports(node)


def find_line(pattern: str, file: str = "") -> str | None:
    """Return ``file:line`` of the only line of the app's own code that matches.

    :param pattern: regular expression for a part of a line that is not in a comment.
    :param file: to be searched instead of all modules.
    """
    regex = re.compile(rf"^[^#]*?(?:{pattern})")
    files = dict.fromkeys(module.__file__ for module in iter_own_modules())
    places = []
    for name in [file] if file else files:
        with suppress(OSError, UnicodeDecodeError):
            lines = Path(str(name)).read_text(encoding="utf-8").splitlines()
            matches = (number for number, line in enumerate(lines, 1) if regex.search(line))
            places += [format_place(str(name), number) for number in matches]
    return places[0] if len(places) == 1 else None


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


def format_place(file: str, line: int) -> str:
    """Return ``file:line``, relative to the directory that the doctor was started in."""
    full = Path(file).resolve()
    return f"{full.relative_to(_START) if full.is_relative_to(_START) else full}:{line}"


def find_caller(frame: FrameType) -> str | None:
    """Return the place of the innermost call of the app's own code, from a frame outwards."""
    places = ((one.f_code.co_filename, line) for one, line in walk_stack(frame))
    return next((format_place(file, line) for file, line in places if is_own_file(file)), None)


def find_raiser(error: BaseException) -> str | None:
    """Return the place of the innermost call of the app's own code that an exception passed."""
    places = ((one.f_code.co_filename, line) for one, line in walk_tb(error.__traceback__))
    own = [format_place(file, line) for file, line in places if is_own_file(file)]
    return own[-1] if own else None
