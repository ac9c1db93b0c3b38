"""Question 22: whether the platform keeps the log lines, whole and without stopping the service."""

from __future__ import annotations

from collections.abc import Iterator

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.deployment.questions.question import WorkloadQuestion
from wsgi_observe.doctor.deployment.workload import LogDriver, Platform, Workload

_DOCKER_LINE_BYTES = 16 * 1024
_STREAMS = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/", "/dev/null")
_BLOCKING = {"awslogs", "fluentd", "gelf", "syslog", "splunk", "gcplogs", "logentries"}
_ROTATED = 'logging: {driver: json-file, options: {max-size: 10m, max-file: "3"}}'
_AWSLOGS = (
    '"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/shop",\n'
    '  "awslogs-region": "eu-central-1", "awslogs-stream-prefix": "shop"}}'
)


def _find_faults(workload: Workload) -> Iterator[Fault]:
    yield from _check_files(workload)
    yield from _check_line_length(workload)
    driver = workload.log_driver
    if workload.platform is Platform.COMPOSE and driver is not None:
        yield from _check_compose(workload, driver)
    elif workload.platform is Platform.ECS:
        yield from _check_task(workload, driver)


def _check_files(workload: Workload) -> Iterator[Fault]:
    for name, option in (("errorlog", "--error-logfile"), ("accesslog", "--access-logfile")):
        setting = workload.settings.get(name)
        path = (setting.text if setting else None) or "-"
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
    stream = workload.env.get("WSGI_OBSERVE_LOG_STREAM").text or "stdout"
    is_pipe = stream in ("stdout", "stderr")
    if is_pipe and node.number is not None and node.number > _DOCKER_LINE_BYTES:
        yield Fault(
            f"log lines may have {node.number:.0f} bytes: Docker cuts them at 16 KiB, and a pipe "
            "keeps no more than 4,096 whole",
            "WSGI_OBSERVE_MAX_LINE_BYTES=4096",
            node.where,
        )


def _check_compose(workload: Workload, driver: LogDriver) -> Iterator[Fault]:
    name = driver.name.text or ("json-file" if driver.options else "")
    if name == "none":
        yield Fault("the log driver is none: every line is lost", _ROTATED, driver.name.where)
    elif name in ("json-file", "") and not driver.options.get("max-size"):
        yield Fault(
            f"the log driver is json-file{'' if name else ' (the default)'} without max-size: "
            "the file grows until the disk is full",
            _ROTATED,
            driver.where,
            is_warning=True,  # the daemon may have a default
        )
    elif name in _BLOCKING and driver.options.get("mode").text in (None, "blocking"):
        yield from _check_blocking(workload, driver, "mode: non-blocking")


def _check_task(workload: Workload, driver: LogDriver | None) -> Iterator[Fault]:
    is_on_fargate = workload.is_on_fargate
    if driver is None:
        yield Fault(
            "no logConfiguration: "
            + ("Fargate keeps no output" if is_on_fargate else "the output stays on the host"),
            _AWSLOGS,
            workload.where,
            is_warning=not is_on_fargate,
        )
        return
    needs_prefix = driver.name.text == "awslogs" and is_on_fargate
    if needs_prefix and "awslogs-stream-prefix" not in driver.options:
        yield Fault(
            "awslogs has no awslogs-stream-prefix, which Fargate requires: the task does not start",
            '"awslogs-stream-prefix": "shop"',
            driver.where,
        )
    if driver.options.get("mode").text == "blocking":
        yield from _check_blocking(workload, driver, '"mode": "non-blocking"')


def _check_blocking(workload: Workload, driver: LogDriver, remedy: str) -> Iterator[Fault]:
    mode = driver.options.get("mode")
    if not workload.is_observed:
        yield Fault(
            f"the log driver {driver.name.text or ''} blocks{'' if mode else ' (the default)'}: "
            "while it cannot deliver, the requests that log wait",
            remedy,
            mode.where,
            is_warning=True,
        )


QUESTION = WorkloadQuestion(
    22,
    "the platform keeps the log lines",
    "container that runs a WSGI server",
    applies=lambda workload: workload.is_server_container,
    find_faults=_find_faults,
)
