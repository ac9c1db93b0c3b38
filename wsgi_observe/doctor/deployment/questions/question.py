"""A question about the workloads of a deployment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from wsgi_observe.doctor.answer import Answer, Fault
from wsgi_observe.doctor.deployment.workload import Deployment, Workload


@dataclass(frozen=True)
class WorkloadQuestion:
    """A question that is asked about each workload by itself.

    :param number: by which its page is named.
    :param subject: what a workload must have for the question to apply to it.
    """

    number: int
    name: str
    subject: str
    applies: Callable[[Workload], object]
    find_faults: Callable[[Workload], Iterator[Fault]]

    def answer(self, deployment: Deployment) -> Answer:
        """Return the answer for all workloads to which the question applies."""
        concerned = [workload for workload in deployment.workloads if self.applies(workload)]
        if not concerned:
            return Answer.skip(self.number, self.name, f"no {self.subject} found")
        # A Dockerfile may be that of several workloads: each fault is reported once.
        faults = dict.fromkeys(fault for item in concerned for fault in self.find_faults(item))
        places = (workload.where for workload in deployment.workloads if workload.is_server)
        files = ", ".join(dict.fromkeys(place.partition(":")[0] for place in places))
        return Answer(self.number, self.name, tuple(faults), f"checked {files or 'the files'}")
