"""Our part in Gunicorn's hooks, before or after that of the user's own configuration."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from wsgi_observe.gunicorn.arbiter.app_loading import guard_preload, guard_worker
from wsgi_observe.gunicorn.arbiter.drain import keep_no_connection, make_sigterm_drain
from wsgi_observe.gunicorn.arbiter.state import Service
from wsgi_observe.gunicorn.compat import warn_of_lack
from wsgi_observe.gunicorn.worker.setup import begin

_MARK = "_wsgi_observe"


def hang(cfg: Any, service: Service) -> None:
    """Hang our hooks on a configuration, each beside the one that is there."""

    def nworkers_changed(server: Any, new: object, old: object) -> None:
        if service.server is None:  # the first of all hooks, before the app is imported
            service.server = server
            guard_preload(server, service)

    def when_ready(server: Any) -> None:
        make_sigterm_drain(server, service.state)
        service.note_flights(server)
        if service.no_checks is not None:
            service.no_checks.log_in(server)

    def pre_fork(server: Any, worker: Any) -> None:
        service.give_seat(worker)

    def on_exit(server: Any) -> None:
        service.end()

    def post_worker_init(worker: Any) -> None:
        begin(worker, service)

    def pre_request(worker: Any, req: Any) -> None:
        if service.state.draining:
            keep_no_connection(req)

    _chain(cfg, "nworkers_changed", nworkers_changed)
    _chain(cfg, "when_ready", when_ready)
    _chain(cfg, "on_reload", service.reload)
    _chain(cfg, "pre_fork", pre_fork)
    _chain(cfg, "post_fork", guard_worker)
    _chain(cfg, "on_exit", on_exit)
    # After theirs, which may wrap the app as well: ours is the outermost.
    _chain(cfg, "post_worker_init", post_worker_init, last=True)
    _chain(cfg, "pre_request", pre_request)


def _chain(cfg: Any, name: str, ours: Callable[..., None], *, last: bool = False) -> None:
    theirs = getattr(cfg, name, None)
    if not callable(theirs):
        warn_of_lack(f"Gunicorn has no hook {name}", "what hangs on it is not done")
        return
    if hasattr(theirs, _MARK):
        return  # Gunicorn goes back to a configuration that it had before

    # Gunicorn counts the arguments of a hook: it finds those of theirs by `__wrapped__`.
    @wraps(theirs)
    def both(*arguments: Any) -> None:
        if not last:
            ours(*arguments)
        theirs(*arguments)
        if last:
            ours(*arguments)

    setattr(both, _MARK, True)
    cfg.set(name, both)
