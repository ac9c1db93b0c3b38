"""Workloads: the processes that a deployment runs, in one form for all platforms."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from wsgi_observe.doctor.deployment.command import Command
from wsgi_observe.doctor.deployment.duration import Duration
from wsgi_observe.doctor.deployment.environment import Environment
from wsgi_observe.doctor.deployment.files import Folder
from wsgi_observe.doctor.deployment.gunicorn import (
    UNKNOWN,
    GunicornFacts,
    GunicornSettings,
    read_settings,
)
from wsgi_observe.doctor.deployment.image import Image, get_repository
from wsgi_observe.doctor.deployment.launch import Launch, LaunchFinder
from wsgi_observe.doctor.deployment.probe import Probe
from wsgi_observe.doctor.deployment.tree import Node

_NOTHING = Node("")
_QUOTED_LIST = re.compile(r"\['[^']*(?:gunicorn|uwsgi|waitress-serve)'")


class Platform(StrEnum):
    """What runs a workload."""

    DOCKER = "Docker"
    COMPOSE = "Compose"
    KUBERNETES = "Kubernetes"
    ECS = "ECS"
    SYSTEMD = "systemd"
    PROCFILE = "Procfile"


@dataclass(frozen=True)
class PreStop:
    """What a pod does before SIGTERM is sent, within its grace period.

    :param duration: None if it is not known.
    :param drains: whether it is ``wsgi-observe drain``.
    """

    duration: Duration | None
    drains: bool = False


@dataclass(frozen=True)
class LogDriver:
    """What a platform does with the output of a container.

    :param name: empty if it is not set.
    """

    name: Node
    options: Node
    where: str


@dataclass(frozen=True)
class Balancer:
    """A proxy or load balancer before a workload.

    :param idle: how long it keeps a connection to the server that nothing is sent on.
    :param retries: whether it repeats requests that can be repeated when a connection is closed.
    :param read_timeout: how long it waits for a response.
    :param is_remote: whether it has another address than the server.
    :param sends_scheme: whether it sets ``X-Forwarded-Proto``.
    """

    kind: str
    idle: Duration | None = None
    retries: bool = False
    read_timeout: Duration | None = None
    is_remote: bool = True
    sends_scheme: bool = True


@dataclass(eq=False)
class Workload:
    """A process that a deployment runs.

    :param names: by which other containers reach it.
    :param commands: of a container: its own, or those of its image.
    :param grace: the time from SIGTERM to SIGKILL.
    :param mounts: the folders on which something is mounted, and whether it is memory.
    :param read_only: whether the root file system is.
    :param published: the ports of the container that are published, of which one is the server's.
    :param public: where a port is published to everybody.
    :param service_ports: the ports to which Services of Kubernetes send requests.
    :param other_ports: those of other containers, which have the same address.
    :param shares_network: whether another container may reach it by a loopback address.
    :param is_on_fargate: whether it is a container of ECS on Fargate.
    :param is_replicated: whether a controller of Kubernetes keeps it running.
    :param unit: the options of a systemd unit.
    """

    deployment: Deployment
    platform: Platform
    where: str
    env: Environment = field(default_factory=Environment)
    image: Image | None = None
    names: Collection[str | None] = ()
    commands: Sequence[Command] = ()
    launch: Launch | None = None
    settings: GunicornSettings = UNKNOWN
    probes: Sequence[Probe] = ()
    grace: Duration | None = None
    pre_stop: PreStop | None = None
    stop_signal: Node = _NOTHING
    mounts: Mapping[str, bool] = field(default_factory=dict)
    read_only: Node = _NOTHING
    log_driver: LogDriver | None = None
    balancers: list[Balancer] = field(default_factory=list)
    published: Sequence[Node] = ()
    public: Node = _NOTHING
    service_ports: list[Node] = field(default_factory=list)
    other_ports: Collection[str] = ()
    shares_network: bool = False
    is_on_fargate: bool = False
    is_replicated: bool = False
    unit: Node = _NOTHING

    @property
    def start(self) -> str:
        """The place of the command that starts the server, or else that of the workload."""
        return self.launch.options.where if self.launch is not None else self.where

    @property
    def program(self) -> str:
        """The server that it starts; empty if it is not known."""
        return self.launch.program if self.launch is not None else ""

    @property
    def is_gunicorn(self) -> bool:
        """Whether it starts Gunicorn."""
        return self.program == "gunicorn"

    @property
    def is_server(self) -> bool:
        """Whether it is known to serve: by its command, or by probes at our paths."""
        paths = {probe.path for probe in self.probes}
        return self.launch is not None or bool(paths & {self.live_path, self.ready_path})

    @property
    def is_container(self) -> bool:
        """Whether it runs in a container."""
        return self.platform not in (Platform.SYSTEMD, Platform.PROCFILE)

    @property
    def is_server_container(self) -> bool:
        """Whether it is a container that serves, or would if its command were JSON."""
        return self.is_container and (self.is_server or self.quoted_list is not None)

    @property
    def quoted_list(self) -> Command | None:
        """The command if it is a list in single quotes, which is no JSON."""
        for command in self.commands:
            if command.is_shell_form and _QUOTED_LIST.match(command.words[-1]):
                return command
        return None

    @property
    def is_observed(self) -> bool:
        """Whether it certainly logs by this library under Gunicorn."""
        return self.settings.is_observed

    @property
    def live_path(self) -> str:
        """The path of the liveness probe that this library answers."""
        return self.env.get("WSGI_OBSERVE_LIVE_PATH").text or "/health"

    @property
    def ready_path(self) -> str:
        """The path of the readiness probe that this library answers."""
        return self.env.get("WSGI_OBSERVE_READY_PATH").text or "/ready"

    @property
    def drain(self) -> Duration | None:
        """The drain at SIGTERM; None if it is not known."""
        return self._get_seconds("WSGI_OBSERVE_DRAIN_SECONDS", Duration(0.0))

    @property
    def check_timeout(self) -> Duration | None:
        """The longest timeout of the readiness checks; None if it is not known."""
        facts = self.deployment.facts
        if facts is not None and facts.max_check_timeout is not None:
            return Duration(facts.max_check_timeout, "the app")
        return self._get_seconds("WSGI_OBSERVE_CHECK_TIMEOUT", None)

    def _get_seconds(self, name: str, default: Duration | None) -> Duration | None:
        node = self.env.get(name)
        if node.number is not None:
            return Duration(node.number, node.where, name)
        return default if self.env.is_unset(name) else None


@dataclass(eq=False)
class Deployment:
    """All that was found below the folder.

    :ivar read: the files that were read.
    :ivar unread: those that were not, by the reason.
    """

    folder: Folder
    facts: GunicornFacts | None = None
    workloads: list[Workload] = field(default_factory=list)
    images: dict[str, Image] = field(default_factory=dict)
    read: list[str] = field(default_factory=list)
    unread: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def has_patches(self) -> bool:
        """Whether Kustomize may add what a manifest does not have."""
        ends = ("kustomization.yaml", "kustomization.yml", "Kustomization")
        return any(name.endswith(ends) for name in self.folder.names)

    def find_image(self, name: str | None, names: Collection[str | None]) -> Image | None:
        """Return the image that a container of this image name runs.

        It is known if the folder has one Dockerfile and its containers one image, or if the
        Dockerfile is in a folder of the image's name.

        :param names: the image names of all containers of the folder.
        """
        repository = get_repository(name or "")
        own = {get_repository(other or "") for other in names} - {""}
        images = [image for image in self.images.values() if get_repository(image.base)]
        if len(images) == 1 and own == {repository}:
            return images[0]
        base = repository.rpartition("/")[2]
        named = [image for image in images if image.folder.rpartition("/")[2] == base != ""]
        return named[0] if len(named) == 1 else None

    def add(
        self, workload: Workload, entrypoint: Command | None = None, command: Command | None = None
    ) -> bool:
        """Find what a workload starts, of its own words and those of its image, and add it.

        As in Docker, an entry point of one's own resets the command of the image. Processes
        that are no containers are left out if they start no server.

        :returns: whether it was added.
        """
        image = workload.image
        if image is not None:
            workload.env = image.env.merged_with(workload.env)
            workload.stop_signal = workload.stop_signal or image.stop_signal
            if entrypoint is None:
                entrypoint, command = image.entrypoint, command or image.command
        workload.commands = [part for part in (entrypoint, command) if part is not None]
        if entrypoint is not None and entrypoint.is_shell_form:
            command = None  # a shell gets no arguments
        words = (entrypoint.words if entrypoint else ()) + (command.words if command else ())
        near, is_dash = (image.folder, image.is_debian) if image else ("", False)
        if words:
            where = (command or entrypoint or workload).where
            finder = LaunchFinder(self.folder, near, is_dash)
            workload.launch = finder.find(Command(words, where))
        launch = workload.launch
        if launch is not None and launch.program == "gunicorn":
            options, env = launch.options, workload.env
            workload.settings = read_settings(options, env, self.folder, near, self.facts)
        is_added = workload.is_container or launch is not None
        if is_added:
            self.workloads.append(workload)
        return is_added
