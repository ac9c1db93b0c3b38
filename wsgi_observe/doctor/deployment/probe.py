"""Health checks of a platform: requests, or commands in the forms of Docker."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wsgi_observe.doctor.deployment.command import Command
from wsgi_observe.doctor.deployment.duration import Duration
from wsgi_observe.doctor.deployment.tree import Node

_NOTHING = Node("")
_URL = re.compile(
    r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::([^/\s'\"]+))?(/[^\s'\"|;?]*)?"
)


@dataclass(frozen=True)
class Probe:
    """A health check of a platform.

    :param kind: ``liveness``, ``readiness``, ``startup``, or ``container`` of Compose.
    :param node: with the fields of the platform.
    :param path: None if it is not an HTTP request, or if the path is not known.
    :param port: a number, or empty if it is not known.
    :param timeout: None if it is not known.
    """

    kind: str
    node: Node
    timeout: Duration | None
    path: str | None = None
    port: Node = _NOTHING
    command: Command | None = None

    @property
    def threshold(self) -> Node:
        """After how many failures it fails: of Kubernetes, or of ECS."""
        return self.node.get("failureThreshold") or self.node.get("retries")


def read_test(test: Node) -> Command | None:
    """Return the command of a health check: CMD, CMD-SHELL, or a text; None if there is none."""
    kind, words = test.texts[:1], test.texts[1:]
    if test.text:
        kind, words = ["CMD-SHELL"], [test.text]
    if kind == ["CMD-SHELL"]:
        return Command(("sh", "-c", *words), test.where)
    return Command(tuple(words), test.where) if kind == ["CMD"] else None


def make_probe(kind: str, node: Node, command: Command, timeout: Duration | None) -> Probe:
    """Return the probe that a command makes, with the path and port of a URL in it."""
    url = _URL.search(command.text)
    if url is None:
        return Probe(kind, node, timeout, command=command)
    return Probe(kind, node, timeout, url[2] or "/", Node(command.where, url[1] or "80"), command)
