"""Kubernetes manifests: containers as workloads, and the load balancers before them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from wsgi_observe.doctor.deployment.containers import (
    find_image,
    get_environment,
    parse_words,
    probe_of_command,
)
from wsgi_observe.doctor.deployment.environment import Environment
from wsgi_observe.doctor.deployment.tree import Node
from wsgi_observe.doctor.deployment.workload import (
    Balancer,
    Deployment,
    Platform,
    Probe,
    Span,
    Workload,
)

KINDS = {
    *("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod", "ReplicaSet"),
    *("Service", "Ingress", "ConfigMap", "BackendConfig", "List"),
}
_PORT = ("containerPort", "name")
_PROBES = {
    "livenessProbe": "liveness",
    "readinessProbe": "readiness",
    "startupProbe": "startup",
}


def flatten(document: Node) -> Iterator[Node]:
    """Yield the objects of a document, or those of a List."""
    if document.get("kind").text == "List":
        for item in document.get("items").children:
            if item.get("kind").text != "List":  # it may be its own alias
                yield from flatten(item)
    elif document.get("apiVersion") and document.get("kind").text in KINDS:
        yield document


class Cluster:
    """The objects of all manifests of a folder."""

    def __init__(self, deployment: Deployment, objects: Sequence[Node]) -> None:
        self._deployment = deployment
        self._by_kind: dict[str, list[Node]] = {}
        for item in objects:
            self._by_kind.setdefault(item.get("kind").text or "", []).append(item)
        self._names = {
            container.get("image").text or ""
            for item in objects
            for container in _pod_of(item).get("containers").children
        }

    def read(self) -> None:
        """Add the workloads and the load balancers."""
        for kind, objects in self._by_kind.items():
            for item in objects:
                pod = _pod_of(item)
                for container in pod.get("containers").children:
                    # What has no image is a patch of Kustomize.
                    if container.get("image").text:
                        self._add_workload(kind, item, pod, container)
        self._deployment.services += self._by_kind.get("Service", [])
        for ingress in self._by_kind.get("Ingress", []):
            self._add_ingress(ingress)
        for service in self._by_kind.get("Service", []):
            self._add_service(service)

    def _add_workload(self, kind: str, item: Node, pod: Node, container: Node) -> None:
        image = find_image(self._deployment, self._names, container.get("image").text or "")
        env = get_environment(image).merged_with(self._environment(container))
        workload = Workload(
            Platform.KUBERNETES,
            container.get("name").text or "",
            container.where,
            env,
            image=image,
            node=container,
            pod=pod,
            controller=kind,
            labels=_labels_of(item),
            grace=_grace(pod),
        )
        workload.probes = list(_probes(container))
        pre_stop = container.get("lifecycle", "preStop")
        workload.has_pre_stop = bool(pre_stop)
        workload.pre_stop, workload.drains_in_pre_stop = _pre_stop(pre_stop, workload)
        self._deployment.set_launch(
            workload, parse_words(container.get("command")), parse_words(container.get("args"))
        )
        self._deployment.workloads.append(workload)

    def _environment(self, container: Node) -> Environment:
        env = Environment()
        for source in container.get("envFrom").children:
            config = self._config_map(source.get("configMapRef", "name").text)
            prefix = source.get("prefix").text or ""
            known = {prefix + key: value for key, value in config.items}
            env = env.merged_with(Environment(known, is_open=not config))
        variables = {}
        for entry in container.get("env").children:
            value = entry.get("value")
            reference = entry.get("valueFrom", "configMapKeyRef")
            if reference:
                config = self._config_map(reference.get("name").text)
                value = config.get(reference.get("key").text or "")
            unknown = Node(entry.where, "$" if entry.get("valueFrom") else "")
            variables[entry.get("name").text or ""] = value if value else unknown
        return env.merged_with(Environment(variables))

    def _config_map(self, name: str | None) -> Node:
        found = [
            item.get("data")
            for item in self._by_kind.get("ConfigMap", [])
            if name is not None and item.get("metadata", "name").text == name
        ]
        return found[0] if len(found) == 1 else Node("")

    def _workloads_of(self, service_name: str) -> list[Workload]:
        for service in self._by_kind.get("Service", []):
            if service.get("metadata", "name").text == service_name:
                return self.workloads_behind(service)
        return []

    def workloads_behind(self, service: Node) -> list[Workload]:
        """Return the workloads that a Service sends requests to."""
        return [item for item in self._deployment.workloads if selects(service, item)]

    def _add_ingress(self, ingress: Node) -> None:
        annotations = ingress.get("metadata", "annotations")
        kind = (
            annotations.get("kubernetes.io/ingress.class").text
            or ingress.get("spec", "ingressClassName").text
            or ""
        ).lower()
        if kind == "alb" or any(key.startswith("alb.ingress") for key, _ in annotations.items):
            balancer = _alb(annotations.get("alb.ingress.kubernetes.io/load-balancer-attributes"))
        elif kind == "nginx" or any(key.startswith("nginx.ing") for key, _ in annotations.items):
            balancer = _ingress_nginx(annotations)
        elif kind in ("gce", "gce-internal"):
            balancer = Balancer("Google's load balancer", "", Span(600.0, None, "fixed"))
        else:
            balancer = Balancer("the ingress", "")
        balancer.where = balancer.where or ingress.where
        for name in _backends_of(ingress.get("spec")):
            balancer.workloads += self._workloads_of(name)
        if "Google" in balancer.kind:
            balancer.read_timeout = self._google_timeout(ingress)
        self._deployment.balancers.append(balancer)

    def _google_timeout(self, ingress: Node) -> Span | None:
        names = set(_backends_of(ingress.get("spec")))
        for service in self._by_kind.get("Service", []):
            if service.get("metadata", "name").text not in names:
                continue
            annotation = service.get("metadata", "annotations", "cloud.google.com/backend-config")
            for config in self._by_kind.get("BackendConfig", []):
                timeout = config.get("spec", "timeoutSec")
                is_used = config.get("metadata", "name").text in _names_in(annotation.text or "")
                if is_used and timeout.number is not None:
                    return Span(timeout.number, timeout.where, "timeoutSec")
            return None if annotation else Span(30.0, None, "timeoutSec")
        return None

    def _add_service(self, service: Node) -> None:
        annotations = service.get("metadata", "annotations")
        prefix = "service.beta.kubernetes.io/aws-load-balancer-"
        protocol = annotations.get(f"{prefix}backend-protocol").text
        if protocol not in ("http", "https") or annotations.get(f"{prefix}type"):
            return  # on other layers a connection is the client's
        node = annotations.get(f"{prefix}connection-idle-timeout")
        idle = Span(node.number or 60.0, node.where if node else None, "idle timeout")
        balancer = Balancer("the classic load balancer", service.where, idle, read_timeout=idle)
        balancer.workloads = self.workloads_behind(service)
        self._deployment.balancers.append(balancer)


def selects(service: Node, workload: Workload) -> bool:
    """Return whether a Service sends requests to a workload.

    Of the containers of a pod that is the one whose port it names.
    """
    selector = {key: value.text for key, value in service.get("spec", "selector").items}
    if not selector or not selector.items() <= workload.labels.items():
        return False
    if len(workload.pod.get("containers").children) < 2:
        return True
    own = {port.get(key).text for port in workload.node.get("ports").children for key in _PORT}
    binds = (workload.settings.binds if workload.settings else None) or []
    own |= {bind.rpartition(":")[2] for bind in binds}
    targets = (
        (port.get("targetPort") or port.get("port")).text
        for port in service.get("spec", "ports").children
    )
    return any(target in own for target in targets if target)


def _names_in(text: str) -> set[str]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return set()
    values = document.values() if isinstance(document, dict) else ()
    nested = [item for value in values if isinstance(value, dict) for item in value.values()]
    return {str(value) for value in [*values, *nested] if isinstance(value, str)}


def _pod_of(item: Node) -> Node:
    spec = item.get("spec")
    if item.get("kind").text == "Pod":
        return spec
    return (spec.get("jobTemplate", "spec") or spec).get("template", "spec")


def _labels_of(item: Node) -> Mapping[str, str]:
    pod = item if item.get("kind").text == "Pod" else item.get("spec", "template")
    return {key: value.text or "" for key, value in pod.get("metadata", "labels").items}


def _grace(pod: Node) -> Span | None:
    node = pod.get("terminationGracePeriodSeconds")
    if not node:
        return Span(30.0, None, "terminationGracePeriodSeconds")
    if node.number is None:
        return None
    return Span(node.number, node.where, "terminationGracePeriodSeconds")


def _probes(container: Node) -> Iterator[Probe]:
    for key, kind in _PROBES.items():
        node = container.get(key)
        if not node:
            continue
        timeout = Span(node.get("timeoutSeconds").number or 1.0, node.get("timeoutSeconds").where)
        http = node.get("httpGet")
        if "httpGet" in node:
            path = http.get("path").text or "/"
            yield Probe(kind, node, path.partition("?")[0], http.get("port"), timeout)
        elif "exec" in node:
            command = parse_words(node.get("exec", "command"))
            yield (
                probe_of_command(kind, node, command, timeout)
                if command
                else Probe(kind, node, timeout=timeout)
            )
        else:
            yield Probe(kind, node, None, node.get("tcpSocket", "port"), timeout)


def _pre_stop(hook: Node, workload: Workload) -> tuple[Span | None, bool]:
    """Return how long a preStop hook takes, if it is known, and whether it drains."""
    if not hook:
        return Span(0.0), False
    sleep = hook.get("sleep", "seconds")
    if sleep.number is not None:
        return Span(sleep.number, sleep.where, "preStop"), False
    command = " ".join(hook.get("exec", "command").texts)
    where = hook.get("exec", "command").where
    if "wsgi-observe" in command and "drain" in command:
        seconds = re.search(r"--seconds[= ](\d+(?:\.\d+)?)\b", command)
        if seconds:
            return Span(float(seconds[1]), where, "preStop"), True
        drain = workload.drain if workload.image else None  # the image may set it
        return (Span(drain.seconds, where, "preStop") if drain else None), True
    slept = re.fullmatch(r"(?:\S*sh -c )?(?:/bin/)?sleep (\d+(?:\.\d+)?)s?;?", command.strip())
    return (Span(float(slept[1]), where, "preStop") if slept else None), False


def _backends_of(spec: Node) -> Iterator[str]:
    backends = [spec.get("defaultBackend"), spec.get("backend")]
    for rule in spec.get("rules").children:
        backends += [path.get("backend") for path in rule.get("http", "paths").children]
    for backend in backends:
        name = backend.get("service", "name").text or backend.get("serviceName").text
        if name:
            yield name


def _alb(attributes: Node) -> Balancer:
    found = re.search(r"idle_timeout\.timeout_seconds=(\d+)", attributes.text or "")
    where = attributes.where if found else None
    idle = Span(float(found[1]) if found else 60.0, where, "idle_timeout.timeout_seconds")
    return Balancer("the ALB", where or "", idle, read_timeout=idle)


def _ingress_nginx(annotations: Node) -> Balancer:
    node = annotations.get("nginx.ingress.kubernetes.io/proxy-read-timeout")
    if not node:
        timeout = Span(60.0, None, "proxy-read-timeout")
    else:
        timeout = Span(node.number or float("inf"), node.where, "proxy-read-timeout")
    idle = Span(60.0, None, "upstream-keepalive-timeout")
    return Balancer("ingress-nginx", timeout.where or "", idle, True, timeout)
