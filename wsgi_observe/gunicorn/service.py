"""What the arbiter has from its start to its end, and every worker inherits."""

from __future__ import annotations

from typing import Any

from wsgi_observe.gunicorn.lacking import warn_of_lack
from wsgi_observe.gunicorn.stream import Stream
from wsgi_observe.health import HealthState
from wsgi_observe.health.shared import SharedState
from wsgi_observe.settings import Settings


class Service:
    """The settings of now, the state that is shared, the stream of lines, and the arbiter."""

    def __init__(self) -> None:
        self.settings = Settings()
        self.stream = Stream()
        self.server: Any = None
        self.state: HealthState
        try:
            self.state = SharedState()
        except OSError as error:
            warn_of_lack(f"no memory can be shared ({error})", "there is no draining")
            self.state = HealthState()

    def update(self, settings: Settings, cfg: Any) -> None:
        """Take note of settings that were read anew."""
        self.settings, self.cfg = settings, cfg
        if isinstance(self.state, SharedState):
            self.state.seconds = settings.drain_seconds
