"""What the tests of readiness share: checks that hang until opened, and no thread left behind."""

import threading
from collections.abc import Iterator

import pytest

from tests.support import eventually


class Gate:
    """A check that hangs until it is opened, and counts how often it was begun."""

    def __init__(self) -> None:
        self.begun = 0
        self._open = threading.Event()

    def __call__(self) -> None:
        self.begun += 1
        self._open.wait()

    def open(self) -> None:
        self._open.set()


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    eventually(lambda: not check_threads())


@pytest.fixture
def gate(_no_thread_is_left: None) -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


def check_threads() -> list[str]:
    """The names of the threads that checks run on now."""
    names = (thread.name for thread in threading.enumerate())
    return sorted(name for name in names if name.startswith("wsgi_observe.health:"))
