"""Questions about the health checks of a platform."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.deployment.kubernetes import selects
from wsgi_observe.doctor.deployment.questions.timeouts import check_timeout
from wsgi_observe.doctor.deployment.workload import Deployment, Platform, Probe, Workload

_SERVED = {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"}
_CURL_FAILS = re.compile(r"\s(?:-[a-zA-Z]*f[a-zA-Z]*|--fail\S*)(?=\s|\Z)|http_code|\|\s*grep")


def has_probes(deployment: Deployment) -> bool:
    """Return whether there are probes, or pods that should have some."""
    return any(workload.probes or workload.controller in _SERVED for workload in deployment.servers)


def find_probe_faults(deployment: Deployment) -> Iterator[Fault]:
    """Find probes that restart what works, or pass what does not."""
    for workload in deployment.servers:
        probes = {probe.kind: probe for probe in workload.probes}
        for probe in workload.probes:
            yield from _check_command(workload, probe)
            yield from _check_timeout(deployment, workload, probe)
        if "liveness" in probes:
            yield from _check_liveness(workload, probes["liveness"], probes)
        if "readiness" in probes:
            yield from _check_readiness(workload, probes["readiness"], probes)
        elif _needs_readiness(deployment, workload):
            yield _missing_readiness(workload)


def _needs_readiness(deployment: Deployment, workload: Workload) -> bool:
    is_served = any(selects(service, workload) for service in deployment.services)
    return workload.controller in _SERVED and is_served and not deployment.has_patches


def _missing_readiness(workload: Workload) -> Fault:
    return Fault(
        "no readiness probe: the Service sends requests to a pod that has not booted yet, or "
        "cannot serve",
        f"readinessProbe:\n  httpGet: {{path: {workload.ready_path}, port: 8000}}",
        workload.where,
        is_warning=True,
    )


def _check_liveness(workload: Workload, probe: Probe, probes: dict[str, Probe]) -> Iterator[Fault]:
    node = probe.node
    ready = workload.ready_path
    if probe.path is not None and (probe.path == ready or probe.path.startswith(f"{ready}/")):
        yield Fault(
            f"the liveness probe asks {probe.path}, the path of readiness, which runs the checks: "
            "when the database fails, every healthy process is restarted",
            f"path: {workload.live_path}",
            node.where,
            is_warning=not workload.is_observed,  # the app may have a route of its own there
        )
    threshold = node.get("failureThreshold") or node.get("retries")
    if threshold.number == 1:
        yield Fault(
            "one failed liveness probe is a restart: so is one slow answer",
            "failureThreshold: 3" if "failureThreshold" in node else '"retries": 3',
            threshold.where,
            is_warning=True,
        )
    if workload.platform is Platform.KUBERNETES and "startup" not in probes:
        delay = node.get("initialDelaySeconds").number or 0
        period = node.get("periodSeconds").number or 10
        allowed = delay + period * (threshold.number or 3)
        if allowed < 10:
            yield Fault(
                f"a container that is not up {allowed:g} s after its start is restarted, again "
                "and again",
                f"startupProbe:\n  httpGet: {{path: {workload.live_path}, port: 8000}}",
                node.where,
                is_warning=True,
            )


def _check_readiness(workload: Workload, probe: Probe, probes: dict[str, Probe]) -> Iterator[Fault]:
    liveness = probes.get("liveness")
    is_same = liveness is not None and liveness.path == probe.path
    if probe.path is None:
        if "tcpSocket" in probe.node:
            yield Fault(
                "the readiness probe only connects, which the kernel accepts also for a server "
                "that hangs or drains",
                f"httpGet: {{path: {workload.ready_path}, port: 8000}}",
                probe.node.where,
                is_warning=True,
            )
    elif probe.path == workload.live_path and workload.is_observed:
        yield Fault(
            f"the readiness probe asks {probe.path}, which runs no check and does not report "
            "draining",
            f"path: {workload.ready_path}",
            probe.node.where,
        )
    elif is_same and probe.path != workload.ready_path:
        yield Fault(
            f"liveness and readiness ask the same path, {probe.path}: either a failing database "
            "restarts the process, or readiness never fails",
            f"livenessProbe: path: {workload.live_path}\n"
            f"readinessProbe: path: {workload.ready_path}",
            probe.node.where,
            is_warning=True,
        )


def _check_timeout(deployment: Deployment, workload: Workload, probe: Probe) -> Iterator[Fault]:
    check = check_timeout(deployment, workload)
    if probe.path != workload.ready_path or check is None or probe.kind == "liveness":
        return
    if probe.timeout.seconds <= check.seconds:
        key = "timeoutSeconds" if workload.platform is Platform.KUBERNETES else "timeout"
        default = "" if probe.timeout.where else " (the default)"
        yield Fault(
            f"the {probe.kind} probe waits {probe.timeout.seconds:g} s{default}, and a check may "
            f"take {check.seconds:g} s: a slow check is a failed probe, with no reason logged",
            f"{key}: {int(check.seconds) + 1}\n# or shorter checks: WSGI_OBSERVE_CHECK_TIMEOUT=0.8",
            probe.timeout.where or probe.node.where,
        )


def _check_command(workload: Workload, probe: Probe) -> Iterator[Fault]:
    if probe.command is None or probe.path is None:
        return
    text, where = " ".join(probe.command.words), probe.command.where
    image = workload.image
    for tool in ("curl", "wget"):
        if image is None or not re.search(rf"(?:^|[\s/]){tool}\s", text) or tool in image.installs:
            continue
        if image.has_no_downloader or (tool == "curl" and image.has_no_curl):
            yield Fault(
                f"the health check runs {tool}, which {image.base} does not have: it never passes",
                'python -c "import urllib.request as r; '
                f"r.urlopen('http://127.0.0.1:8000{probe.path}', timeout=1)\"",
                where,
            )
            return
    if re.search(r"(?:^|[\s/])curl\s", text) and not _CURL_FAILS.search(text):
        yield Fault(
            "the health check runs curl without -f: it passes whatever the status is, also a 503",
            "curl -f …",
            where,
        )
