"""Question 20: whether the health checks of a platform ask the right path in time."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.deployment.probe import Probe
from wsgi_observe.doctor.deployment.questions.question import WorkloadQuestion
from wsgi_observe.doctor.deployment.workload import Platform, Workload

# Scripts, lists of packages and files of other stages may bring any program.
_UNKNOWN_INSTALLS = re.compile(r"\.sh\b|xargs|\bapt\S*\.txt|packages|--from=\S+\s+/(?:usr|bin|\s)")
_CURL_FAILS = re.compile(r"\s(?:-[a-zA-Z]*f[a-zA-Z]*|--fail\S*)(?=\s|\Z)|http_code|(?<!\|)\|(?!\|)")


def _applies(workload: Workload) -> object:
    return workload.is_server and (workload.probes or workload.is_replicated)


def _find_faults(workload: Workload) -> Iterator[Fault]:
    probes = {probe.kind: probe for probe in workload.probes}
    for probe in workload.probes:
        yield from _check_command(workload, probe)
        yield from _check_timeout(workload, probe)
    if "liveness" in probes:
        yield from _check_liveness(workload, probes["liveness"])
        if workload.platform is Platform.KUBERNETES and "startup" not in probes:
            yield from _check_boot_time(workload, probes["liveness"])
    if "readiness" in probes:
        yield from _check_readiness(workload, probes["readiness"], probes.get("liveness"))
    elif workload.is_replicated and workload.service_ports and not workload.deployment.has_patches:
        yield Fault(
            "no readiness probe: the Service sends requests to a pod that has not booted yet, or "
            "cannot serve",
            f"readinessProbe:\n  httpGet: {{path: {workload.ready_path}, port: 8000}}",
            workload.where,
            is_warning=True,
        )


def _check_liveness(workload: Workload, probe: Probe) -> Iterator[Fault]:
    ready = workload.ready_path
    if probe.path is not None and (probe.path == ready or probe.path.startswith(f"{ready}/")):
        yield Fault(
            f"the liveness probe asks {probe.path}, the path of readiness, which runs the checks: "
            "when the database fails, every healthy process is restarted",
            f"path: {workload.live_path}",
            probe.node.where,
            is_warning=not workload.is_observed,  # the app may have a route of its own there
        )
    if probe.threshold.number == 1:
        yield Fault(
            "one failed liveness probe is a restart: so is one slow answer",
            "failureThreshold: 3" if "failureThreshold" in probe.node else '"retries": 3',
            probe.threshold.where,
            is_warning=True,
        )


def _check_boot_time(workload: Workload, probe: Probe) -> Iterator[Fault]:
    delay = probe.node.get("initialDelaySeconds").number or 0
    period = probe.node.get("periodSeconds").number or 10
    allowed = delay + period * (probe.threshold.number or 3)
    if allowed < 10:
        yield Fault(
            f"a container that is not up {allowed:g} s after its start is restarted, again "
            "and again",
            f"startupProbe:\n  httpGet: {{path: {workload.live_path}, port: 8000}}",
            probe.node.where,
            is_warning=True,
        )


def _check_readiness(workload: Workload, probe: Probe, liveness: Probe | None) -> Iterator[Fault]:
    where = probe.node.where
    is_same = liveness is not None and liveness.path == probe.path
    if "tcpSocket" in probe.node:
        yield Fault(
            "the readiness probe only connects, which the kernel accepts also for a server "
            "that hangs or drains",
            f"httpGet: {{path: {workload.ready_path}, port: 8000}}",
            where,
            is_warning=True,
        )
    elif probe.path == workload.live_path and workload.is_observed:
        yield Fault(
            f"the readiness probe asks {probe.path}, which runs no check and does not report "
            "draining",
            f"path: {workload.ready_path}",
            where,
        )
    elif is_same and probe.path not in (None, workload.ready_path):
        yield Fault(
            f"liveness and readiness ask the same path, {probe.path}: either a failing database "
            "restarts the process, or readiness never fails",
            f"livenessProbe: path: {workload.live_path}\n"
            f"readinessProbe: path: {workload.ready_path}",
            where,
            is_warning=True,
        )


def _check_timeout(workload: Workload, probe: Probe) -> Iterator[Fault]:
    check, timeout = workload.check_timeout, probe.timeout
    if check is None or timeout is None or timeout.seconds > check.seconds:
        return
    if probe.path == workload.ready_path and probe.kind != "liveness":
        yield Fault(
            f"the {probe.kind} probe waits {timeout.describe()}, and a check may take "
            f"{check.seconds:g} s: a slow check is a failed probe, with no reason logged",
            f"{timeout.name}: {int(check.seconds) + 1}\n"
            "# or shorter checks: WSGI_OBSERVE_CHECK_TIMEOUT=0.8",
            timeout.where or probe.node.where,
        )


def _check_command(workload: Workload, probe: Probe) -> Iterator[Fault]:
    image = workload.image
    if probe.command is None or probe.path is None:
        return
    text, where = probe.command.text, probe.command.where
    tools = [tool for tool in ("curl", "wget") if re.search(rf"(?:^|[\s/]){tool}\s", text)]
    for tool in tools:
        if image is not None and image.lacks(tool) and not _UNKNOWN_INSTALLS.search(image.installs):
            yield Fault(
                f"the health check runs {tool}, which {image.base} does not have: it never passes",
                'python -c "import urllib.request as r; '
                f"r.urlopen('http://127.0.0.1:8000{probe.path}', timeout=1)\"",
                where,
            )
            return
    if "curl" in tools and not _CURL_FAILS.search(text):
        yield Fault(
            "the health check runs curl without -f: it passes whatever the status is, also a 503",
            "curl -f …",
            where,
        )


QUESTION = WorkloadQuestion(
    20,
    "probes ask the right path in time",
    "probes of a WSGI server",
    _applies,
    _find_faults,
)
