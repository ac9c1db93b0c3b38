"""Compose files: services as workloads."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Sequence
from pathlib import PurePosixPath

from wsgi_observe.doctor.deployment.command import read_command
from wsgi_observe.doctor.deployment.duration import Duration, read_duration
from wsgi_observe.doctor.deployment.environment import Environment, read_env_file
from wsgi_observe.doctor.deployment.image import Image
from wsgi_observe.doctor.deployment.probe import Probe, make_probe, read_test
from wsgi_observe.doctor.deployment.readers.dockerfile import parse_image
from wsgi_observe.doctor.deployment.tree import Node
from wsgi_observe.doctor.deployment.workload import Deployment, LogDriver, Platform, Workload

# What one file of several does not have may be in another: `docker compose -f one -f other`.
_SHARED_KEYS = ("stop_grace_period", "stop_signal", "logging", "tmpfs", "env_file")


def read_composes(deployment: Deployment, documents: Sequence[tuple[str, Node]]) -> None:
    """Add the services of all Compose files."""
    by_service: dict[tuple[PurePosixPath, str], list[Node]] = {}
    for name, document in documents:
        for service_name, service in document.get("services").items:
            by_service.setdefault((PurePosixPath(name).parent, service_name), []).append(service)
    for services in by_service.values():
        _complete(services)
    for name, document in documents:
        items = dict(document.get("services").items)
        is_built = any(service.get("build") for service in items.values())
        # Where others are built here, what is not is an image of somebody else.
        images = set() if is_built else {service.get("image").text for service in items.values()}
        for service_name, service in items.items():
            if _is_whole(service):
                _add_service(deployment, PurePosixPath(name).parent, service_name, service, images)


def _is_whole(service: Node) -> bool:
    is_part = not (service.get("build") or service.get("image"))
    return not (is_part or service.get("extends"))


def _complete(services: Sequence[Node]) -> None:
    """Add to a service what it has in other files."""
    parts = [service for service in services if not _is_whole(service)]
    variables = {
        name: value for part in parts for name, value in _read_variables(part.get("environment"))
    }
    for service in services:
        if not isinstance(service.value, dict):
            continue
        for key in _SHARED_KEYS:
            known = [other.get(key) for other in services if key in other]
            if known:
                service.value.setdefault(key, known[0])
        own = service.get("environment")
        service.value["environment"] = Node(own.where, {**variables, **dict(_read_variables(own))})


def _add_service(
    deployment: Deployment,
    folder: PurePosixPath,
    name: str,
    service: Node,
    images: Collection[str | None],
) -> None:
    image = _find_image(deployment, folder, service, images)
    ports = service.get("ports").children
    workload = Workload(
        deployment,
        Platform.COMPOSE,
        service.where,
        _read_environment(deployment, folder, service),
        image,
        names=(name, service.get("container_name").text),
        probes=list(_read_probes(service, image)),
        grace=read_duration(service.get("stop_grace_period"), "stop_grace_period", 10.0),
        stop_signal=service.get("stop_signal"),
        mounts=dict(_read_mounts(service)),
        read_only=service.get("read_only"),
        log_driver=_read_log_driver(service),
        published=[_get_port(port) for port in ports],
        public=next(filter(_is_public, ports), Node("")),
        shares_network=bool(service.get("network_mode")),
    )
    deployment.add(
        workload, read_command(service.get("entrypoint")), read_command(service.get("command"))
    )


def _find_image(
    deployment: Deployment, folder: PurePosixPath, service: Node, names: Collection[str | None]
) -> Image | None:
    build = service.get("build")
    if not build:
        return deployment.find_image(service.get("image").text, names) if names else None
    context = build.text or build.get("context").text or "."
    path = _normalize(folder / context / (build.get("dockerfile").text or "Dockerfile"))
    target = build.get("target").text
    image = None if "dockerfile_inline" in build else deployment.images.get(path)
    text = deployment.folder.read(path) if image and target else None
    return parse_image(text, path, target) if text and target else image


def _normalize(path: PurePosixPath) -> str:
    return posixpath.normpath(f"/{path}").strip("/")


def _read_environment(deployment: Deployment, folder: PurePosixPath, service: Node) -> Environment:
    env = Environment()
    files = service.get("env_file")
    for node in files.children or ([files] if files else []):
        path = _normalize(folder / (node.text or node.get("path").text or "$"))
        env = env.merged_with(read_env_file(deployment.folder, path))
    return env.merged_with(Environment(dict(_read_variables(service.get("environment")))))


def _read_variables(node: Node) -> Iterator[tuple[str, Node]]:
    yield from node.items
    for entry in node.children:
        key, equals, value = (entry.text or "").partition("=")
        yield key, Node(entry.where, value if equals else "$")


def _read_probes(service: Node, image: Image | None) -> Iterator[Probe]:
    check = service.get("healthcheck")
    test = check.get("test")
    if check.get("disable").is_true or test.texts[:1] == ["NONE"]:
        return
    command = read_test(test)
    if command is not None:
        timeout = read_duration(check.get("timeout"), "timeout", 30.0)
        yield make_probe("container", check, command, timeout)
    elif image is not None and image.health_check is not None and not test:
        yield make_probe("container", check, image.health_check, Duration(30.0, name="timeout"))


def _read_mounts(service: Node) -> Iterator[tuple[str, bool]]:
    tmpfs = service.get("tmpfs")
    for text in tmpfs.texts or ([tmpfs.text] if tmpfs.text else []):
        yield text.partition(":")[0], True
    for volume in service.get("volumes").children:
        parts = (volume.text or "").split(":")
        target = volume.get("target").text or parts[min(1, len(parts) - 1)]
        yield target, volume.get("type").text == "tmpfs"


def _read_log_driver(service: Node) -> LogDriver | None:
    logging = service.get("logging")
    driver, options = logging.get("driver"), logging.get("options")
    is_meant_to_last = service.get("restart").text in ("always", "unless-stopped")
    is_judged = driver or options or is_meant_to_last
    return LogDriver(driver, options, logging.where) if is_judged else None


def _get_port(port: Node) -> Node:
    """Return the port of the container that is published; empty if it is not known."""
    text = (port.known_text or "").rpartition(":")[2].partition("/")[0]
    return port.get("target") or Node(port.where, text if text.isdigit() else None)


def _is_public(port: Node) -> bool:
    host = port.get("host_ip").text or (port.text or "").rpartition(":")[0]
    return not host.startswith(("127.", "localhost", "[::1]"))
