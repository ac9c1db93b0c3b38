"""Log inputs: files, globs, compressed files and standard input, as blocks of whole lines."""

from __future__ import annotations

import io
import re
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from glob import glob, has_magic
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from wsgi_observe.logreader.blocks import LineBlocks

STANDARD_INPUT = "-"

# As logrotate and Python's handlers name them.
_rotation = re.compile(r"(?:\.\d+|[.-]\d{4}-?\d\d-?\d\d(?:[-_.T]?\d\d)*|\.gz|\.zst)+$")
_GZIP_MAGIC = b"\x1f\x8b"
_START_BYTES = 1 << 16
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


class InputError(Exception):
    """An input that cannot be read, or not to its end."""


class Input(NamedTuple):
    """One log: a file, or standard input (`path` is None).

    `label` is the name of what is logged there: the same for a log and its rotated files.
    """

    name: str
    path: Path | None = None
    label: str = ""

    @property
    def size(self) -> int | None:
        """The bytes of the file, compressed or not; None where that is unknown."""
        try:
            return (self.path.stat().st_size if self.path else 0) or None
        except OSError:
            return None

    @property
    def is_regular_file(self) -> bool:
        """Whether it can be read again."""
        return self.path is not None and self.path.is_file()

    @contextmanager
    def open(self, *, ahead: bool = True) -> Iterator[LineBlocks]:
        """Open it, and turn errors of reading or decompressing into an `InputError`.

        It is decompressed by what its first bytes are: a rotated file has any name.

        :param ahead: whether a file is read ahead; no other input is.
        """
        with ExitStack() as stack:
            try:
                started = _StartedStream(stack.enter_context(self._open_raw()))
            except OSError as error:
                reason = error.strerror or error
                raise InputError(f"cannot read {self.name}: {reason}") from error
            try:
                yield LineBlocks(self._decompress(started), ahead=ahead and self.is_regular_file)
            except Exception as error:
                is_damage = isinstance(error, OSError | EOFError | zlib.error)
                if not is_damage and type(error).__name__ != "ZstdError":
                    raise
                raise InputError(f"{self.name} is damaged or ends early: {error}") from error

    def _open_raw(self) -> io.FileIO:
        if self.path is None:
            if sys.stdin is None:
                raise InputError(f"cannot read {self.name}: it is closed")
            return io.FileIO(sys.stdin.fileno(), closefd=False)
        if self.path.is_dir():
            raise InputError(f"cannot read {self.name}: it is a directory")
        return io.FileIO(self.path)

    def _decompress(self, stream: _StartedStream) -> BinaryIO:
        if stream.start.startswith(_GZIP_MAGIC):
            # Only where there is one: it takes as long to import as everything else here.
            buffered = cast(BinaryIO, io.BufferedReader(stream))
            return cast(BinaryIO, import_module("gzip").GzipFile(fileobj=buffered))
        if stream.start.startswith(_ZSTD_MAGIC):
            try:
                zstandard = import_module("zstandard")
            except ImportError as error:
                hint = "run: pip install zstandard"
                raise InputError(f"{self.name} is compressed with zstd; {hint}") from error
            reader = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
            return cast(BinaryIO, reader)
        return cast(BinaryIO, stream)


class _StartedStream(io.RawIOBase):
    """A stream whose first bytes are known, and are read again.

    `io.BufferedReader.peek` does the same, but its `readinto1` then waits for a second read.
    """

    def __init__(self, raw: io.FileIO) -> None:
        self._raw = raw
        self.start = raw.read(_START_BYTES) or b""
        # A pipe may have no more of the magic number yet.
        while 0 < len(self.start) < len(_ZSTD_MAGIC) and _ZSTD_MAGIC.startswith(self.start):
            more = raw.read(_START_BYTES)
            if not more:
                break
            self.start += more
        self._rest = self.start

    def readable(self) -> bool:
        """Return whether it can be read."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read at most once."""
        if not self._rest:
            return self._raw.readinto(buffer)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def find_inputs(names: Iterable[str]) -> list[Input]:
    """Return the inputs that the command line names, each file once; none means standard input.

    A pattern that the shell has left as it is, being quoted, is expanded.
    """
    inputs: dict[object, Input] = {}
    for name in names or [STANDARD_INPUT]:
        if name == STANDARD_INPUT:
            inputs[STANDARD_INPUT] = Input("standard input")
            continue
        path = Path(name)
        # Not `Path.glob`, which takes no absolute pattern.
        matches = sorted(glob(name)) if has_magic(name) and not path.exists() else []  # noqa: PTH207
        for one in matches or [name]:  # what does not exist is reported when it is opened
            path = Path(one)
            inputs.setdefault(_identify(path), Input(one, path, _rotation.sub("", path.name)))
    return list(inputs.values())


def _identify(path: Path) -> object:
    """Return what two names of one file have in common."""
    try:
        status = path.stat()
    except OSError:
        return str(path)
    return status.st_dev, status.st_ino
