"""The app of ``INSTALLED_APPS``."""

from __future__ import annotations

from django.apps import AppConfig

from wsgi_observe.django import instrument


class ObserveConfig(AppConfig):  # type: ignore[misc]
    """Instruments the connections when Django starts."""

    name = "wsgi_observe.django"
    label = "wsgi_observe"

    def ready(self) -> None:
        """Instrument every connection, by the settings of the environment."""
        instrument()
