"""Question 23: whether a server stops while requests are still sent to it."""

from __future__ import annotations

from collections.abc import Iterator

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.deployment.questions.question import WorkloadQuestion
from wsgi_observe.doctor.deployment.workload import Platform, Workload

_HOOK = "lifecycle: {preStop: {exec: {command: [wsgi-observe, drain, --seconds, '10']}}}"


def _applies(workload: Workload) -> object:
    drains = workload.drain is not None and workload.drain.seconds > 0
    return workload.is_gunicorn and (workload.platform is Platform.KUBERNETES or drains)


def _find_faults(workload: Workload) -> Iterator[Fault]:
    drain, pre_stop = workload.drain, workload.pre_stop
    is_stock = workload.settings.get("logger_class") is not None and not workload.is_observed
    if drain is not None and drain.seconds and is_stock and not (pre_stop and pre_stop.drains):
        yield Fault(
            f"{drain.name} is {drain.seconds:g}, and Gunicorn has not the logger class that "
            "drains: SIGTERM stops it at once",
            "--logger-class=wsgi_observe.gunicorn.Logger",
            drain.where,
        )
        return
    if pre_stop is not None:
        duration = pre_stop.duration
        if pre_stop.drains and duration is not None and not duration.seconds:
            yield Fault(
                "preStop drains for the server's drain_seconds, which is 0: it does not drain",
                f"{_HOOK}\n# or in the image: ENV WSGI_OBSERVE_DRAIN_SECONDS=10",
                duration.where,
            )
        return
    does_not_drain = workload.image is not None and drain is not None and not drain.seconds
    is_served = workload.service_ports and not workload.deployment.has_patches
    if is_served and (is_stock or does_not_drain):
        yield Fault(
            "no preStop hook and no drain: Gunicorn closes its sockets at SIGTERM, while the "
            "Service still sends it requests, which are refused or reset",
            "lifecycle: {preStop: {exec: {command: [sleep, '5']}}}" if is_stock else _HOOK,
            workload.where,
            is_warning=True,
        )


QUESTION = WorkloadQuestion(
    23,
    "traffic is drained before the stop",
    "Gunicorn in Kubernetes, and none that drains,",
    _applies,
    _find_faults,
)
