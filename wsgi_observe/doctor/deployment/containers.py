"""Containers of Docker, Compose and ECS, as workloads."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import PurePosixPath

from wsgi_observe.doctor.deployment.dockerfile import Command, Image, parse_image
from wsgi_observe.doctor.deployment.environment import Environment, parse_env_file
from wsgi_observe.doctor.deployment.tree import Node, parse_duration
from wsgi_observe.doctor.deployment.workload import Deployment, Platform, Probe, Span, Workload

_URL = re.compile(
    r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::([^/\s'\"]+))?(/[^\s'\"|;?]*)?"
)


def read_dockerfiles(deployment: Deployment, names: list[str]) -> None:
    """Read the images of all Dockerfiles."""
    for name in names:
        text = deployment.folder.read(name)
        image = parse_image(text, name) if text is not None else None
        if image is not None:
            deployment.images[name] = image
            deployment.read.append(name)


def add_unused_images(deployment: Deployment) -> None:
    """Add a workload for each image that no other workload is known to run."""
    used = {workload.image.file for workload in deployment.workloads if workload.image}
    for name, image in deployment.images.items():
        if name not in used:
            workload = Workload(Platform.DOCKER, name, name, image.env, image=image)
            deployment.set_launch(workload, None, None)
            deployment.workloads.append(workload)


_OTHER_IMAGES = re.compile(
    r"postgres|mysql|maria|redis|valkey|memcache|mongo|rabbit|kafka|zookeeper|elastic|opensearch"
    r"|nginx|traefik|caddy|haproxy|envoy|istio|linkerd|proxy|busybox|alpine|ubuntu|debian|curl"
    r"|fluent|datadog|otel|opentelemetry|collector|prom|grafana|loki|jaeger|vault|minio"
    r"|mail|smtp|localstack|statsd|exporter|xray|newrelic|node|flower|admin|certbot|metabase"
    r"|keycloak|wordpress|php|ghost|gitea|sonar|registry|portainer|watchtower|swagger|cadvisor"
    r"|jenkins|n8n|clickhouse|neo4j|cassandra|consul|etcd|nats|mosquitto|influx|telegraf|sentry"
    r"|ollama|qdrant|weaviate|milvus|selenium|chrome|unleash|hasura|kong|temporal|gotenberg|tika"
)


def get_environment(image: Image | None) -> Environment:
    """Return the environment that an image sets; an empty one if the image is not known."""
    return image.env if image else Environment()


def find_image(deployment: Deployment, names: set[str], name: str) -> Image | None:
    """Return the image that a container of this image name runs.

    It is known if the folder has one Dockerfile and its containers one image, or if the
    Dockerfile is in a folder of the image's name.

    :param names: the image names of all containers of the folder.
    """
    repository = _repository(name)
    own = {_repository(other) for other in names} - {""}
    images = [image for image in deployment.images.values() if _repository(image.base)]
    if len(images) == 1 and own == {repository}:
        return images[0]
    base = repository.rpartition("/")[2]
    named = [image for image in images if image.folder.rpartition("/")[2] == base != ""]
    return named[0] if len(named) == 1 else None


def _repository(name: str) -> str:
    """Return an image's name without its tag; nothing if it is a known one of others."""
    repository = re.sub(r"(@.*|:[^/]*)\Z", "", name)
    return "" if _OTHER_IMAGES.search(repository.rpartition("/")[2]) else repository


def parse_words(node: Node) -> Command | None:
    """Return the command of a list of words, or of a text that is split as a shell does."""
    if node.text is not None:
        try:
            return Command(tuple(shlex.split(node.text)), node.where)
        except ValueError:
            return None
    return Command(tuple(node.texts), node.where) if node.children else None


def probe_of_command(kind: str, node: Node, command: Command, timeout: Span) -> Probe:
    """Return the probe that a command makes, with the path and port of a URL in it."""
    url = _URL.search(" ".join(command.words))
    path = (url[2] or "/") if url else None
    port = Node(command.where, (url[1] or "80") if url else None)
    return Probe(kind, node, path, port, timeout, command)


# What one file of several does not have may be in another: `docker compose -f one -f other`.
_SHARED_KEYS = ("stop_grace_period", "stop_signal", "logging", "tmpfs")


def read_composes(deployment: Deployment, documents: list[tuple[str, Node]]) -> None:
    """Add the services of all Compose files."""
    by_service: dict[tuple[PurePosixPath, str], list[Node]] = {}
    for name, document in documents:
        for service_name, service in document.get("services").items:
            by_service.setdefault((PurePosixPath(name).parent, service_name), []).append(service)
    for services in by_service.values():
        for key in _SHARED_KEYS:
            known = [service.get(key) for service in services if key in service]
            for service in services if known else ():
                if isinstance(service.value, dict):
                    service.value.setdefault(key, known[0])
    for name, document in documents:
        _read_compose(deployment, name, document)


def _read_compose(deployment: Deployment, name: str, document: Node) -> None:
    services = dict(document.get("services").items).values()
    names = {service.get("image").text or "" for service in services}
    if any(service.get("build") for service in services):
        names = set()
    for service_name, service in document.get("services").items:
        is_part = not (service.get("build") or service.get("image"))
        if is_part or service.get("extends"):
            continue  # the rest of it is elsewhere
        image = _image_of_service(deployment, name, service, names)
        env = get_environment(image).merged_with(_compose_environment(deployment, name, service))
        workload = Workload(
            Platform.COMPOSE,
            service_name,
            service.where,
            env,
            image=image,
            node=service,
            probes=list(_compose_probes(service, image)),
            grace=_compose_grace(service),
        )
        deployment.set_launch(
            workload, parse_words(service.get("entrypoint")), parse_words(service.get("command"))
        )
        deployment.workloads.append(workload)


def _image_of_service(
    deployment: Deployment, name: str, service: Node, names: set[str]
) -> Image | None:
    build = service.get("build")
    if not build:
        # Where others are built here, what is not is an image of somebody else.
        return find_image(deployment, names, service.get("image").text or "") if names else None
    context = build.text or build.get("context").text or "."
    dockerfile = build.get("dockerfile").text or "Dockerfile"
    parent = PurePosixPath(name).parent
    path = _normalize(parent / context / dockerfile)
    target = build.get("target").text
    image = deployment.images.get(path)
    text = deployment.folder.read(path) if image and target else None
    return parse_image(text, path, target) if text and target else image


def _normalize(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts:
            parts.pop()
        elif part not in (".", ".."):
            parts.append(part)
    return "/".join(parts)


def _compose_environment(deployment: Deployment, name: str, service: Node) -> Environment:
    env = Environment()
    files = service.get("env_file")
    for node in files.children or ([files] if files else []):
        path = node.text or node.get("path").text or "$"
        path = _normalize(PurePosixPath(name).parent / path)
        text = deployment.folder.read(path) if path in deployment.folder.names else None
        known = parse_env_file(text, path) if text is not None else Environment(is_open=True)
        env = env.merged_with(known)
    return env.merged_with(Environment(dict(_variables(service.get("environment")))))


def _variables(node: Node) -> Iterator[tuple[str, Node]]:
    yield from node.items
    for entry in node.children:
        key, equals, value = (entry.text or "").partition("=")
        yield key, Node(entry.where, value if equals else "$")


def _compose_probes(service: Node, image: Image | None) -> Iterator[Probe]:
    check = service.get("healthcheck")
    test = check.get("test")
    if check.get("disable").is_true or test.texts[:1] == ["NONE"]:
        return
    timeout = Span(parse_duration(check.get("timeout").text) or 30.0, check.get("timeout").where)
    command = _test_command(test)
    if command is not None:
        yield probe_of_command("container", check, command, timeout)
    elif image is not None and image.health_check is not None and not test:
        yield probe_of_command("container", check, image.health_check, Span(30.0))


def _test_command(test: Node) -> Command | None:
    """Return the command of a health check in the form of Docker: CMD, CMD-SHELL, or a text."""
    if test.text:
        return Command(("sh", "-c", test.text), test.where)
    kind, words = test.texts[:1], test.texts[1:]
    if kind == ["CMD-SHELL"]:
        return Command(("sh", "-c", *words), test.where)
    return Command(tuple(words), test.where) if kind == ["CMD"] else None


def _compose_grace(service: Node) -> Span | None:
    node = service.get("stop_grace_period")
    if not node:
        return Span(10.0, None, "stop_grace_period")
    seconds = parse_duration(node.text)
    return None if seconds is None else Span(seconds, node.where, "stop_grace_period")


def read_task_definition(deployment: Deployment, document: Node) -> None:
    """Add the containers of a task definition of ECS."""
    containers = document.get("containerDefinitions").children
    names = {container.get("image").text or "" for container in containers}
    for container in containers:
        image = find_image(deployment, names, container.get("image").text or "")
        env = get_environment(image).merged_with(_task_environment(container))
        workload = Workload(
            Platform.ECS,
            container.get("name").text or "",
            container.where,
            env,
            image=image,
            node=container,
            pod=document,
            probes=list(_task_probes(container)),
            grace=_task_grace(container),
        )
        deployment.set_launch(
            workload,
            parse_words(container.get("entryPoint")),
            parse_words(container.get("command")),
        )
        deployment.workloads.append(workload)


def _task_environment(container: Node) -> Environment:
    variables = {
        entry.get("name").text or "": entry.get("value")
        for entry in container.get("environment").children
    }
    secrets = {
        entry.get("name").text or "": Node(entry.where, "$")
        for entry in container.get("secrets").children
    }
    return Environment({**variables, **secrets}, bool(container.get("environmentFiles").children))


def _task_probes(container: Node) -> Iterator[Probe]:
    check = container.get("healthCheck")
    command = _test_command(check.get("command"))
    if command is not None:
        timeout = Span(check.get("timeout").number or 5.0, check.get("timeout").where)
        yield probe_of_command("liveness", check, command, timeout)


def _task_grace(container: Node) -> Span | None:
    node = container.get("stopTimeout")
    if not node:
        return Span(30.0, None, "stopTimeout")
    return None if node.number is None else Span(node.number, node.where, "stopTimeout")
