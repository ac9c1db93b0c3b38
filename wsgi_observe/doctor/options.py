"""Options of the doctor, which its own process hands on to that of the app."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """What is asked about.

    :ivar target: ``module:app`` or ``module:create_app()``; empty with a Gunicorn configuration
        that names the app.
    :ivar config: path of a configuration of Gunicorn, as its ``-c`` takes it.
    :ivar is_observed: whether the app is wrapped as ``--logger-class
        wsgi_observe.gunicorn.Logger`` does.
    :ivar numbers: of the questions that are asked.
    :ivar allows_network: whether connections are allowed, and readiness is tried with them.
    :ivar live_path: of the liveness probe; empty for the usual ones.
    :ivar ready_path: of the readiness probe, likewise.
    :ivar timeout: seconds for all.
    """

    target: str = ""
    config: str = ""
    is_observed: bool = False
    numbers: tuple[int, ...] = ()
    allows_network: bool = False
    live_path: str = ""
    ready_path: str = ""
    timeout: float = 60.0
