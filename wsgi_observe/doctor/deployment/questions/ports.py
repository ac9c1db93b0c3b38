"""Question 24: whether others ask for the port at which Gunicorn listens."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.deployment.questions.question import WorkloadQuestion
from wsgi_observe.doctor.deployment.workload import Platform, Workload

_LOOPBACKS = {"127.0.0.1", "localhost", "[::1]"}
_OTHER_SERVERS = re.compile(r"nginx|apache2|httpd|caddy|haproxy|traefik|envoy|supervisor")


def _applies(workload: Workload) -> object:
    return workload.is_container and workload.settings.binds


def _find_faults(workload: Workload) -> Iterator[Fault]:
    addresses = [_split_address(bind) for bind in workload.settings.binds]
    if any(port is None for _, port in addresses) or _has_own_proxy(workload):
        return  # a Unix socket, one that is inherited, or one that nothing else names
    if all(host in _LOOPBACKS for host, _ in addresses):
        yield from _check_loopback(workload)
    else:
        yield from _check_ports(workload, {port for _, port in addresses if port is not None})


def _has_own_proxy(workload: Workload) -> bool:
    """Return whether another server may be in the same container."""
    image, script = workload.image, workload.start.rpartition(":")[0]
    text = f"{image.base} {image.installs}" if image else ""
    if not script.endswith((".yaml", ".yml", ".json")):
        text += workload.deployment.folder.read(script) or ""
    return bool(_OTHER_SERVERS.search(text))


def _split_address(address: str) -> tuple[str, str | None]:
    address = address.removeprefix("tcp://").removeprefix("http://")
    if address.startswith(("unix:", "fd:")):
        return "", None
    host, colon, port = address.rpartition(":")
    if not colon or "]" in port:
        return address, "8000"
    return host, port if port.isdigit() else None


def _check_loopback(workload: Workload) -> Iterator[Fault]:
    bind = workload.settings.get("bind")
    if bind is None or workload.shares_network:
        return
    address = workload.settings.binds[0] + ("" if bind.where else " (its default)")
    yield Fault(
        f"Gunicorn listens on {address}: nothing outside the container can connect",
        "--bind=0.0.0.0:8000",
        bind.where or workload.start,
        # Some platforms set PORT, and then Gunicorn listens on all addresses.
        is_warning=not bind.where
        and (workload.image is None or workload.platform is Platform.DOCKER),
    )


def _check_ports(workload: Workload, ports: set[str]) -> Iterator[Fault]:
    listens = f"Gunicorn listens on {', '.join(sorted(ports))}"
    metrics = workload.env.get("WSGI_OBSERVE_METRICS_PORT").text or ""
    known = {None, *ports, *workload.other_ports, metrics.rpartition(":")[2]}
    for probe in workload.probes:
        if probe.port.known_text not in known:
            seen = f"the {probe.kind} probe asks port {probe.port.text}, {listens}: it never passes"
            yield Fault(seen, f"port: {min(ports)}", probe.port.where)
    published = workload.published
    if published and not any(port.known_text in known for port in published):
        seen = f"port {published[0].text} of the container is published, {listens}"
        yield Fault(seen, f"--bind=0.0.0.0:{published[0].text}", published[0].where)
    for target in workload.service_ports:
        if target.text not in known:
            seen = f"the Service sends requests to port {target.text}, {listens}"
            yield Fault(seen, f"targetPort: {min(ports)}", target.where)


QUESTION = WorkloadQuestion(
    24,
    "ports are those of the server",
    "container with a known port",
    _applies,
    _find_faults,
)
