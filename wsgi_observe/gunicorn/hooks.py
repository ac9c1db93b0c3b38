"""Gunicorn's server hooks: ours run before or after those of the user's own configuration."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from gunicorn import __version__

from wsgi_observe.gunicorn.arbiter.app_loading import wrap_app_load, wrap_init_process
from wsgi_observe.gunicorn.arbiter.drain import disable_keepalive, install_sigterm_drain
from wsgi_observe.gunicorn.arbiter.state import ArbiterState
from wsgi_observe.gunicorn.compat import warn_missing
from wsgi_observe.gunicorn.worker.setup import set_up_worker

_INSTALLED_MARK = "_wsgi_observe"


def install_hooks(cfg: Any, arbiter_state: ArbiterState) -> None:
    """Add our hooks to a configuration; the user's own hooks run as before."""

    def nworkers_changed(server: Any, new: object, old: object) -> None:
        if arbiter_state.server is None:  # the first of all hooks, before the app is imported
            arbiter_state.server = server
            wrap_app_load(server, arbiter_state)

    def when_ready(server: Any) -> None:
        install_sigterm_drain(server, arbiter_state.health)
        arbiter_state.create_scoreboard(server)

    def pre_request(worker: Any, req: Any) -> None:
        if arbiter_state.health.draining:
            disable_keepalive(req)

    _chain_hook(cfg, "nworkers_changed", nworkers_changed)
    _chain_hook(cfg, "when_ready", when_ready)
    _chain_hook(cfg, "on_reload", arbiter_state.reload)
    _chain_hook(cfg, "pre_fork", lambda _, worker: arbiter_state.assign_worker_entry(worker))
    _chain_hook(cfg, "post_fork", wrap_init_process)
    _chain_hook(cfg, "on_exit", lambda _: arbiter_state.close())
    # After the user's own, which may wrap the app too: ours is the outermost.
    set_up = partial(set_up_worker, arbiter_state=arbiter_state)
    _chain_hook(cfg, "post_worker_init", set_up, run_last=True)
    _chain_hook(cfg, "pre_request", pre_request)


def _chain_hook(
    cfg: Any, name: str, our_hook: Callable[..., None], *, run_last: bool = False
) -> None:
    their_hook = getattr(cfg, name, None)
    if not callable(their_hook):
        consequence = "the part of wsgi_observe that runs in it is off"
        warn_missing(f"Gunicorn {__version__} has no hook {name}", consequence)
        return
    if hasattr(their_hook, _INSTALLED_MARK):
        return  # Gunicorn has gone back to an earlier configuration

    # Gunicorn counts the arguments of a hook, and follows `__wrapped__` for that.
    @wraps(their_hook)
    def chained(*args: Any) -> None:
        if not run_last:
            our_hook(*args)
        their_hook(*args)
        if run_last:
            our_hook(*args)

    setattr(chained, _INSTALLED_MARK, True)
    cfg.set(name, chained)
