"""Images of containers: what a Dockerfile makes, and what is known of its base."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from wsgi_observe.doctor.deployment.command import Command
from wsgi_observe.doctor.deployment.environment import Environment
from wsgi_observe.doctor.deployment.tree import Node

_OTHER_IMAGES = re.compile(
    r"postgres|mysql|maria|redis|valkey|memcache|mongo|rabbit|kafka|zookeeper|elastic|opensearch"
    r"|nginx|traefik|caddy|haproxy|envoy|istio|linkerd|proxy|busybox|alpine|ubuntu|debian|curl"
    r"|fluent|datadog|otel|opentelemetry|collector|prom|grafana|loki|jaeger|vault|minio"
    r"|mail|smtp|localstack|statsd|exporter|xray|newrelic|node|flower|admin|certbot|metabase"
    r"|keycloak|wordpress|php|ghost|gitea|sonar|registry|portainer|watchtower|swagger|cadvisor"
    r"|jenkins|n8n|clickhouse|neo4j|cassandra|consul|etcd|nats|mosquitto|influx|telegraf|sentry"
    r"|ollama|qdrant|weaviate|milvus|selenium|chrome|unleash|hasura|kong|temporal|gotenberg|tika"
)


@dataclass(frozen=True)
class Image:
    """The image that a Dockerfile makes.

    :param base: the image of the registry from which the stages come.
    :param installs: the text of all instructions that may bring programs.
    """

    file: str
    base: str = ""
    env: Environment = field(default_factory=Environment)
    entrypoint: Command | None = None
    command: Command | None = None
    health_check: Command | None = None
    stop_signal: Node = field(default_factory=lambda: Node(""))
    installs: str = ""
    shell: tuple[str, ...] = ("/bin/sh", "-c")

    @property
    def folder(self) -> str:
        """The folder of the Dockerfile, which mostly is that of the build."""
        parent = PurePosixPath(self.file).parent.as_posix()
        return "" if parent == "." else parent

    @property
    def is_plain(self) -> bool:
        """Whether it comes from an official image, whose contents are known."""
        return _official_name(self.base) in ("python", "debian", "ubuntu", "alpine")

    @property
    def is_debian(self) -> bool:
        """Whether its ``/bin/sh`` is dash."""
        name, _, tag = self.base.partition(":")
        known = _official_name(name) in ("python", "debian", "ubuntu")
        return known and "alpine" not in tag and "$" not in tag

    def lacks(self, tool: str) -> bool:
        """Return whether it certainly has no such program: curl or wget."""
        if tool in self.installs:
            return False
        has_neither = _official_name(self.base) == "python" and "slim" in self.base
        is_alpine = self.is_plain and "alpine" in self.base  # which has wget
        return has_neither or (tool == "curl" and is_alpine)


def _official_name(image: str) -> str:
    """Return the name of an official image of Docker Hub or a mirror; nothing of another."""
    registry, _, name = image.partition("@")[0].rpartition("/")
    is_official = registry in ("", "docker.io", "docker.io/library", "library") or (
        registry.endswith(("/docker/library", "/library"))  # such as public.ecr.aws/docker/library
    )
    return name.partition(":")[0] if is_official else ""


def get_repository(name: str) -> str:
    """Return an image's name without its tag; nothing if it is a known one of others."""
    repository = re.sub(r"(@.*|:[^/]*)\Z", "", name)
    return "" if _OTHER_IMAGES.search(repository.rpartition("/")[2]) else repository
