"""Questions about the timeouts of Gunicorn and of what is before it."""

from __future__ import annotations

from collections.abc import Iterator

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.deployment.gunicorn import GunicornSettings
from wsgi_observe.doctor.deployment.workload import Balancer, Deployment, Span, Workload

_KEEPS_ALIVE = {"gthread", "gevent", "eventlet"}  # sync closes each connection


def check_timeout(deployment: Deployment, workload: Workload) -> Span | None:
    """Return the longest timeout of the readiness checks; None if it is not known."""
    if deployment.facts is not None and deployment.facts.max_check_timeout is not None:
        return Span(deployment.facts.max_check_timeout, "the app")
    node = workload.env.get("WSGI_OBSERVE_CHECK_TIMEOUT")
    return None if node.number is None else Span(node.number, node.where)


def find_timeouts(deployment: Deployment) -> Iterator[Fault]:
    """Find worker timeouts that do not fit the checks or the proxies."""
    for workload, settings in deployment.gunicorns:
        yield from _check_worker_timeout(deployment, workload, settings)
    for balancer, workload, settings in _proxied(deployment):
        yield from _check_read_timeout(balancer, workload, settings)


def _check_worker_timeout(
    deployment: Deployment, workload: Workload, settings: GunicornSettings
) -> Iterator[Fault]:
    timeout, check = settings.number("timeout"), check_timeout(deployment, workload)
    kind = settings.worker_kind
    if timeout is None or timeout.number is None or kind not in ("sync", None):
        return  # on other workers the timeout does not end requests
    where = timeout.where or workload.start
    if timeout.number == 0 and kind == "sync":
        yield Fault(
            "timeout is 0: a sync worker that hangs in a request is never replaced",
            "--timeout=30\n# or threads, on which a request that hangs costs one: --threads=4",
            where,
            is_warning=True,
        )
    elif check is not None and 0 < timeout.number <= check.seconds:
        yield Fault(
            f"timeout is {timeout.describe()}, and a readiness check may take "
            f"{check.seconds:g} s: Gunicorn kills the worker that waits for it",
            "--timeout=30\n# or a shorter check: WSGI_OBSERVE_CHECK_TIMEOUT=0.8",
            where,
            is_warning=kind is None,
        )


def _check_read_timeout(
    balancer: Balancer, workload: Workload, settings: GunicornSettings
) -> Iterator[Fault]:
    timeout, read = settings.number("timeout"), balancer.read_timeout
    if timeout is None or timeout.number is None or read is None:
        return
    if settings.worker_kind == "sync" and timeout.number > read.seconds:
        yield Fault(
            f"timeout is {timeout.describe()}, {balancer.kind} waits for a response for "
            f"{_describe(read)}: the client gets a 504, the worker goes on and logs a success",
            f"--timeout={read.seconds * 0.9:.0f}\n# or a longer {read.label or 'timeout'} there",
            timeout.where or workload.start,
            is_warning=True,
        )


def has_idle_timeouts(deployment: Deployment) -> bool:
    """Return whether there is a load balancer that keeps connections before Gunicorn."""
    return any(balancer.idle for balancer, _, _ in _proxied(deployment))


def find_short_keepalives(deployment: Deployment) -> Iterator[Fault]:
    """Find servers that close connections before the load balancer does."""
    for balancer, workload, settings in _proxied(deployment):
        keepalive, idle = settings.number("keepalive"), balancer.idle
        if keepalive is None or keepalive.number is None or idle is None:
            continue
        if settings.worker_kind not in _KEEPS_ALIVE or keepalive.number > idle.seconds:
            continue
        effect = "POST requests fail" if balancer.retries else "requests fail"
        seconds = int(idle.seconds + (20 if idle.seconds >= 600 else 5))
        yield Fault(
            f"keepalive is {keepalive.describe()}, {balancer.kind} keeps idle connections for "
            f"{_describe(idle)}: now and then it sends a request into one that Gunicorn is "
            f"closing, and {effect} with a 502",
            f"--keep-alive={seconds}\n# or in gunicorn.conf.py: keepalive = {seconds}",
            keepalive.where or workload.start,
            is_warning=balancer.retries,
        )


def _proxied(deployment: Deployment) -> Iterator[tuple[Balancer, Workload, GunicornSettings]]:
    for balancer in deployment.balancers:
        for workload in balancer.workloads:
            if workload.settings is not None:
                yield balancer, workload, workload.settings


def _describe(span: Span) -> str:
    return f"{span.seconds:g} s" + ("" if span.where else " (its default)")
