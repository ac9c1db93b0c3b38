"""A frame of a stack trace: where it is stays, what it shows is redacted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wsgi_observe.core.redact import REDACTED, Redactor

# In their frames a statement's parameters stand under names that say nothing.
_DATABASES = frozenset(
    {
        *(
            "sqlalchemy",
            "psycopg",
            "psycopg2",
            "asyncpg",
            "pymysql",
            "MySQLdb",
            "mysql",
            "oracledb",
        ),
        *("pyodbc", "peewee", "pymongo", "redis"),
    }
)
_PLACE = frozenset({"filename", "abs_path", "function", "module"})
_SOURCE = ("pre_context", "context_line", "post_context")


def stack_trace(redactor: Redactor, value: Any) -> Any:
    """Return a stack trace with the secrets of its frames redacted."""
    if not isinstance(value, Mapping) or not isinstance(value.get("frames"), list):
        return redactor.value(value)
    rest = {name: inner for name, inner in value.items() if name != "frames"}
    return {**redactor.value(rest), "frames": [_frame(redactor, one) for one in value["frames"]]}


def _frame(redactor: Redactor, value: Any) -> Any:
    """Return a frame with the secrets of its variables and of its lines of source redacted."""
    if not isinstance(value, Mapping):
        return redactor.value(value)
    clean = {
        name: inner if name in _PLACE and isinstance(inner, str) else redactor.field(name, inner)
        for name, inner in value.items()
        if name not in _SOURCE and name != "vars"
    }
    if "vars" in value:
        clean["vars"] = _variables(redactor, value)
    clean.update(_source(redactor, {name: value[name] for name in _SOURCE if name in value}))
    return clean


def _variables(redactor: Redactor, value: Mapping[str, Any]) -> Any:
    module = str(value.get("module") or "").partition(".")[0]
    if module in _DATABASES and isinstance(value["vars"], Mapping):
        return dict.fromkeys(value["vars"], REDACTED)
    return redactor.value(value["vars"])


def _source(redactor: Redactor, parts: dict[str, Any]) -> dict[str, Any]:
    """Return lines of source, redacted together: a text costs more to look at than its length."""
    whole = "\n".join(line for part in parts.values() for line in _lines(part))
    if redactor.text(whole) == whole:
        return parts
    return {name: redactor.value(part) for name, part in parts.items()}


def _lines(part: Any) -> list[str]:
    lines = part if isinstance(part, list) else [part]
    return [line for line in lines if isinstance(line, str)]
