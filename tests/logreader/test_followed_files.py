"""A file that is followed while it grows, is rotated and truncated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from wsgi_observe.logreader.following import FollowedFile
from wsgi_observe.logreader.inputs import InputError


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "shop.log"
    path.write_bytes(b"".join(b"%d\n" % number for number in range(100)))
    return path


@pytest.fixture
def follow() -> Iterator[Callable[..., FollowedFile]]:
    with ExitStack() as stack:
        yield lambda *args: stack.enter_context(closing(FollowedFile(*args)))


Follow = Callable[..., FollowedFile]


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


@pytest.mark.parametrize(("last", "first"), [(None, 0), (0, None), (1, 99), (10, 90), (1000, 0)])
def test_it_begins_with_the_last_lines(
    log: Path, follow: Follow, last: int | None, first: int | None
) -> None:
    expected = [] if first is None else [b"%d" % number for number in range(first, 100)]
    assert follow(log, last).read_lines() == expected


def test_last_lines_that_are_longer_than_one_read_are_whole(tmp_path: Path, follow: Follow) -> None:
    path = tmp_path / "long.log"
    path.write_bytes(b"first\n" + b"x" * 700_000 + b"\nlast\n")
    file = follow(path, 2)
    lines = [line for _ in range(4) for line in file.read_lines()]
    assert [len(line) for line in lines] == [700_000, 4]


def test_half_a_line_waits_for_its_rest(log: Path, follow: Follow) -> None:
    file = follow(log, 0)
    append(log, b"one\ntw")
    assert file.read_lines() == [b"one"]
    append(log, b"o\n")
    assert file.read_lines() == [b"two"]


def test_a_rotated_file_is_read_to_its_end_and_then_the_new_one(log: Path, follow: Follow) -> None:
    file = follow(log, 0)
    old = log.rename(log.with_suffix(".log.1"))
    assert file.read_lines() == []  # the new one is not there yet
    append(old, b"late")
    log.write_bytes(b"new\n")
    lines = [line for _ in range(3) for line in file.read_lines()]
    assert lines == [b"late", b"new"]


def test_a_truncated_file_is_read_from_its_beginning(log: Path, follow: Follow) -> None:
    file = follow(log, None)
    file.read_lines()
    log.write_bytes(b"again\n")
    assert file.read_lines() == [b"again"]


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        FollowedFile(tmp_path / "none.log")
