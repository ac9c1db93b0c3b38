"""The record factory that is set while an app is imported: it sees records before handlers do."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any


class RestoringRecordFactory:
    """A record factory that restores our handlers for a record that would not get to them.

    A factory is the one official place that sees a record before its handlers do.

    :param reaches: returns whether the records of a logger get to our handlers.
    :param restore: attaches them where they are missing.
    """

    def __init__(
        self, reaches: Callable[[logging.Logger], bool], restore: Callable[[], object]
    ) -> None:
        self._reaches = reaches
        self._restore = restore
        self._original_factory = logging.getLogRecordFactory()
        self._is_uninstalled = False

    def __call__(self, name: str, *arguments: Any, **keywords: Any) -> logging.LogRecord:
        """Make a record."""
        if not self._is_uninstalled and self._is_unhandled(name):
            self._restore()
        return self._original_factory(name, *arguments, **keywords)

    def uninstall(self) -> None:
        """Stop, also where the app has wrapped this factory in its own."""
        self._is_uninstalled = True
        if logging.getLogRecordFactory() is self:
            logging.setLogRecordFactory(self._original_factory)

    def _is_unhandled(self, name: str) -> bool:
        try:
            return not self._reaches(logging.getLogger(name))
        except Exception:  # as for a record made by hand, with a name that is no text
            return False
