"""Question 16: whether the files by which Gunicorn's workers show that they live are in memory."""

from __future__ import annotations

from collections.abc import Iterator

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.deployment.questions.question import WorkloadQuestion
from wsgi_observe.doctor.deployment.workload import Workload

_MEMORY = '--worker-tmp-dir=/dev/shm\n# or in gunicorn.conf.py: worker_tmp_dir = "/dev/shm"'


def _find_faults(workload: Workload) -> Iterator[Fault]:
    setting = workload.settings.get("worker_tmp_dir")
    if setting is None or (workload.env.is_open and not setting.text):
        return
    given = setting.text or workload.env.get("TMPDIR").text or ""
    folder = given or "/tmp"
    is_in_memory = workload.mounts.get(folder) or folder.startswith(("/dev/shm", "/run/shm"))
    if is_in_memory or "$" in folder:
        return
    if workload.read_only.is_true and not given and not workload.mounts:
        yield Fault(
            "the root file system is read-only, and Gunicorn's heartbeat files have no folder: "
            "its workers do not boot",
            _MEMORY,
            workload.read_only.where,
            is_warning=workload.image is None,  # which may have a volume, or TMPDIR
        )
    else:
        yield Fault(
            f"the workers' heartbeat files are in {folder}, on the container's disk: if it "
            "blocks, workers that work are killed",
            _MEMORY,
            setting.where or workload.start,
            is_warning=True,
        )


QUESTION = WorkloadQuestion(
    16,
    "heartbeat files are in memory",
    "container that runs Gunicorn",
    applies=lambda workload: workload.is_container and workload.is_gunicorn,
    find_faults=_find_faults,
)
