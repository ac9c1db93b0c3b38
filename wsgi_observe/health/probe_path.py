"""Decide who answers a probe path: the probe, or a route of the app's own."""

from __future__ import annotations

from wsgi_observe.core.once import ask


class ProbePath:
    """A path at which a probe is served, unless the app has an explicit route there.

    :param setting: the name of the setting that moves it, ``live_path`` or ``ready_path``.
    :param reason: why the probe is served even where the app has a route; None: then it is not.
    """

    def __init__(self, path: str, setting: str, reason: str | None) -> None:
        self.path = path
        self.setting = setting
        self.reason = reason
        self.reported: str | None = None  # the conflict that has been logged
        self._has_route = False

    def look(self, app: object) -> bool:
        """Look for a route in `app`; False where that failed, which is logged once.

        Late, since routes may be added, and a URLconf be loaded, until the first request.
        """
        from wsgi_observe.health.routes import has_explicit_route  # by the first probe

        found = ask("looking for the app's own health route", has_explicit_route, app, self.path)
        self._has_route = bool(found)
        return found is not None

    @property
    def owner(self) -> str:
        """Who answers: ``app`` or ``wsgi_observe``."""
        return "app" if self._has_route and self.reason is None else "wsgi_observe"

    def conflict(self) -> str | None:
        """Return what is not reached because of the other, and what to do; None without one."""
        if not self._has_route:
            return None
        if self.reason is None:
            return (
                f"{self.path} is answered by the app's own route, and the probe is not reached: "
                f'set {self.setting} to another path to have both, or to "" to have no probe'
            )
        return (
            f"{self.path} is answered by the probe, since {self.reason}, and the app's own route "
            f'is not reached: set {self.setting} to another path, or to "" for no probe'
        )
