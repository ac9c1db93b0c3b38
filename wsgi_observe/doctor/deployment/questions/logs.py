"""Questions about what the platform does with log lines."""

from __future__ import annotations

from collections.abc import Iterator

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.deployment.questions.processes import server_containers
from wsgi_observe.doctor.deployment.tree import Node
from wsgi_observe.doctor.deployment.workload import Deployment, Platform, Workload

_DOCKER_LINE_BYTES = 16 * 1024
_STREAMS = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/", "/dev/null")
_BLOCKING = {"awslogs", "fluentd", "gelf", "syslog", "splunk", "gcplogs", "logentries"}


def find_log_faults(deployment: Deployment) -> Iterator[Fault]:
    """Find log lines that are lost, torn, or stop the service."""
    for workload in server_containers(deployment):
        yield from _check_files(workload)
        yield from _check_line_length(workload)
        if workload.platform is Platform.COMPOSE:
            yield from _check_compose(workload)
        elif workload.platform is Platform.ECS:
            yield from _check_task(workload)


def _check_files(workload: Workload) -> Iterator[Fault]:
    for name, option in (("errorlog", "--error-logfile"), ("accesslog", "--access-logfile")):
        setting = workload.settings.get(name) if workload.settings else None
        path = str(setting.value or "-") if setting else "-"
        if setting is not None and path != "-" and not path.startswith(_STREAMS):
            yield Fault(
                f"{name} is the file {path} in the container: the platform does not see it, and "
                "it is lost with the container",
                f"{option}=-",
                setting.where,
                is_warning=True,  # a volume and another container may read it
            )


def _check_line_length(workload: Workload) -> Iterator[Fault]:
    node = workload.env.get("WSGI_OBSERVE_MAX_LINE_BYTES")
    if node.number is not None and node.number > _DOCKER_LINE_BYTES:
        yield Fault(
            f"log lines may have {node.number:.0f} bytes: Docker cuts them at 16 KiB, and a pipe "
            "keeps no more than 4,096 whole",
            "WSGI_OBSERVE_MAX_LINE_BYTES=4096",
            node.where,
        )


def _check_compose(workload: Workload) -> Iterator[Fault]:
    logging = workload.node.get("logging")
    driver = logging.get("driver").text or ("json-file" if logging.get("options") else "")
    if driver == "none":
        yield Fault(
            "the log driver is none: every line is lost",
            'logging: {driver: json-file, options: {max-size: 10m, max-file: "3"}}',
            logging.get("driver").where,
        )
    restarts = workload.node.get("restart").text in ("always", "unless-stopped")
    is_unbounded = driver == "json-file" or (not driver and restarts and not logging)
    if is_unbounded and not logging.get("options", "max-size"):
        yield Fault(
            f"the log driver is json-file{'' if driver else ' (the default)'} without max-size: "
            "the file grows until the disk is full",
            'logging: {driver: json-file, options: {max-size: 10m, max-file: "3"}}',
            logging.where if logging else workload.where,
            is_warning=not driver,
        )
    if driver in _BLOCKING and not workload.is_observed:
        yield from _check_mode(workload, driver, logging.get("options"), "logging")


def _check_mode(workload: Workload, driver: str, options: Node, key: str) -> Iterator[Fault]:
    mode = options.get("mode")
    if mode.text == "non-blocking" or "$" in (mode.text or ""):
        return
    remedy = "mode: non-blocking" if key == "logging" else '"mode": "non-blocking"'
    yield Fault(
        f"the log driver {driver} blocks{'' if mode else ' (the default)'}: while it cannot "
        "deliver, the requests that log wait",
        remedy,
        (mode or options).where or workload.where,
        is_warning=True,
    )


def _check_task(workload: Workload) -> Iterator[Fault]:
    configuration = workload.node.get("logConfiguration")
    compatible = workload.pod.get("requiresCompatibilities").texts
    is_fargate = "FARGATE" in compatible
    if not configuration:
        yield Fault(
            "no logConfiguration: "
            + ("Fargate keeps no output" if is_fargate else "the output stays on the host"),
            '"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/shop",\n'
            '  "awslogs-region": "eu-central-1", "awslogs-stream-prefix": "shop"}}',
            workload.where,
            is_warning=not is_fargate,
        )
        return
    driver, options = configuration.get("logDriver").text or "", configuration.get("options")
    if driver == "awslogs" and is_fargate and "awslogs-stream-prefix" not in options:
        yield Fault(
            "awslogs has no awslogs-stream-prefix, which Fargate requires: the task does not start",
            '"awslogs-stream-prefix": "shop"',
            configuration.where,
        )
    if options.get("mode").text == "blocking" and not workload.is_observed:
        yield from _check_mode(workload, driver, options, "logConfiguration")
