"""Every way to die, as a table: what is asked for, what is done to it, what is to come of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

from tests.support import Server, descendants

SYNC, GTHREAD, GEVENT = "sync", "gthread", "gevent"
ALL = (SYNC, GTHREAD, GEVENT)

ENVELOPE, CUT, WHOLE = "the envelope", "a broken connection", "its answer"

Act = Callable[[Server, int], None]
"""What is done to the server, and to its worker of that process ID, while the request runs."""


def to_worker(number: signal.Signals) -> Act:
    return lambda server, worker: os.kill(worker, number)


def to_arbiter(number: signal.Signals) -> Act:
    return lambda server, worker: server.process.send_signal(number)


@dataclass(frozen=True)
class Way:
    """One row."""

    name: str
    path: str
    client: str
    cause: str = ""
    """What it died of; empty where the worker lives on and the app's failure is what is told."""

    exc_type: str = ""
    kinds: tuple[str, ...] = ALL
    act: Act | None = None
    ends: bool = False
    """Whether the server ends with it."""

    errors: int = 1
    has_stack: bool = False

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


def _fails(name: str, path: str, exc_type: str, client: str = ENVELOPE, **more: object) -> Way:
    return Way(name, path, client, exc_type=exc_type, **more)  # type: ignore[arg-type]


def _dies(name: str, path: str, cause: str, client: str = CUT, **more: object) -> Way:
    return Way(name, path, client, cause=cause, **more)  # type: ignore[arg-type]


# What ends a process, generator, task or greenlet, raised by the app itself.
NO_SHUTDOWN = ("KeyboardInterrupt", "GeneratorExit", "CancelledError", "GreenletExit")

# What the app does to its own request.
OF_THE_APP = (
    _fails("an exception in the view", "/raise/error", "ValueError"),
    _fails("a BaseException in the view", "/raise/base", "BaseException"),
    *(_fails(f"SystemExit({n}) in the view", f"/raise/exit-{n}", "SystemExit") for n in range(2)),
    *(_fails(f"SystemExit({n}) in the view", f"/raise/exit-{n}", "SystemExit") for n in (3, 4)),
    *(_fails(f"{kind} in the view", f"/raise/{kind}", kind) for kind in NO_SHUTDOWN),
    _fails("MemoryError", "/memory", "MemoryError"),
    _fails("recursion to the limit", "/recursion", "RecursionError"),
    _fails("gevent.Timeout", "/raise/timeout", "Timeout", kinds=(GEVENT,)),
    _fails("an exception in a teardown", "/teardown", "ValueError"),
    _fails("an exception in the first chunk", "/first-chunk/error", "ValueError"),
    _fails("SystemExit in the first chunk", "/first-chunk/exit-3", "SystemExit"),
    *(_fails(f"{kind} in the first chunk", f"/first-chunk/{kind}", kind) for kind in NO_SHUTDOWN),
    _fails("an exception in mid-stream", "/mid-stream/error", "ValueError", CUT),
    _fails("SystemExit in mid-stream", "/mid-stream/exit-4", "SystemExit", CUT),
    *(_fails(f"{kind} in mid-stream", f"/mid-stream/{kind}", kind, CUT) for kind in NO_SHUTDOWN),
    _fails("an exception in close", "/close/error", "ValueError", WHOLE),
    _fails("SystemExit in close", "/close/exit-3", "SystemExit", WHOLE),
    *(_fails(f"{kind} in close", f"/close/{kind}", kind, WHOLE) for kind in NO_SHUTDOWN),
    _fails("an exception in a thread of the request", "/thread", "ValueError", WHOLE),
    _fails(
        "an exception thrown into the serving thread",
        "/thrown",
        "SystemExit",
        kinds=(SYNC, GTHREAD),
    ),
    _fails(
        "an exception in a greenlet of the request",
        "/greenlet",
        "ValueError",
        WHOLE,
        kinds=(GEVENT,),
    ),
    _fails("an exception in a signal handler", "/signal-handler", "HandlerError", kinds=(SYNC,)),
    _fails("SystemExit in a signal handler", "/exit-handler", "SystemExit", kinds=(SYNC,)),
    Way("an exception in a signal handler", "/signal-handler", WHOLE, kinds=(GTHREAD,), errors=0),
    Way("a fork in the request", "/fork/ends", WHOLE, errors=0),
    Way("a fork in the request that is killed", "/fork/dies", WHOLE, errors=0),
)

# What ends the worker with the request.
OF_THE_WORKER = (
    *(_dies(f"os._exit({n})", f"/os-exit/{n}", f"exit {n}") for n in (0, 1, 3, 4, 7)),
    _dies("os._exit in mid-stream", "/os-exit-mid-stream", "exit 7"),
    _dies("an abort of a library", "/abort", "SIGABRT"),
    _dies("a segmentation fault", "/segfault", "SIGSEGV"),
    *(
        _dies(f"{name} from the app", f"/signal/{name}", name)
        for name in ("SIGKILL", "SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGHUP")
    ),
    _dies("SIGKILL from outside", "/sleep?seconds=20", "SIGKILL", act=to_worker(signal.SIGKILL)),
    _dies("SIGKILL in mid-stream", "/stream", "SIGKILL", act=to_worker(signal.SIGKILL)),
    _dies(
        "SIGQUIT to a sync worker",
        "/sleep?seconds=20",
        "SIGQUIT",
        ENVELOPE,
        kinds=(SYNC,),
        act=to_worker(signal.SIGQUIT),
        has_stack=True,
    ),
    _dies("an exception in a signal handler", "/signal-handler", "exit 255", kinds=(GEVENT,)),
    _dies("a greenlet that is killed", "/kill", "GreenletExit", kinds=(GEVENT,)),
    _dies("SystemExit in a signal handler", "/exit-handler", "SystemExit", kinds=(GEVENT,)),
    _dies(
        "the worker timeout",
        "/sleep?seconds=20",
        "worker timeout",
        ENVELOPE,
        kinds=(SYNC,),
        has_stack=True,
    ),
    _dies(
        "the worker timeout in mid-stream",
        "/stream",
        "worker timeout",
        kinds=(SYNC,),
        has_stack=True,
    ),
    _dies(
        "the worker timeout of a loop that is kept",
        "/busy?seconds=20",
        "worker timeout",
        ENVELOPE,
        kinds=(GEVENT,),
        has_stack=True,
    ),
    _dies(
        "the worker timeout of an app that catches everything",
        "/stubborn",
        "worker timeout",
        kinds=(SYNC,),
        has_stack=True,
    ),
    _dies("the worker timeout while an extension keeps the lock", "/deaf", "worker timeout"),
)  # fmt: skip

# What ends the server.
OF_THE_SERVER = (
    _dies(
        "SIGTERM beyond the grace period",
        "/sleep?seconds=20",
        "graceful timeout",
        act=to_arbiter(signal.SIGTERM),
        ends=True,
    ),
    _dies(
        "SIGTERM beyond the grace period in mid-stream",
        "/stream",
        "graceful timeout",
        act=to_arbiter(signal.SIGTERM),
        ends=True,
    ),
    *(
        way
        for name in ("SIGQUIT", "SIGINT")
        for way in (
            _dies(
                f"{name} in a request",
                "/sleep?seconds=20",
                "SIGQUIT",  # the arbiter passes on that, whichever of the two it gets
                ENVELOPE,
                kinds=(SYNC,),
                act=to_arbiter(signal.Signals[name]),
                ends=True,
                has_stack=True,
            ),
            _dies(
                f"{name} in mid-stream",
                "/stream",
                "SIGQUIT",
                kinds=(SYNC,),
                act=to_arbiter(signal.Signals[name]),
                ends=True,
                has_stack=True,
            ),
            _dies(
                f"{name} in mid-stream",
                "/stream",
                "graceful timeout",
                kinds=(GTHREAD,),
                act=to_arbiter(signal.Signals[name]),
                ends=True,
            ),
            _dies(
                f"{name} in mid-stream",
                "/stream",
                "SIGQUIT",
                kinds=(GEVENT,),
                act=to_arbiter(signal.Signals[name]),
                ends=True,
            ),
        )
    ),
)


def rows(ways: tuple[Way, ...]) -> list[tuple[str, Way]]:
    """Return each way with each kind of worker that it applies to, one kind after the other."""
    return [(kind, way) for kind in ALL for way in ways if kind in way.kinds]


def worker_of(server: Server) -> int:
    (worker,) = descendants(server.process.pid)
    return worker
