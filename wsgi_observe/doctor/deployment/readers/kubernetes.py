"""Kubernetes manifests: containers as workloads, and the load balancers before them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wsgi_observe.doctor.deployment.command import read_command
from wsgi_observe.doctor.deployment.duration import Duration, read_duration
from wsgi_observe.doctor.deployment.environment import Environment
from wsgi_observe.doctor.deployment.probe import Probe, make_probe
from wsgi_observe.doctor.deployment.tree import Node
from wsgi_observe.doctor.deployment.workload import (
    Balancer,
    Deployment,
    Platform,
    PreStop,
    Workload,
)

_REPLICATED = {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"}
_KINDS = {
    *_REPLICATED,
    *("Job", "CronJob", "Pod", "Service", "Ingress", "ConfigMap", "BackendConfig"),
}


def flatten(document: Node) -> Iterator[Node]:
    """Yield the objects of a document, or those of a List."""
    kind = document.get("kind").text
    if kind == "List":
        for item in document.get("items").children:
            if item.get("kind").text != "List":  # it may be its own alias
                yield from flatten(item)
    elif document.get("apiVersion") and kind in _KINDS:
        yield document


def read_cluster(deployment: Deployment, objects: Sequence[Node]) -> None:
    """Add the workloads of all manifests, with the load balancers before them."""
    _Cluster(deployment, objects).read()


@dataclass(frozen=True)
class _Container:
    """A container, with the spec of its pod and the object that has it."""

    node: Node
    pod: Node
    item: Node

    @property
    def siblings(self) -> list[Node]:
        """The other containers that run beside it, with those that start before it and stay."""
        sidecars = self.pod.get("initContainers").children
        stays = [node for node in sidecars if node.get("restartPolicy").text == "Always"]
        return [
            node for node in self.pod.get("containers").children + stays if node is not self.node
        ]

    def selected_by(self, service: Node, workload: Workload) -> bool:
        """Return whether a Service sends requests to it.

        Of the containers of a pod that is the one whose port the Service names.
        """
        is_pod = self.item.get("kind").text == "Pod"
        template = self.item if is_pod else self.item.get("spec", "template")
        labels = {key: value.text for key, value in template.get("metadata", "labels").items}
        selector = {key: value.text for key, value in service.get("spec", "selector").items}
        namespaces = {_get_namespace(service), _get_namespace(self.item)}
        is_elsewhere = len(namespaces - {None}) > 1
        if is_elsewhere or not selector or not selector.items() <= labels.items():
            return False
        if not self.siblings:
            return True
        ports = self.node.get("ports").children
        own = {port.get(key).text for port in ports for key in ("containerPort", "name")}
        own |= {bind.rpartition(":")[2] for bind in workload.settings.binds}
        return any(target.text in own for target in _get_targets(service) if target.text)

    def resolve(self, port: Node) -> Node:
        """Return the number of a port that may be a name; an empty node if it is not known."""
        number = port.known_text
        if number is not None and not number.isdigit():
            numbers = {
                entry.get("name").text: entry.get("containerPort").text
                for entry in self.node.get("ports").children
            }
            number = numbers.get(number)
        return Node(port.where, number)


class _Cluster:
    """The objects of all manifests of a folder."""

    def __init__(self, deployment: Deployment, objects: Sequence[Node]) -> None:
        self._deployment = deployment
        self._by_kind: dict[str, list[Node]] = defaultdict(list)
        for item in objects:
            self._by_kind[item.get("kind").text or ""].append(item)

    def _find(self, kind: str, name: str | None) -> Node:
        """Return the one object of a name; an empty node if there is none, or several."""
        items = self._by_kind[kind]
        found = [item for item in items if name and item.get("metadata", "name").text == name]
        return found[0] if len(found) == 1 else Node("")

    def read(self) -> None:
        containers = [
            _Container(node, pod, item)
            for items in self._by_kind.values()
            for item in items
            for pod in [_get_pod(item)]
            for node in pod.get("containers").children
            if node.get("image").text  # what has none is a patch of Kustomize
        ]
        images = {container.node.get("image").text for container in containers}
        for container in containers:
            workload = self._add_workload(container, images)
            for service in self._by_kind["Service"]:
                if container.selected_by(service, workload):
                    workload.service_ports += map(container.resolve, _get_targets(service))
                    self._add_balancers(workload, service)

    def _add_workload(self, container: _Container, images: set[str | None]) -> Workload:
        node, pod = container.node, container.pod
        workload = Workload(
            self._deployment,
            Platform.KUBERNETES,
            node.where,
            self._read_environment(node),
            self._deployment.find_image(node.get("image").text, images),
            probes=list(_read_probes(container)),
            grace=read_duration(
                pod.get("terminationGracePeriodSeconds"), "terminationGracePeriodSeconds", 30.0
            ),
            mounts=dict(_read_mounts(node, pod)),
            read_only=node.get("securityContext", "readOnlyRootFilesystem"),
            other_ports={
                port.get("containerPort").text or ""
                for sibling in container.siblings
                for port in sibling.get("ports").children
            },
            shares_network=bool(container.siblings) or pod.get("hostNetwork").is_true,
            is_replicated=container.item.get("kind").text in _REPLICATED,
        )
        command, args = read_command(node.get("command")), read_command(node.get("args"))
        self._deployment.add(workload, command, args)
        workload.pre_stop = _read_pre_stop(node.get("lifecycle", "preStop"), workload)
        return workload

    def _read_environment(self, container: Node) -> Environment:
        env = Environment()
        for source in container.get("envFrom").children:
            config = self._find("ConfigMap", source.get("configMapRef", "name").text).get("data")
            prefix = source.get("prefix").text or ""
            known = {prefix + key: value for key, value in config.items}
            env = env.merged_with(Environment(known, is_open=not config))
        variables = {}
        for entry in container.get("env").children:
            value, reference = entry.get("value"), entry.get("valueFrom", "configMapKeyRef")
            if reference:
                config = self._find("ConfigMap", reference.get("name").text)
                value = config.get("data", reference.get("key").text or "")
            unknown = Node(entry.where, "$" if entry.get("valueFrom") else "")
            variables[entry.get("name").text or ""] = value or unknown
        return env.merged_with(Environment(variables))

    def _add_balancers(self, workload: Workload, service: Node) -> None:
        """Add to a workload the load balancers that lead to it by a Service."""
        kind = service.get("spec", "type")
        if kind.text == "LoadBalancer":
            workload.public = workload.public or kind
        classic = _read_classic_balancer(service)
        workload.balancers += [classic] if classic else []
        name = service.get("metadata", "name").text
        for ingress in self._by_kind["Ingress"]:
            is_near = _get_namespace(ingress) == _get_namespace(service)
            if is_near and name in _get_backends(ingress):
                workload.balancers.append(self._read_ingress(ingress, service))

    def _read_ingress(self, ingress: Node, service: Node) -> Balancer:
        annotations = ingress.get("metadata", "annotations")
        kind = (
            annotations.get("kubernetes.io/ingress.class").text
            or ingress.get("spec", "ingressClassName").text
            or ""
        ).lower()
        if kind == "alb" or any(key.startswith("alb.ingress") for key, _ in annotations.items):
            return _read_alb(annotations.get("alb.ingress.kubernetes.io/load-balancer-attributes"))
        if kind == "nginx" or any(key.startswith("nginx.ing") for key, _ in annotations.items):
            timeout = annotations.get("nginx.ingress.kubernetes.io/proxy-read-timeout")
            idle = Duration(60.0, name="upstream-keepalive-timeout")
            read_timeout = read_duration(timeout, "proxy-read-timeout", 60.0)
            return Balancer("ingress-nginx", idle, retries=True, read_timeout=read_timeout)
        if kind in ("gce", "gce-internal"):
            idle, read_timeout = Duration(600.0, name="fixed"), self._read_google_timeout(service)
            return Balancer("Google's load balancer", idle, read_timeout=read_timeout)
        return Balancer("the ingress")

    def _read_google_timeout(self, service: Node) -> Duration | None:
        configs = service.get("metadata", "annotations", "cloud.google.com/backend-config")
        # Such as {"default": "a", "ports": {"80": "b"}}.
        for name in re.findall(r':\s*"([^"]*)"', configs.text or ""):
            timeout = self._find("BackendConfig", name).get("spec", "timeoutSec")
            if timeout:
                return read_duration(timeout, "timeoutSec", 30.0)
        return None if configs else Duration(30.0, name="timeoutSec")


def _get_namespace(item: Node) -> str | None:
    return item.get("metadata", "namespace").text


def _get_targets(service: Node) -> list[Node]:
    """Return the ports, by number or name, to which a Service sends requests."""
    ports = service.get("spec", "ports").children
    return [port.get("targetPort") or port.get("port") for port in ports]


def _get_backends(ingress: Node) -> list[str]:
    """Return the names of the Services to which an Ingress leads."""
    spec = ingress.get("spec")
    backends = [spec.get("defaultBackend"), spec.get("backend")]
    for rule in spec.get("rules").children:
        backends += [path.get("backend") for path in rule.get("http", "paths").children]
    names = (item.get("service", "name").text or item.get("serviceName").text for item in backends)
    return [name for name in names if name]


def _get_pod(item: Node) -> Node:
    spec = item.get("spec")
    if item.get("kind").text == "Pod":
        return spec
    return (spec.get("jobTemplate", "spec") or spec).get("template", "spec")


def _read_probes(container: _Container) -> Iterator[Probe]:
    for kind in ("liveness", "readiness", "startup"):
        node = container.node.get(f"{kind}Probe")
        timeout = read_duration(node.get("timeoutSeconds"), "timeoutSeconds", 1.0)
        command = read_command(node.get("exec", "command"))
        if command is not None:
            yield make_probe(kind, node, command, timeout)
        elif "httpGet" in node:
            http = node.get("httpGet")
            path = (http.get("path").text or "/").partition("?")[0]
            yield Probe(kind, node, timeout, path, container.resolve(http.get("port")))
        elif node:
            port = container.resolve(node.get("tcpSocket", "port"))
            yield Probe(kind, node, timeout, port=port)


def _read_mounts(container: Node, pod: Node) -> Iterator[tuple[str, bool]]:
    in_memory = {
        volume.get("name").text
        for volume in pod.get("volumes").children
        if volume.get("emptyDir", "medium").text == "Memory"
    }
    for mount in container.get("volumeMounts").children:
        yield mount.get("mountPath").text or "", mount.get("name").text in in_memory


def _read_pre_stop(hook: Node, workload: Workload) -> PreStop | None:
    if not hook:
        return None
    sleep = hook.get("sleep", "seconds")
    if sleep:
        return PreStop(read_duration(sleep, "preStop", 0.0))
    command = hook.get("exec", "command")
    text = " ".join(command.texts)
    drains = "wsgi-observe" in text and "drain" in text
    seconds = (
        re.search(r"--seconds[= ](\d+(?:\.\d+)?)\b", text) if drains else _SLEEP.fullmatch(text)
    )
    if seconds:
        return PreStop(Duration(float(seconds[1]), command.where, "preStop"), drains)
    drain = workload.drain if drains and workload.image else None  # the image may set it
    return PreStop(Duration(drain.seconds, command.where, "preStop") if drain else None, drains)


_SLEEP = re.compile(r"\s*(?:\S*sh -c )?(?:/bin/)?sleep (\d+(?:\.\d+)?)s?;?\s*")


def _read_alb(attributes: Node) -> Balancer:
    name = "idle_timeout.timeout_seconds"
    found = re.search(rf"{name}=(\d+)", attributes.text or "")
    idle = Duration(float(found[1]), attributes.where, name) if found else Duration(60.0, name=name)
    return Balancer("the ALB", idle, read_timeout=idle)


def _read_classic_balancer(service: Node) -> Balancer | None:
    annotations = service.get("metadata", "annotations")
    prefix = "service.beta.kubernetes.io/aws-load-balancer-"
    protocol = annotations.get(f"{prefix}backend-protocol").text
    if protocol not in ("http", "https") or annotations.get(f"{prefix}type"):
        return None  # on other layers a connection is the client's
    node = annotations.get(f"{prefix}connection-idle-timeout")
    idle = read_duration(node, "idle timeout", 60.0)
    return Balancer("the classic load balancer", idle, read_timeout=idle)
