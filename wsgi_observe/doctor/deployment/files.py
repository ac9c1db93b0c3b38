"""Files of a deployment below a folder: a bounded walk, and reading that never fails."""

from __future__ import annotations

import os
from pathlib import Path

from wsgi_observe.doctor.answer import Fault

_MAX_DEPTH = 8
_MAX_FILES = 20_000
_MAX_BYTES = 512 * 1024
_SKIPPED = {"node_modules", "site-packages", "__pycache__", "venv", "dist", "tests", "test"}
_HIDDEN_BUT_READ = {".aws", ".deploy", ".docker", ".ecs", ".k8s", ".kube", ".nginx"}


def _is_entered(name: str) -> bool:
    return name not in _SKIPPED and (not name.startswith(".") or name in _HIDDEN_BUT_READ)


class Folder:
    """The files below a folder, by their path relative to it.

    Hidden folders, virtual environments and tests are skipped; links are not followed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[Fault] = []
        self.names = sorted(self._walk())
        self._texts: dict[str, str | None] = {}

    def _walk(self) -> list[str]:
        found: list[str] = []
        for folder, folders, files in os.walk(self.path):
            relative = Path(folder).relative_to(self.path)
            depth = len(relative.parts)
            if depth > 0 and "pyvenv.cfg" in files:
                folders.clear()
                continue
            folders[:] = sorted(filter(_is_entered, folders)) if depth < _MAX_DEPTH else []
            # Path.is_symlink() raises PermissionError in a folder that may only be listed.
            found += [
                (relative / name).as_posix()
                for name in sorted(files)
                if not os.path.islink(f"{folder}/{name}")  # noqa: PTH114
            ]
            if len(found) > _MAX_FILES:
                self.report(f"there are more than {_MAX_FILES} files: the rest was not read", "")
                return found[:_MAX_FILES]
        return found

    def report(self, seen: str, where: str) -> None:
        """Add a warning about a file that cannot be used."""
        remedy = "correct the file, or move it out of the folder"
        self.problems.append(Fault(seen, remedy, where or None, is_warning=True))

    def find(self, path: str, near: str = "") -> str | None:
        """Return the one file whose path ends like this one.

        :param path: in the container or relative to its folder, such as ``/srv/start.sh``.
        :param near: the folder in which it is looked for first.
        """
        relative = path.removeprefix("./").strip("/")
        if not relative:
            return None
        beside = f"{near}/{relative}" if near else relative
        if beside in self.names:
            return beside
        parts = Path(relative).parts
        for count in range(len(parts), 0, -1):
            end = "/".join(parts[-count:])
            found = [name for name in self.names if name == end or name.endswith(f"/{end}")]
            if len(found) == 1:
                return found[0]
            if found:
                return None
        return None

    def read(self, name: str) -> str | None:
        """Return the text of a file; a file that is none costs a warning, once."""
        if name not in self._texts:
            self._texts[name] = self._read(name)
        return self._texts[name]

    def _read(self, name: str) -> str | None:
        path = self.path / name
        try:
            is_pipe = not path.is_file()  # which would block
            if is_pipe or path.stat().st_size > _MAX_BYTES:
                return None
            content = path.read_bytes()
        except OSError as error:
            self.report(f"the file cannot be read: {error.strerror}", name)
            return None
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            self.report("the file is not UTF-8 text", f"{name}:{line}")
            return None
        if "\0" in text:
            self.report("the file is binary", name)
            return None
        return text.replace("\r\n", "\n")
