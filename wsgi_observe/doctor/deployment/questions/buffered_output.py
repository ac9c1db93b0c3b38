"""Question 19: whether what a Python server prints is lost when it is killed."""

from __future__ import annotations

from collections.abc import Iterator

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.deployment.questions.question import WorkloadQuestion
from wsgi_observe.doctor.deployment.workload import Workload

_VARIABLE = "PYTHONUNBUFFERED"


def _find_faults(workload: Workload) -> Iterator[Fault]:
    launch, image = workload.launch, workload.image
    if launch is None or image is None or launch.program == "uwsgi" or launch.is_unbuffered:
        return
    has_known_logger = not workload.is_gunicorn or workload.settings.get("logger_class") is not None
    if workload.is_observed or not has_known_logger:
        return  # our logger writes the lines, or another that is not known
    variable = workload.env.get(_VARIABLE)
    is_empty = _VARIABLE in workload.env and not variable.text
    if is_empty or workload.env.is_unset(_VARIABLE):
        yield Fault(
            "PYTHONUNBUFFERED is not set: what the app prints stays in the process for up to "
            "8 KiB, and is lost when it is killed",
            "ENV PYTHONUNBUFFERED=1",
            variable.where or image.file,
            is_warning=True,
        )


QUESTION = WorkloadQuestion(
    19,
    "output is not buffered",
    "Dockerfile of a Python server",
    applies=lambda it: it.is_server_container and it.image and it.image.is_plain,
    find_faults=_find_faults,
)
