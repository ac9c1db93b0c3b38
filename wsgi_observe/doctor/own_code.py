"""Own code of the app: its files and modules, as opposed to those of packages and of Python."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FrameType, ModuleType

_STANDARD_LIBRARY = Path(sysconfig.get_paths()["stdlib"]).resolve()
_OUR_PACKAGE = Path(__file__).resolve().parent.parent
_PACKAGE_FOLDERS = {"site-packages", "dist-packages"}


@cache
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


def find_own_frame(frame: FrameType | None) -> tuple[str, int] | None:
    """Return file and line of the innermost call of the app's own code, from a frame outwards."""
    while frame is not None:
        if is_own_file(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None
