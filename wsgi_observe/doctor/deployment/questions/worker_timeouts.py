"""Question 13: whether the worker timeout fits the readiness checks and the proxies."""

from __future__ import annotations

from collections.abc import Iterator

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.deployment.questions.question import WorkloadQuestion
from wsgi_observe.doctor.deployment.workload import Workload


def _find_faults(workload: Workload) -> Iterator[Fault]:
    timeout, check = workload.settings.duration("timeout"), workload.check_timeout
    kind = workload.settings.worker_kind
    if timeout is None or kind not in ("sync", None):
        return  # on other workers the timeout does not end requests
    seen, where = "timeout is " + timeout.describe("Gunicorn's"), timeout.where or workload.start
    if timeout.seconds == 0 and kind == "sync":
        yield Fault(
            "timeout is 0: a sync worker that hangs in a request is never replaced",
            "--timeout=30\n# or threads, on which a request that hangs costs one: --threads=4",
            where,
            is_warning=True,
        )
    elif check is not None and 0 < timeout.seconds <= check.seconds:
        yield Fault(
            f"{seen}, and a readiness check may take {check.seconds:g} s: Gunicorn kills the "
            "worker that waits for it",
            "--timeout=30\n# or a shorter check: WSGI_OBSERVE_CHECK_TIMEOUT=0.8",
            where,
            is_warning=kind is None,
        )
    for balancer in workload.balancers if kind == "sync" else ():
        read = balancer.read_timeout
        if read is not None and 0 < read.seconds < timeout.seconds:
            yield Fault(
                f"{seen}, {balancer.kind} waits for a response for {read.describe('its')}: "
                "the client gets a 504, the worker goes on and logs a success",
                f"--timeout={read.seconds * 0.9:.0f}\n# or a longer {read.name} there",
                where,
                is_warning=True,
            )


QUESTION = WorkloadQuestion(
    13,
    "timeouts fit each other",
    "command line of Gunicorn",
    applies=lambda workload: workload.is_gunicorn,
    find_faults=_find_faults,
)
