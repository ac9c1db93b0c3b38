"""Fit-checks for what the flight recorder and the watchdog are told."""

from __future__ import annotations

import os
from typing import Any

from wsgi_observe.core.fit import SettingsError, seconds


def seconds_or_none(name: str, value: Any) -> float | None:
    """Check a number of seconds, 0 for never; None where the server's own setting decides."""
    return None if value is None else seconds(name, value)


def file_or_nothing(name: str, value: Any) -> str:
    """Check a file's path, or the empty string for none."""
    value = os.fspath(value) if isinstance(value, os.PathLike) else value
    # Without the slash a slip of the pen would become a file.
    if not isinstance(value, str) or (value and "/" not in value) or "\0" in value:
        raise SettingsError(name, 'a path with a /, or "" for off', value)
    return value
