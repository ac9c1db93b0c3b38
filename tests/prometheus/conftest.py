"""Metrics that no other test of the process has counted in."""

import pytest

from wsgi_observe.metrics import events, sources


@pytest.fixture(autouse=True)
def _own_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_sources", None)
    monkeypatch.setattr(events, "_table", None)
