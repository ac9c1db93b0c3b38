"""Questions about the stop of a server: its grace period, and draining before it."""

from __future__ import annotations

from collections.abc import Iterator

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.deployment.gunicorn import GunicornSettings
from wsgi_observe.doctor.deployment.kubernetes import selects
from wsgi_observe.doctor.deployment.workload import Deployment, Platform, Span, Workload

_REMEDIES = {
    "stop_grace_period": "stop_grace_period: {}s",
    "terminationGracePeriodSeconds": "terminationGracePeriodSeconds: {}",
    "stopTimeout": '"stopTimeout": {}',
    "TimeoutStopSec": "TimeoutStopSec={}",
    "TimeoutSec": "TimeoutStopSec={}",
}


def has_graces(deployment: Deployment) -> bool:
    """Return whether a grace period is known."""
    return any(workload.grace for workload, _ in deployment.gunicorns)


def find_short_graces(deployment: Deployment) -> Iterator[Fault]:
    """Find grace periods that end before Gunicorn does."""
    for workload, settings in deployment.gunicorns:
        graceful, grace = settings.number("graceful_timeout"), workload.grace
        if graceful is None or graceful.number is None or grace is None:
            continue
        parts = list(_parts_before(workload))
        total = sum(span.seconds for span in parts) + graceful.number
        if total < grace.seconds:
            continue
        described = [f"{span.seconds:g} s of {span.label}" for span in parts]
        described.append(f"{graceful.describe()} of graceful_timeout")
        default = "" if grace.where else f", {workload.platform.value}'s default"
        shorter = int(grace.seconds - sum(span.seconds for span in parts)) - 5
        remedy = _REMEDIES[grace.label].format(int(total) + 5)
        yield Fault(
            f"{' and '.join(described)} are not less than the {grace.seconds:g} s before SIGKILL "
            f"({grace.label}{default}): the requests that still run are lost, and not logged",
            remedy if shorter < 1 else f"{remedy}\n# or --graceful-timeout={shorter}",
            grace.where or graceful.where or workload.where,
            is_warning=total == grace.seconds or not (graceful.where or parts),
        )


def _parts_before(workload: Workload) -> Iterator[Span]:
    """Yield what passes between the order to stop and Gunicorn's own stop, as far as known."""
    if workload.pre_stop is not None and workload.pre_stop.seconds:
        yield workload.pre_stop
    drain = workload.drain
    # SIGTERM after a drain by the command stops at once.
    if drain is not None and drain.seconds and not workload.drains_in_pre_stop:
        yield drain


def has_drains(deployment: Deployment) -> bool:
    """Return whether a server is to drain, or is one of Kubernetes."""
    return any(
        workload.platform is Platform.KUBERNETES or (workload.drain and workload.drain.seconds)
        for workload, _ in deployment.gunicorns
    )


def find_missing_drains(deployment: Deployment) -> Iterator[Fault]:
    """Find servers that stop while requests are still sent to them."""
    for workload, settings in deployment.gunicorns:
        drain = workload.drain
        is_stock = settings.get("logger_class") is not None and not settings.is_observed
        if drain is not None and drain.seconds and is_stock and not workload.drains_in_pre_stop:
            yield Fault(
                f"{drain.label} is {drain.seconds:g}, and Gunicorn has not the logger class that "
                "drains: SIGTERM stops it at once",
                "--logger-class=wsgi_observe.gunicorn.Logger",
                drain.where,
            )
        elif workload.platform is Platform.KUBERNETES:
            yield from _check_pod(deployment, workload, settings, is_stock)


_HOOK = "lifecycle: {preStop: {exec: {command: [wsgi-observe, drain, --seconds, '10']}}}"


def _check_pod(
    deployment: Deployment, workload: Workload, settings: GunicornSettings, is_stock: bool
) -> Iterator[Fault]:
    pre_stop = workload.pre_stop
    if workload.drains_in_pre_stop and pre_stop is not None and not pre_stop.seconds:
        yield Fault(
            "preStop drains for the server's drain_seconds, which is 0: it does not drain",
            f"{_HOOK}\n# or in the image: ENV WSGI_OBSERVE_DRAIN_SECONDS=10",
            pre_stop.where,
        )
    drain = workload.drain
    stops_at_once = is_stock or (
        workload.image is not None and drain is not None and not drain.seconds
    )
    is_served = any(selects(service, workload) for service in deployment.services)
    if workload.has_pre_stop or not stops_at_once or not is_served or deployment.has_patches:
        return
    yield Fault(
        "no preStop hook and no drain: Gunicorn closes its sockets at SIGTERM, while the "
        "Service still sends it requests, which are refused or reset",
        "lifecycle: {preStop: {exec: {command: [sleep, '5']}}}" if is_stock else _HOOK,
        workload.where,
        is_warning=True,
    )
