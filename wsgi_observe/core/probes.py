"""Who hears of a probe before it is answered: a tracer that has begun to trace it, say."""

from __future__ import annotations

from collections.abc import Callable

on_probe: list[Callable[[], object]] = []
"""What doors have hung up here; nothing, mostly, which costs a probe next to nothing."""
