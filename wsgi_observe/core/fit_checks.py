"""The fit-check for readiness checks: names to what is called, or to where that is found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wsgi_observe.core.fit import SettingsError
from wsgi_observe.core.frozen import FrozenDict

_is_import_path = re.compile(r"[^\W\d][\w.]*:[^\W\d][\w.]*").fullmatch


def fit_checks(name: str, value: Any) -> dict[str, Any]:
    """Check a mapping; the engine that runs the checks judges them itself.

    An import path is not followed here: the arbiter of a server reads the settings, and what a
    check imports belongs in its workers.
    """
    if not isinstance(value, Mapping):
        raise SettingsError(name, "a mapping of names to callables, Checks or import paths", value)
    for check in value.values():
        if isinstance(check, str) and not _is_import_path(check):
            raise SettingsError(name, "import paths, package.module:attribute", check)
    return FrozenDict(value)
