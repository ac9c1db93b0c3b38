"""Question 14: whether Gunicorn closes connections before the load balancer does."""

from __future__ import annotations

from collections.abc import Iterator

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.deployment.questions.question import WorkloadQuestion
from wsgi_observe.doctor.deployment.workload import Workload

_KEEPS_ALIVE = {"gthread", "gevent", "eventlet"}  # sync closes each connection


def _applies(workload: Workload) -> bool:
    return workload.is_gunicorn and any(item.idle for item in workload.balancers)


def _find_faults(workload: Workload) -> Iterator[Fault]:
    keepalive = workload.settings.duration("keepalive")
    if keepalive is None or workload.settings.worker_kind not in _KEEPS_ALIVE:
        return
    for balancer in workload.balancers:
        idle = balancer.idle
        if idle is None or keepalive.seconds > idle.seconds:
            continue
        effect = "POST requests fail" if balancer.retries else "requests fail"
        seconds = int(idle.seconds + (20 if idle.seconds >= 600 else 5))
        own = keepalive.describe("Gunicorn's")
        yield Fault(
            f"keepalive is {own}, {balancer.kind} keeps idle "
            f"connections for {idle.describe('its')}: now and then it sends a request into "
            f"one that Gunicorn is closing, and {effect} with a 502",
            f"--keep-alive={seconds}\n# or in gunicorn.conf.py: keepalive = {seconds}",
            keepalive.where or workload.start,
            is_warning=balancer.retries,
        )


QUESTION = WorkloadQuestion(
    14,
    "kept connections outlive the load balancer's",
    "load balancer with a known idle timeout",
    _applies,
    _find_faults,
)
