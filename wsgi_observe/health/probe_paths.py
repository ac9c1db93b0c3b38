"""A probe path: is it answered by the probe or by a route of the app's own?"""

from __future__ import annotations

from wsgi_observe._safely import call_safely
from wsgi_observe.health.routers import has_explicit_route


class ProbePath:
    """A path at which a probe is served, unless the app has an explicit route there.

    :param setting: the name of the setting that moves it, ``live_path`` or ``ready_path``.
    :param override_reason: why the probe is served even where the app has a route; None: the
        route is.
    """

    def __init__(self, path: str, setting: str, override_reason: str | None) -> None:
        self.path = path
        self.setting = setting
        self.override_reason = override_reason
        self.reported_conflict: str | None = None
        self._has_route = False

    def detect_route(self, app: object) -> bool:
        """Look for a route in `app`; return False where that fails, which is logged once.

        To be called late: routes may be added, and a URLconf be loaded, until the first request.
        """
        result = call_safely(
            "looking for a route at a probe path", has_explicit_route, app, self.path
        )
        self._has_route = bool(result)
        return result is not None

    @property
    def owner(self) -> str:
        """Which of the two answers: ``app`` or ``wsgi_observe``."""
        return "app" if self._has_route and self.override_reason is None else "wsgi_observe"

    def conflict(self) -> str | None:
        """Return which of the two is not reached, why, and what to do; None without a conflict."""
        if not self._has_route:
            return None
        if self.override_reason is None:
            return (
                f"{self.path} is answered by the app's own route, so the probe is not reached: "
                f'set {self.setting} to another path to have both, or to "" to have no probe'
            )
        return (
            f"{self.path} is answered by the probe, since {self.override_reason}, so the app's "
            f'own route is not reached: set {self.setting} to another path, or to "" for no probe'
        )
