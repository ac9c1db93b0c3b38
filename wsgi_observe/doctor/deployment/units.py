"""Units of systemd and lines of a Procfile, as workloads."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from wsgi_observe.doctor.deployment.environment import Environment, parse_env_file
from wsgi_observe.doctor.deployment.launch import LaunchFinder
from wsgi_observe.doctor.deployment.tree import Node, parse_duration
from wsgi_observe.doctor.deployment.workload import Deployment, Platform, Span, Workload

_PREFIXES = re.compile(r"\A[-@:+!|]+")


def parse_unit(text: str, name: str) -> dict[str, list[Node]]:
    """Return the options of a unit's ``[Service]`` section; an empty value resets a list."""
    options: dict[str, list[Node]] = {}
    section = ""
    lines = iter(enumerate(text.split("\n"), 1))
    for number, line in lines:
        line = line.strip()
        while line.endswith("\\"):
            following = (next(lines, (0, ""))[1]).strip()
            line = line[:-1] + ("\\" if following.startswith(("#", ";")) else f" {following}")
        if line.startswith("["):
            section = line
        key, equals, value = (part.strip() for part in line.partition("="))
        if section == "[Service]" and equals and not key.startswith(("#", ";")):
            nodes = options.setdefault(key, [])
            if value:
                nodes.append(Node(f"{name}:{number}", value))
            else:
                nodes.clear()
    return options


def read_unit(deployment: Deployment, name: str, text: str) -> bool:
    """Add the workload of a unit; return whether it starts a server."""
    options = parse_unit(text, name)
    starts = options.get("ExecStart", [])
    if not starts or starts[-1].text is None:
        return False
    start = starts[-1]
    words = _split(_PREFIXES.sub("", start.text or ""))
    launch = LaunchFinder(deployment.folder).find(words, start.where)
    if launch is None:
        return False
    node = Node(name, {key: values[-1] for key, values in options.items() if values})
    env = _environment(deployment, options)
    workload = Workload(
        Platform.SYSTEMD, name, start.where, env, launch, node=node, grace=_grace(node)
    )
    deployment.set_settings(workload)
    deployment.workloads.append(workload)
    return True


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _environment(deployment: Deployment, options: dict[str, list[Node]]) -> Environment:
    env = Environment(is_open="PassEnvironment" in options)
    for node in options.get("Environment", []):
        pairs = (word.partition("=") for word in _split(node.text or ""))
        env = env.merged_with(Environment({key: Node(node.where, v) for key, _, v in pairs}))
    for node in options.get("EnvironmentFile", []):
        path = deployment.folder.find((node.text or "").removeprefix("-"))
        text = deployment.folder.read(path) if path else None
        known = parse_env_file(text, path) if text and path else Environment(is_open=True)
        env = env.merged_with(known)
    return env


def _grace(node: Node) -> Span | None:
    for key in ("TimeoutStopSec", "TimeoutSec"):
        if key in node:
            seconds = parse_duration(node.get(key).text)
            return None if seconds is None else Span(seconds, node.get(key).where, key)
    return Span(90.0, None, "TimeoutStopSec")


def read_procfile(deployment: Deployment, name: str, lines: Sequence[str]) -> None:
    """Add the servers among the processes of a Procfile."""
    for number, line in enumerate(lines, 1):
        kind, colon, command = line.partition(":")
        if not colon or not re.fullmatch(r"[\w-]+", kind):
            continue
        where = f"{name}:{number}"
        launch = LaunchFinder(deployment.folder).find(_split(command), where)
        if launch is not None:
            # The platform sets variables such as PORT.
            workload = Workload(Platform.PROCFILE, kind, where, Environment(is_open=True), launch)
            deployment.set_settings(workload)
            deployment.workloads.append(workload)
