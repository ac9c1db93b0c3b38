"""Draining at SIGTERM: readiness answers 503 while requests are still served, then Gunicorn stops.

Without the first step a load balancer notices the stop by refused connections: Gunicorn's arbiter
closes its listening sockets as soon as it gets SIGTERM.
"""

from __future__ import annotations

import os
import signal
from typing import Any

from wsgi_observe._loggers import get_logger
from wsgi_observe.gunicorn.compat import optional_attr
from wsgi_observe.health.shared_state import SharedState

_log = get_logger("wsgi_observe.gunicorn")


def install_sigterm_drain(server: Any, state: SharedState) -> None:
    """Have the arbiter drain at its first SIGTERM (``drain_seconds``) and stop at the next."""
    stop = optional_attr(server, "handle_term", "SIGTERM stops without draining")
    if stop is None:
        return

    def handle_term() -> None:
        # Another arbiter (USR2) has the same sockets, so that no client is refused.
        is_upgrading = server.reexec_pid or server.master_pid
        # Who began a drain by the command has waited for it before sending SIGTERM.
        if state.draining or not state.drain_seconds or is_upgrading:
            signal.setitimer(signal.ITIMER_REAL, 0)
            stop()
        else:
            _start_drain(state)

    server.handle_term = handle_term


def cancel_drain(state: SharedState) -> None:
    """Cancel a drain that the command has begun; one that SIGTERM has begun goes on."""
    if state.draining and not state.stopping:
        state.resume()
        _log.info("drain cancelled by the reload; the readiness probe answers as before")


def _start_drain(state: SharedState) -> None:
    state.stopping = True
    state.drain()
    _log.info(
        "draining for %g s, then stopping: the readiness probe answers 503, requests are served",
        state.drain_seconds,
    )
    # A timer is not inherited by the workers that are forked meanwhile.
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    signal.setitimer(signal.ITIMER_REAL, state.drain_seconds)
