"""Questions about ports, and about the proxies before a server."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.deployment.gunicorn import GunicornSettings
from wsgi_observe.doctor.deployment.kubernetes import selects
from wsgi_observe.doctor.deployment.tree import Node
from wsgi_observe.doctor.deployment.workload import Balancer, Deployment, Platform, Workload

_EVERYBODY = {"0.0.0.0/0", "::/0", "*"}
_LOOPBACKS = {"127.0.0.1", "localhost", "[::1]"}
_OTHER_SERVERS = re.compile(r"nginx|apache2|httpd|caddy|haproxy|traefik|envoy|supervisor")
_PROXIES = "WSGI_OBSERVE_TRUSTED_PROXIES"


def has_proxied_servers(deployment: Deployment) -> bool:
    """Return whether a server is behind a proxy, public, or has a setting for proxies."""
    return any(
        w.settings and (_PROXIES in w.env or next(_public_ports(deployment, w), None))
        for w in deployment.workloads
    ) or any(w.settings for balancer in deployment.balancers for w in balancer.workloads)


def find_proxies(deployment: Deployment) -> Iterator[Fault]:
    """Find servers that trust everybody, or not the proxy before them."""
    for workload, settings in deployment.gunicorns:
        proxies = workload.env.get(_PROXIES)
        if {part.strip() for part in (proxies.text or "").split(",")} & _EVERYBODY:
            yield Fault(
                f"{_PROXIES} trusts every address: a client chooses the remote_addr of its lines",
                f"{_PROXIES}=1\n# the number of proxies, or their networks: 10.0.0.0/8",
                proxies.where,
            )
        allowed = settings.get("forwarded_allow_ips")
        port = next(_public_ports(deployment, workload), None)
        if allowed is not None and str(allowed.value).strip() == "*" and port is not None:
            yield Fault(
                "forwarded_allow_ips is *, and the port is public: a client can pretend to have "
                "come by https",
                "publish the proxy's port alone, or: --forwarded-allow-ips=<the proxy's address>",
                allowed.where or port.where,
                is_warning=True,
            )
    for balancer in deployment.balancers:
        for workload in balancer.workloads if balancer.is_remote else ():
            if workload.settings is not None:
                yield from _check_trust(deployment, balancer, workload, workload.settings)


def _check_trust(
    deployment: Deployment, balancer: Balancer, workload: Workload, settings: GunicornSettings
) -> Iterator[Fault]:
    allowed = settings.get("forwarded_allow_ips")
    has_header = balancer.kind != "nginx" or _sets_scheme(deployment, balancer)
    if allowed is not None and allowed.where is None and not _is_unix(settings) and has_header:
        yield Fault(
            f"forwarded_allow_ips is 127.0.0.1 (Gunicorn's default), and {balancer.kind} has "
            "another address: its X-Forwarded-Proto is ignored, and the app takes https for http",
            "--forwarded-allow-ips=<the proxy's address>\n"
            "# or * where nothing but the proxy can connect",
            workload.start,
            is_warning=True,
        )
    is_known = workload.image is not None and workload.env.is_unset(_PROXIES)
    if settings.is_observed and (is_known or workload.env.get(_PROXIES).text == "0"):
        yield Fault(
            f"{_PROXIES} is not set, and {balancer.kind} is before the server: remote_addr of "
            "each line is the proxy's",
            f"{_PROXIES}=1",
            workload.where,
            is_warning=True,
        )


def _sets_scheme(deployment: Deployment, balancer: Balancer) -> bool:
    text = deployment.folder.read(balancer.where.rpartition(":")[0])
    return text is not None and "x-forwarded-proto" in text.lower()


def _is_unix(settings: GunicornSettings) -> bool:
    return any(bind.startswith(("unix:", "fd:")) for bind in settings.binds or [])


def _public_ports(deployment: Deployment, workload: Workload) -> Iterator[Node]:
    """Yield the places where a port of a workload is published to everybody."""
    if workload.platform is Platform.COMPOSE:
        for port in workload.node.get("ports").children:
            host = port.get("host_ip").text or (port.text or "").rpartition(":")[0]
            if not host.startswith(("127.", "localhost", "[::1]")):
                yield port
    if workload.platform is Platform.KUBERNETES:
        for service in deployment.services:
            kind = service.get("spec", "type")
            if kind.text == "LoadBalancer" and selects(service, workload):
                yield kind


def has_ports(deployment: Deployment) -> bool:
    """Return whether it is known where a container listens."""
    return any(w.is_container and s.binds for w, s in deployment.gunicorns)


def find_ports(deployment: Deployment) -> Iterator[Fault]:
    """Find servers that cannot be reached at the port that is requested."""
    for workload, settings in deployment.gunicorns:
        bind = settings.get("bind")
        if not workload.is_container or bind is None:
            continue
        binds = [_split_address(address) for address in settings.binds or []]
        if any(port is None for _, port in binds) or _has_own_proxy(deployment, workload):
            continue  # a Unix socket, one that is inherited, or one that nothing else names
        if {host for host, _ in binds} <= _LOOPBACKS:
            yield from _check_loopback(workload, settings, bind.where)
        else:
            ports = {port for _, port in binds if port is not None}
            yield from _check_asked_ports(deployment, workload, ports)


def _has_own_proxy(deployment: Deployment, workload: Workload) -> bool:
    """Return whether another server may be in the same container."""
    image, script = workload.image, workload.start.rpartition(":")[0]
    text = f"{image.base} {image.installs}" if image else ""
    if not script.endswith((".yaml", ".yml", ".json")):
        text += deployment.folder.read(script) or ""
    return bool(_OTHER_SERVERS.search(text))


def _split_address(address: str) -> tuple[str, str | None]:
    address = address.removeprefix("tcp://").removeprefix("http://")
    if address.startswith(("unix:", "fd:")):
        return "", None
    host, colon, port = address.rpartition(":")
    if not colon or "]" in port:
        return address, "8000"
    return host, port if port.isdigit() else None


def _check_loopback(
    workload: Workload, settings: GunicornSettings, where: str | None
) -> Iterator[Fault]:
    siblings = (
        workload.pod.get("containers").children or workload.pod.get("containerDefinitions").children
    )
    shares = len(siblings) > 1 or workload.node.get("network_mode").text
    if shares or workload.pod.get("hostNetwork").is_true:
        return
    is_default = where is None
    address = (settings.binds or [""])[0]
    yield Fault(
        f"Gunicorn listens on {address}{' (its default)' if is_default else ''}: nothing outside "
        "the container can connect",
        "--bind=0.0.0.0:8000",
        where or workload.start,
        # Some platforms set PORT, and then Gunicorn listens on all addresses.
        is_warning=is_default and (workload.image is None or workload.platform is Platform.DOCKER),
    )


def _check_asked_ports(
    deployment: Deployment, workload: Workload, ports: set[str]
) -> Iterator[Fault]:
    listens = f"Gunicorn listens on {', '.join(sorted(ports))}"
    others = ports | _ports_of_others(workload) | {_metrics_port(workload)}
    for probe in workload.probes:
        port = _resolve(workload, probe.port)
        if port is not None and port not in others:
            seen = f"the {probe.kind} probe asks port {port}, {listens}: it never passes"
            yield Fault(seen, f"port: {min(ports)}", probe.port.where)
    published = [port for port in _published(workload) if port.text]
    if published and not any(port.text in others for port in published):
        seen = f"port {published[0].text} of the container is published, {listens}"
        yield Fault(seen, f"--bind=0.0.0.0:{published[0].text}", published[0].where)
    for service in deployment.services:
        if workload.platform is not Platform.KUBERNETES or not selects(service, workload):
            continue
        for entry in service.get("spec", "ports").children:
            target = entry.get("targetPort") or entry.get("port")
            port = _resolve(workload, target)
            if port is not None and port not in others:
                seen = f"the Service sends requests to port {port}, {listens}"
                yield Fault(seen, f"targetPort: {min(ports)}", target.where)


def _metrics_port(workload: Workload) -> str:
    return (workload.env.get("WSGI_OBSERVE_METRICS_PORT").text or "").rpartition(":")[2]


def _ports_of_others(workload: Workload) -> set[str]:
    """Return the ports of the other containers, which have the same address."""
    siblings = workload.pod.get("containers").children
    return {
        port.get("containerPort").text or ""
        for sibling in siblings
        if sibling is not workload.node
        for port in sibling.get("ports").children
    }


def _resolve(workload: Workload, port: Node) -> str | None:
    """Return the number of a port that may be a name; None if it is not known."""
    text = port.known_text
    if text is None or text.isdigit():
        return text
    for entry in workload.node.get("ports").children:
        if entry.get("name").text == text:
            return entry.get("containerPort").text
    return None


def _published(workload: Workload) -> Iterator[Node]:
    if (
        workload.platform is Platform.ECS
        and len(workload.pod.get("containerDefinitions").children) == 1
    ):
        for mapping in workload.node.get("portMappings").children:
            yield mapping.get("containerPort")
    if workload.platform is Platform.COMPOSE:
        for entry in workload.node.get("ports").children:
            target = entry.get("target")
            text = (entry.known_text or "").rpartition(":")[2].partition("/")[0]
            yield target or Node(entry.where, text if text.isdigit() else None)
