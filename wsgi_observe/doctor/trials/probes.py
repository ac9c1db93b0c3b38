"""Probes of the app: where they are, and requests to them as an orchestrator sends them."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from types import FrameType
from urllib.parse import urlsplit

from wsgi_observe.doctor.app.client import Response
from wsgi_observe.doctor.app.subject import Subject
from wsgi_observe.doctor.app.views import PREFIX
from wsgi_observe.doctor.question import NotApplicable
from wsgi_observe.doctor.recording.touches import Kind, Touch
from wsgi_observe.health.routers import has_explicit_route
from wsgi_observe.problems import find_probes

PROBE_TIMEOUT = 1.0
"""Seconds that a probe waits for its response: the default of Kubernetes, ``timeoutSeconds``."""

_MAX_SECONDS = 5.0
_ELSEWHERE = f"{PREFIX}no-probes-are-here/"
_HEADERS = {"Accept": "*/*", "User-Agent": "kube-probe/1.34"}

# Those first that can mean nothing else.
_LIVE_NAMES = (
    *("livez", "live", "liveness", "alive", "health/live", "health/liveness", "healthz/live"),
    *("-/healthy", "__lbheartbeat__", "ping", "health", "healthz", "healthcheck", "health-check"),
    *("health_check", "_health", "_healthz", "heartbeat", "up", "status"),
)
_READY_NAMES = (
    *("readyz", "ready", "readiness", "health/ready", "health/readiness", "healthz/ready"),
    *("-/ready", "__heartbeat__", "ht"),
)
# Below another path these may be anything: "/orders/ready".
_UNCERTAIN_NAMES = {"up", "status", "ping", "ht", "live", "alive", "ready"}
# Where liveness is elsewhere, this is what an orchestrator asks before it sends requests.
_READY_OR_LIVE_NAMES = (
    *("health", "healthz", "healthcheck", "health-check", "health_check", "status"),
)


def find_probe_paths(subject: Subject) -> tuple[str, str]:
    """Return the paths of liveness and readiness; empty if there is none.

    They are those that are named, those of our middleware, or usual ones.

    :raises NotApplicable: if it is not known which routes the app has.
    """
    served = {probe.setting: probe.path for probe in reversed(find_probes(subject.app))}
    usual = _UsualPaths(subject)
    live = subject.options.live_path or served.get("live_path", "") or usual.find(_LIVE_NAMES)
    ready = subject.options.ready_path or served.get("ready_path", "")
    ready = ready or usual.find(_READY_NAMES, live.rpartition("/")[0])
    if not ready and (other := usual.find(_READY_OR_LIVE_NAMES)) != live:
        ready = other
    if not (live or ready or subject.framework.name or served):
        raise NotApplicable("its routes are unknown: name the probes, by --live-path /health")
    return live, ready


class _UsualPaths:
    """Looks for routes at usual names, at the root or below another path."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._spellings = {path.rstrip("/"): path for path in subject.framework.iter_paths()}

    def find(self, names: Iterable[str], parent: str = "") -> str:
        """Return the path of the first name that has a route; empty for none.

        :param parent: where a name may be too that is also used for other things.
        """
        for name in names:
            below = [path for path in self._spellings if path.endswith(f"/{name}")]
            for path in (f"/{name}", f"{parent}/{name}", *sorted(below, key=len)):
                is_certain = name not in _UNCERTAIN_NAMES or path == f"{parent}/{name}"
                if (is_certain or path == f"/{name}") and (found := self._find_route(path)):
                    return found
        return ""

    def _find_route(self, path: str) -> str:
        framework = self._subject.framework
        spelling = self._spellings.get(path, path)
        if _has_route(self._subject.app, path):
            return spelling
        if _has_route(framework.app, path) or self._is_variable(path):
            return framework.mount + spelling
        return ""

    def _is_variable(self, path: str) -> bool:
        """Return whether a path of two parts has a route for all that is below the first one."""
        framework = self._subject.framework
        name = path.rpartition("/")[2]
        is_long = path.strip("/") in _LIVE_NAMES + _READY_NAMES and path.count("/") > 1
        return is_long and framework.has_route(path) and not framework.has_route(_ELSEWHERE + name)


def _has_route(app: object, path: str) -> bool:
    try:
        return has_explicit_route(app, path)
    except Exception:  # of the app's router
        return False


@dataclass(frozen=True)
class ProbeResponse:
    """What a probe got, and what the app touched for it."""

    path: str
    response: Response
    seconds: float
    touches: list[Touch]

    @property
    def is_success(self) -> bool:
        """Whether it is a success for an orchestrator: Kubernetes takes 200 to 399 for one."""
        return self.response.error is None and 200 <= self.response.status_code < 400

    @property
    def is_redirect(self) -> bool:
        """Whether it is a redirect, such as to a login page."""
        return 300 <= self.response.status_code < 400

    @property
    def is_late(self) -> bool:
        """Whether no probe would have waited for it."""
        return self.seconds > PROBE_TIMEOUT

    @property
    def services(self) -> list[Touch]:
        """The services and processes that were used."""
        return [one for one in self.touches if one.kind is Kind.SERVICE]

    def describe(self) -> str:
        """Return the response in a few words: ``GET /health answers 401 text/html``."""
        location = self.response.header("Location")
        suffix = f" to {location}" if location else ""
        if isinstance(self.response.error, _TimeLimitError):
            return f"GET {self.path} does not answer within {self.seconds:.0f} s"
        return f"GET {self.path} answers {self.response.describe()}{suffix}"


def probe(subject: Subject, path: str, *, denies: bool = False) -> ProbeResponse:
    """Send a probe's request, and follow the redirect to the same path with a slash.

    :param denies: whether each service that the app uses fails meanwhile.
    """
    result = _send(subject, path, denies=denies)
    location = urlsplit(result.response.header("Location")).path
    if result.is_redirect and location == f"{path}/":
        return _send(subject, location, denies=denies)
    return result


def _send(subject: Subject, path: str, *, denies: bool) -> ProbeResponse:
    begin = perf_counter()
    with subject.sandbox.watch(denies=denies) as touches, _limit_time():
        response = subject.send("GET", path, headers=_HEADERS)
    return ProbeResponse(path, response, perf_counter() - begin, touches)


class _TimeLimitError(BaseException):
    """A probe takes too long. No `Exception`, which the app would handle."""


@contextmanager
def _limit_time() -> Iterator[None]:
    """Interrupt what runs in the main thread after some seconds."""

    def interrupt(signal_number: int, frame: FrameType | None) -> None:
        raise _TimeLimitError

    before: Callable[[int, FrameType | None], object] | int | None
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, _MAX_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
