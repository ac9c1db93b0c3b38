"""Units of systemd and lines of a Procfile, as workloads."""

from __future__ import annotations

import re

from wsgi_observe.doctor.deployment.command import Command, split_words
from wsgi_observe.doctor.deployment.duration import read_duration
from wsgi_observe.doctor.deployment.environment import Environment, read_env_file
from wsgi_observe.doctor.deployment.lines import join_lines
from wsgi_observe.doctor.deployment.tree import Node
from wsgi_observe.doctor.deployment.workload import Deployment, Platform, Workload

_COMMENT = re.compile("[#;]")
_PREFIXES = re.compile(r"\A[-@:+!|]+")


def parse_unit(
    text: str, name: str, options: dict[str, list[Node]] | None = None
) -> dict[str, list[Node]]:
    """Return the options of a unit's ``[Service]`` section; an empty value resets a list.

    :param options: those of the unit to which this text, a drop-in, adds its own.
    """
    options = {} if options is None else options
    section = ""
    for line in join_lines(text, ignored=_COMMENT):
        if line.text.startswith("["):
            section = line.text
        key, equals, value = (part.strip() for part in line.text.partition("="))
        if section == "[Service]" and equals:
            nodes = options.setdefault(key, [])
            if value:
                nodes.append(Node(f"{name}:{line.number}", value))
            else:
                nodes.clear()
    return options


def read_unit(deployment: Deployment, name: str, text: str) -> bool:
    """Add the workload of a unit; return whether it starts a server."""
    options = parse_unit(text, name)
    for drop_in in deployment.folder.names:
        if drop_in.startswith(f"{name}.d/") and drop_in.endswith(".conf"):
            parse_unit(deployment.folder.read(drop_in) or "", drop_in, options)
    options = {key: nodes for key, nodes in options.items() if nodes}
    unit = Node(name, {key: nodes[-1] for key, nodes in options.items()})
    start = unit.get("ExecStart")
    stop_key = (
        "TimeoutSec" if "TimeoutStopSec" not in unit and "TimeoutSec" in unit else "TimeoutStopSec"
    )
    workload = Workload(
        deployment,
        Platform.SYSTEMD,
        start.where,
        _read_environment(deployment, options),
        grace=read_duration(unit.get(stop_key), stop_key, 90.0),
        unit=unit,
    )
    command = _split(_PREFIXES.sub("", start.text or ""))
    return deployment.add(workload, Command(command, start.where))


def _split(text: str) -> tuple[str, ...]:
    return split_words(text) or tuple(text.split())


def _read_environment(deployment: Deployment, options: dict[str, list[Node]]) -> Environment:
    env = Environment(is_open="PassEnvironment" in options)
    for node in options.get("Environment", []):
        pairs = (word.partition("=") for word in _split(node.text or ""))
        env = env.merged_with(Environment({key: Node(node.where, v) for key, _, v in pairs}))
    for node in options.get("EnvironmentFile", []):
        path = deployment.folder.find((node.text or "").removeprefix("-"))
        env = env.merged_with(read_env_file(deployment.folder, path))
    return env


def read_procfile(deployment: Deployment, name: str, text: str) -> bool:
    """Add the servers among the processes of a Procfile; return whether it was read."""
    for number, line in enumerate(text.split("\n"), 1):
        kind, colon, command = line.partition(":")
        if colon and re.fullmatch(r"[\w-]+", kind):
            where = f"{name}:{number}"
            # The platform sets variables such as PORT.
            env = Environment(is_open=True)
            workload = Workload(deployment, Platform.PROCFILE, where, env)
            deployment.add(workload, Command(_split(command), where))
    return True
