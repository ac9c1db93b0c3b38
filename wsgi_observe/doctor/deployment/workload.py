"""Workloads: the processes that a deployment runs, in one form for all platforms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from wsgi_observe.doctor.deployment.dockerfile import Command, Image
from wsgi_observe.doctor.deployment.environment import Environment
from wsgi_observe.doctor.deployment.files import Folder
from wsgi_observe.doctor.deployment.gunicorn import (
    GunicornFacts,
    GunicornSettings,
    read_settings,
)
from wsgi_observe.doctor.deployment.launch import Launch, LaunchFinder
from wsgi_observe.doctor.deployment.tree import Node

LIVE_PATH, READY_PATH = "/health", "/ready"


class Platform(StrEnum):
    """What runs a workload."""

    DOCKER = "Docker"
    COMPOSE = "Compose"
    KUBERNETES = "Kubernetes"
    ECS = "ECS"
    SYSTEMD = "systemd"
    PROCFILE = "Procfile"


@dataclass(frozen=True)
class Span:
    """A number of seconds, and the place where it is set; none if it is the default."""

    seconds: float
    where: str | None = None
    label: str = ""


@dataclass(frozen=True)
class Probe:
    """A health check of a platform.

    :param kind: ``liveness``, ``readiness`` or ``startup``.
    :param path: None if it is not an HTTP request, or if the path is not known.
    :param node: with the fields of the platform.
    """

    kind: str
    node: Node
    path: str | None = None
    port: Node = field(default_factory=lambda: Node(""))
    timeout: Span = Span(1.0)
    command: Command | None = None


@dataclass
class Workload:
    """A process that a deployment runs.

    :param node: the container, service or section of the file.
    :param pod: what is around it: the pod's spec, the task definition.
    :param grace: the time from SIGTERM to SIGKILL.
    :param pre_stop: the seconds of that time which are over before SIGTERM is sent.
    """

    platform: Platform
    name: str
    where: str
    env: Environment = field(default_factory=Environment)
    launch: Launch | None = None
    image: Image | None = None
    settings: GunicornSettings | None = None
    node: Node = field(default_factory=lambda: Node(""))
    pod: Node = field(default_factory=lambda: Node(""))
    controller: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    probes: Sequence[Probe] = ()
    grace: Span | None = None
    pre_stop: Span | None = None
    has_pre_stop: bool = False
    drains_in_pre_stop: bool = False

    @property
    def start(self) -> str:
        """The place of the command that starts the server, or else that of the workload."""
        return self.launch.where if self.launch is not None else self.where

    @property
    def is_container(self) -> bool:
        """Whether it runs in a container."""
        return self.platform not in (Platform.SYSTEMD, Platform.PROCFILE)

    @property
    def is_server(self) -> bool:
        """Whether it is known to serve: by its command, or by probes at our paths."""
        paths = {probe.path for probe in self.probes}
        return self.launch is not None or bool(paths & {self.live_path, self.ready_path})

    @property
    def is_observed(self) -> bool:
        """Whether it certainly logs by this library under Gunicorn."""
        return self.settings is not None and self.settings.is_observed

    @property
    def live_path(self) -> str:
        """The path of the liveness probe that this library answers."""
        return self.env.get("WSGI_OBSERVE_LIVE_PATH").text or LIVE_PATH

    @property
    def ready_path(self) -> str:
        """The path of the readiness probe that this library answers."""
        return self.env.get("WSGI_OBSERVE_READY_PATH").text or READY_PATH

    @property
    def drain(self) -> Span | None:
        """The drain at SIGTERM; None if it is not known."""
        name = "WSGI_OBSERVE_DRAIN_SECONDS"
        node = self.env.get(name)
        if node.number is not None:
            return Span(node.number, node.where, name)
        return Span(0.0) if self.env.is_unset(name) else None


@dataclass
class Balancer:
    """A proxy or load balancer before workloads.

    :param idle: how long it keeps a connection to the server that nothing is sent on.
    :param retries: whether it repeats requests that can be repeated when a connection is closed.
    :param read_timeout: how long it waits for a response.
    """

    kind: str
    where: str
    idle: Span | None = None
    retries: bool = False
    read_timeout: Span | None = None
    workloads: list[Workload] = field(default_factory=list)
    is_remote: bool = True


@dataclass
class Deployment:
    """All that was found below the folder."""

    folder: Folder
    facts: GunicornFacts | None = None
    workloads: list[Workload] = field(default_factory=list)
    balancers: list[Balancer] = field(default_factory=list)
    services: list[Node] = field(default_factory=list)
    images: dict[str, Image] = field(default_factory=dict)
    read: list[str] = field(default_factory=list)
    templates: list[str] = field(default_factory=list)
    unread_yaml: list[str] = field(default_factory=list)

    @property
    def has_patches(self) -> bool:
        """Whether Kustomize may add what a manifest does not have."""
        return any(
            name.endswith(("kustomization.yaml", "kustomization.yml", "Kustomization"))
            for name in self.folder.names
        )

    @property
    def servers(self) -> list[Workload]:
        """The workloads that serve."""
        return [workload for workload in self.workloads if workload.is_server]

    @property
    def gunicorns(self) -> list[tuple[Workload, GunicornSettings]]:
        """The workloads that run Gunicorn, with its settings."""
        return [
            (workload, workload.settings)
            for workload in self.workloads
            if workload.settings is not None
        ]

    def set_launch(
        self, workload: Workload, entrypoint: Command | None, command: Command | None
    ) -> None:
        """Find what a container starts, of its own words and those of its image.

        As in Docker, an entry point of one's own resets the command of the image.
        """
        image = workload.image
        if image is not None and entrypoint is None:
            entrypoint, command = image.entrypoint, command or image.command
        words: tuple[str, ...] = ()
        where = workload.where
        for part in (entrypoint, command):
            if part is None:
                continue
            if part is command and entrypoint is not None and entrypoint.is_shell_form:
                continue  # a shell gets no arguments
            words, where = words + part.words, part.where
        near = image.folder if image else ""
        is_dash = bool(image and image.is_debian)
        if words:
            finder = LaunchFinder(self.folder, near, is_dash)
            workload.launch = finder.find(words, where)
        self.set_settings(workload, near)

    def set_settings(self, workload: Workload, near: str = "") -> None:
        """Read the settings of a workload that starts Gunicorn."""
        launch = workload.launch
        if launch is not None and launch.program == "gunicorn":
            workload.settings = read_settings(
                launch.words, launch.where, workload.env, self.folder, near, self.facts
            )
