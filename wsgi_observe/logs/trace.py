"""An exception's traceback as text, be it one that cannot be shown."""

from __future__ import annotations

import logging
from typing import Any

from wsgi_observe.core.failures import any_failure
from wsgi_observe.logs.fields import text_of


def trace_of(formatter: logging.Formatter, exc_info: Any) -> str:
    """Return what `formatter` makes of an exception, or its name and why there is no more."""
    try:
        return formatter.formatException(exc_info)
    except any_failure() as error:
        kind, value, _ = exc_info
        why = f"{type(error).__name__} while its traceback was made"
        return f"{getattr(kind, '__name__', kind)}: {text_of(value)} ({why})"
