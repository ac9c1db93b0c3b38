"""Who hears of a request as it goes: doors such as a tracer's; nobody, mostly."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgi_observe.core.context import Scope

on_probe: list[Callable[[], object]] = []
"""Called before a probe is answered: somebody may have begun to trace it."""

on_request: list[Callable[[Scope], object]] = []
"""Called when a request begins, when it starts its response, and for lines in between for as
long as its scope has no trace."""


def tell_of(scope: Scope) -> None:
    """Have those who listen hear of a request."""
    for tell in on_request:
        tell(scope)
