"""Question 15: whether Gunicorn has stopped before it is killed."""

from __future__ import annotations

from collections.abc import Iterator

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.deployment.duration import Duration
from wsgi_observe.doctor.deployment.questions.question import WorkloadQuestion
from wsgi_observe.doctor.deployment.workload import Workload

_REMEDIES = {
    "stop_grace_period": "stop_grace_period: {}s",
    "terminationGracePeriodSeconds": "terminationGracePeriodSeconds: {}",
    "stopTimeout": '"stopTimeout": {}',
    "TimeoutStopSec": "TimeoutStopSec={}",
    "TimeoutSec": "TimeoutStopSec={}",
}


def _find_faults(workload: Workload) -> Iterator[Fault]:
    graceful = workload.settings.duration("graceful_timeout")
    grace, parts = workload.grace, list(_get_parts_before(workload))
    if graceful is None or grace is None:
        return
    before = sum(part.seconds for part in parts)
    total = before + graceful.seconds
    if total < grace.seconds:
        return
    described = [f"{part.seconds:g} s of {part.name}" for part in parts]
    described.append(graceful.describe("Gunicorn's") + " of graceful_timeout")
    default = "" if grace.where else f", the default of {workload.platform.value}"
    shorter = int(grace.seconds - before) - 5
    remedy = _REMEDIES[grace.name].format(int(total) + 5)
    yield Fault(
        f"{' and '.join(described)} are not less than the {grace.seconds:g} s before SIGKILL "
        f"({grace.name}{default}): the requests that still run are lost, and not logged",
        remedy if shorter < 1 else f"{remedy}\n# or --graceful-timeout={shorter}",
        grace.where or graceful.where or workload.where,
        is_warning=total == grace.seconds or not (graceful.where or parts),
    )


def _get_parts_before(workload: Workload) -> Iterator[Duration]:
    """Yield what passes between the order to stop and Gunicorn's own stop, as far as known."""
    pre_stop, drain = workload.pre_stop, workload.drain
    if pre_stop is not None and pre_stop.duration is not None and pre_stop.duration.seconds:
        yield pre_stop.duration
    # SIGTERM after a drain by the command stops at once.
    if drain is not None and drain.seconds and not (pre_stop and pre_stop.drains):
        yield drain


QUESTION = WorkloadQuestion(
    15,
    "the stop fits into the grace period",
    "Gunicorn with a known grace period",
    applies=lambda workload: workload.is_gunicorn and workload.grace,
    find_faults=_find_faults,
)
