"""Questions about a deployment, one file each; number 25 is about the reading itself."""

from __future__ import annotations

from wsgi_observe.doctor.deployment.questions import (
    buffered_output,
    draining,
    grace_periods,
    heartbeat_files,
    keepalives,
    log_drivers,
    ports,
    probes,
    proxies,
    signals,
    units,
    worker_timeouts,
)

QUESTIONS = (
    worker_timeouts.QUESTION,
    keepalives.QUESTION,
    grace_periods.QUESTION,
    heartbeat_files.QUESTION,
    proxies.QUESTION,
    signals.QUESTION,
    buffered_output.QUESTION,
    probes.QUESTION,
    units.QUESTION,
    log_drivers.QUESTION,
    draining.QUESTION,
    ports.QUESTION,
)
"""In the order of their numbers."""
