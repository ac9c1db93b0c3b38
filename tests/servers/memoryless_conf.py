"""A machine on which no memory can be shared."""

import errno
import mmap
import os


def _refuse(*arguments: object, **more: object) -> object:
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


os.memfd_create = _refuse  # type: ignore[assignment]
mmap.mmap = _refuse  # type: ignore[assignment,misc]
