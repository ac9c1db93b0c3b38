"""Task definitions of ECS: containers as workloads."""

from __future__ import annotations

from collections.abc import Iterator

from wsgi_observe.doctor.deployment.command import read_command
from wsgi_observe.doctor.deployment.duration import read_duration
from wsgi_observe.doctor.deployment.environment import Environment
from wsgi_observe.doctor.deployment.probe import Probe, make_probe, read_test
from wsgi_observe.doctor.deployment.tree import Node
from wsgi_observe.doctor.deployment.workload import Deployment, LogDriver, Platform, Workload


def read_task_definition(deployment: Deployment, task: Node) -> None:
    """Add the containers of a task definition."""
    containers = task.get("containerDefinitions").children
    images = {container.get("image").text for container in containers}
    is_alone = len(containers) == 1
    for container in containers:
        mappings = container.get("portMappings").children if is_alone else ()
        workload = Workload(
            deployment,
            Platform.ECS,
            container.where,
            _read_environment(container),
            deployment.find_image(container.get("image").text, images),
            probes=list(_read_probes(container)),
            grace=read_duration(container.get("stopTimeout"), "stopTimeout", 30.0),
            mounts=dict(_read_mounts(container)),
            read_only=container.get("readonlyRootFilesystem"),
            log_driver=_read_log_driver(container),
            published=[mapping.get("containerPort") for mapping in mappings],
            shares_network=not is_alone,
            is_on_fargate="FARGATE" in task.get("requiresCompatibilities").texts,
        )
        deployment.add(
            workload,
            read_command(container.get("entryPoint")),
            read_command(container.get("command")),
        )


def _read_environment(container: Node) -> Environment:
    entries = container.get("environment").children
    variables = {entry.get("name").text or "": entry.get("value") for entry in entries}
    for entry in container.get("secrets").children:
        variables[entry.get("name").text or ""] = Node(entry.where, "$")
    return Environment(variables, bool(container.get("environmentFiles").children))


def _read_probes(container: Node) -> Iterator[Probe]:
    check = container.get("healthCheck")
    command = read_test(check.get("command"))
    if command is not None:
        timeout = read_duration(check.get("timeout"), "timeout", 5.0)
        yield make_probe("liveness", check, command, timeout)


def _read_mounts(container: Node) -> Iterator[tuple[str, bool]]:
    for mount in container.get("mountPoints").children:
        yield mount.get("containerPath").text or "", False
    for mount in container.get("linuxParameters", "tmpfs").children:
        yield mount.get("containerPath").text or "", True


def _read_log_driver(container: Node) -> LogDriver | None:
    configuration = container.get("logConfiguration")
    if not configuration:
        return None
    return LogDriver(
        configuration.get("logDriver"), configuration.get("options"), configuration.where
    )
