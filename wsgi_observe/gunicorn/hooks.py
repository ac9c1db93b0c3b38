"""Gunicorn's server hooks: ours run before or after those of the user's own configuration."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any

from gunicorn import __version__

from wsgi_observe.gunicorn.arbiter.app_loading import wrap_app_load, wrap_init_process
from wsgi_observe.gunicorn.arbiter.crashed_workers import Reaper
from wsgi_observe.gunicorn.arbiter.drain import cancel_drain, install_sigterm_drain
from wsgi_observe.gunicorn.arbiter.worker_entries import WorkerEntries, create_worker_entries
from wsgi_observe.gunicorn.compat import optional_attr, warn_missing
from wsgi_observe.gunicorn.worker.setup import set_up_worker
from wsgi_observe.health.shared_state import SharedState
from wsgi_observe.scoreboard.scoreboard import WorkerEntry
from wsgi_observe.settings import Settings

if TYPE_CHECKING:
    from wsgi_observe.gunicorn.arbiter.metrics import ArbiterMetrics

_HOOKS = (
    *("nworkers_changed", "when_ready", "on_reload", "on_exit"),
    *("pre_fork", "post_fork", "post_worker_init", "pre_request"),
)
_RUN_LAST = "post_worker_init"  # the user's own may wrap the app too: ours is the outermost
_INSTALLED_MARK = "_wsgi_observe"


class ServerHooks:
    """Our hooks in one server, each under Gunicorn's name for it, with the state that they share.

    It is made in the arbiter before the app is imported, and inherited by every worker.

    :ivar server: the arbiter; None until its first hook runs.
    """

    def __init__(self) -> None:
        self.server: Any = None
        self._worker: Any = None
        self._settings = Settings()
        self._health = SharedState()
        self._worker_entries: WorkerEntries | None = None
        self._reaper: Reaper | None = None
        self._metrics: ArbiterMetrics | None = None

    def install(self, cfg: Any, settings: Settings) -> None:
        """Add the hooks to a configuration, at the start and at each reload."""
        self._health.drain_seconds = settings.drain_seconds
        if self.server is None and (settings.metrics_port or settings.metrics_path):
            # Only for those who have metrics.
            from wsgi_observe.gunicorn.arbiter.metrics import create_metrics

            self._metrics = create_metrics(cfg, settings, self._health)
        if self._metrics is None:  # a reload cannot switch them on
            settings = settings.replace(metrics_port=0, metrics_path="")
        self._settings = settings
        for name in _HOOKS:
            _chain_hook(cfg, name, getattr(self, name))

    def nworkers_changed(self, server: Any, new: object, old: object) -> None:
        """Wrap the loading of the app: the first of all hooks runs before it."""
        if self.server is None:
            self.server = server
            wrap_app_load(server, self._prepare_app_load)

    def when_ready(self, server: Any) -> None:
        """Install what the arbiter does at SIGTERM, and when a worker dies."""
        install_sigterm_drain(server, self._health)
        self._worker_entries = create_worker_entries(server.cfg, self._settings)
        self._reaper = Reaper(server, self._worker_entries)
        if self._metrics is not None:
            self._metrics.start(server, self._worker_entries, self._settings)

    def on_reload(self, server: Any) -> None:
        """Cancel a drain that `wsgi-observe drain` has begun: a reload is to serve on."""
        cancel_drain(self._health)
        if self._metrics is not None:
            self._metrics.server.move(self._settings.metrics_port)

    def on_exit(self, server: Any) -> None:
        """Report the requests that died with the last workers."""
        if self._reaper is not None:
            self._reaper.close()
        if self._metrics is not None:
            self._metrics.close()

    def pre_fork(self, server: Any, worker: Any) -> None:
        """Assign an entry of the scoreboard to a worker."""
        if self._worker_entries is not None:
            self._worker_entries.assign(worker)

    def post_fork(self, server: Any, worker: Any) -> None:
        """Log the exception that keeps a worker from starting; give it its place in the metrics."""
        self._worker = worker
        if self._metrics is not None:
            self._metrics.init_worker(self._get_entry(worker))
        wrap_init_process(server, worker)

    def post_worker_init(self, worker: Any) -> None:
        """Observe the app that a worker has loaded."""
        set_up_worker(worker, self._settings, self._health, self._get_entry(worker))

    def pre_request(self, worker: Any, req: Any) -> None:
        """While draining, close a kept-alive connection, so that its client goes elsewhere."""
        if self._health.draining:
            close = optional_attr(
                req, "force_close", "kept-alive connections are not closed while draining"
            )
            if close is not None:
                close()

    def _get_entry(self, worker: Any) -> WorkerEntry | None:
        return None if self._worker_entries is None else self._worker_entries.of(worker)

    def _prepare_app_load(self) -> None:
        """Set up what the app may use as it is loaded, in a worker or by ``--preload``."""
        if self._metrics is not None:
            self._metrics.use_client(self._get_entry(self._worker))
        # A gevent worker is patched by then, which the arbiter never is: it must not load `ssl`.
        if self._settings.sentry and self._worker is not None:
            import_module("wsgi_observe.sentry").init_sentry(settings=self._settings)


def _chain_hook(cfg: Any, name: str, our_hook: Callable[..., None]) -> None:
    their_hook = getattr(cfg, name, None)
    if not callable(their_hook):
        consequence = "the part of wsgi_observe that runs in it is off"
        warn_missing(f"Gunicorn {__version__} has no hook {name}", consequence)
        return
    if hasattr(their_hook, _INSTALLED_MARK):
        return  # Gunicorn has gone back to an earlier configuration
    hooks = (their_hook, our_hook) if name == _RUN_LAST else (our_hook, their_hook)

    # Gunicorn counts the arguments of a hook, and follows `__wrapped__` for that.
    @wraps(their_hook)
    def chained(*args: Any) -> None:
        for hook in hooks:
            hook(*args)

    setattr(chained, _INSTALLED_MARK, True)
    cfg.set(name, chained)
