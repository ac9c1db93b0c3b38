"""Questions about a deployment, each of which has a number and a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from wsgi_observe.doctor.answer import Answer, Fault
from wsgi_observe.doctor.deployment.questions import (
    logs,
    network,
    probes,
    processes,
    stopping,
    timeouts,
    units,
)
from wsgi_observe.doctor.deployment.workload import Deployment


@dataclass(frozen=True)
class _Question:
    """A question.

    :param applies: whether a deployment has what the question is about.
    :param reason: why it does not apply, if it does not.
    """

    number: int
    name: str
    find_faults: Callable[[Deployment], Iterable[Fault]]
    applies: Callable[[Deployment], object]
    reason: str


_QUESTIONS = (
    _Question(
        13,
        "timeouts fit each other",
        timeouts.find_timeouts,
        lambda deployment: deployment.gunicorns,
        "no command line of Gunicorn found",
    ),
    _Question(
        14,
        "kept connections outlive the load balancer's",
        timeouts.find_short_keepalives,
        timeouts.has_idle_timeouts,
        "no load balancer with a known idle timeout found",
    ),
    _Question(
        15,
        "the stop fits into the grace period",
        stopping.find_short_graces,
        stopping.has_graces,
        "no Gunicorn with a known grace period found",
    ),
    _Question(
        16,
        "heartbeat files are in memory",
        processes.find_temp_dirs,
        processes.has_gunicorn_containers,
        "no container that runs Gunicorn found",
    ),
    _Question(
        17,
        "proxies are trusted, and only they",
        network.find_proxies,
        network.has_proxied_servers,
        "no Gunicorn behind a proxy or on a public port found",
    ),
    _Question(
        18,
        "signals reach the server",
        processes.find_obstacles,
        processes.has_containers,
        "no container that runs a WSGI server found",
    ),
    _Question(
        19,
        "output is not buffered",
        processes.find_buffered_output,
        processes.has_images,
        "no Dockerfile of a Python server found",
    ),
    _Question(
        20,
        "probes ask the right path in time",
        probes.find_probe_faults,
        probes.has_probes,
        "no probes of a WSGI server found",
    ),
    _Question(
        21,
        "systemd units fit the server",
        units.find_unit_faults,
        units.has_units,
        "no systemd unit of a WSGI server found",
    ),
    _Question(
        22,
        "the platform keeps the log lines",
        logs.find_log_faults,
        processes.has_containers,
        "no container that runs a WSGI server found",
    ),
    _Question(
        23,
        "traffic is drained before the stop",
        stopping.find_missing_drains,
        stopping.has_drains,
        "no Gunicorn in Kubernetes, and none that drains, found",
    ),
    _Question(
        24,
        "ports are those of the server",
        network.find_ports,
        network.has_ports,
        "no container with a known port found",
    ),
)


def ask_all(deployment: Deployment) -> list[Answer]:
    """Return the answers to all questions, in the order of their numbers."""
    answers = []
    for question in _QUESTIONS:
        number, name = question.number, question.name
        if not question.applies(deployment):
            answers.append(Answer.skip(number, name, question.reason))
            continue
        faults = dict.fromkeys(question.find_faults(deployment))  # each once, in their order
        seen = f"checked {_describe(deployment)}"
        answers.append(Answer(number, name, tuple(faults), seen))
    return [*answers, _answer_for_files(deployment)]


def _describe(deployment: Deployment) -> str:
    names = list(dict.fromkeys(workload.where.partition(":")[0] for workload in deployment.servers))
    return ", ".join(names) or "the files"


def _answer_for_files(deployment: Deployment) -> Answer:
    number, name = 25, "the files can be read"
    notes = []
    if deployment.templates:
        notes.append(
            f"{_list(deployment.templates)}: Helm templates, which are not read; render them "
            "(helm template . > rendered.yaml) and pass the folder of the result"
        )
    if deployment.unread_yaml:
        notes.append(
            f"{_list(deployment.unread_yaml)}: YAML, which is not read without PyYAML; "
            'pip install "wsgi-observe[doctor]"'
        )
    problems = deployment.folder.problems
    if problems:
        return Answer(number, name, tuple(problems))
    if deployment.read and not notes:
        return Answer(number, name, (), f"read {_list(deployment.read)}")
    return Answer.skip(number, name, "; ".join(notes) or "no files of a deployment found")


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
