"""The secrets that a door has found in the path, taken out of what else repeats them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wsgi_observe.core.context import running
from wsgi_observe.core.environ import MASKED_PATH
from wsgi_observe.core.redact import REDACTED

_SHORTEST = 4  # characters: what is shorter is found in other words


def without_path_secrets(value: Any) -> Any:
    """Return `value`, however nested, without the secrets in the running request's path."""
    scope = running()
    masked = scope.environ.get(MASKED_PATH) if scope is not None else None
    secrets = [one for one in masked[2:] if len(one) >= _SHORTEST] if masked else []
    return _replaced(value, secrets) if secrets else value


def _replaced(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, REDACTED)
        return value
    if isinstance(value, Mapping):
        return {name: _replaced(inner, secrets) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(inner, secrets) for inner in value]
    return value
