"""A machine on which no memory can be shared."""

import errno
import mmap
import os


def _refuse(*arguments: object, **more: object) -> object:
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


class _RefusedMapping(mmap.mmap):
    def __new__(cls, *arguments: object, **more: object) -> "_RefusedMapping":
        _refuse()
        raise AssertionError


os.memfd_create = _refuse  # type: ignore[assignment]
mmap.mmap = _RefusedMapping  # type: ignore[misc]
