"""Question 21: whether the units of systemd fit the server that they start."""

from __future__ import annotations

from collections.abc import Iterator

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.deployment.questions.question import WorkloadQuestion
from wsgi_observe.doctor.deployment.questions.signals import find_quick_signals
from wsgi_observe.doctor.deployment.tree import Node
from wsgi_observe.doctor.deployment.workload import Platform, Workload

_NOTIFIES = {"gunicorn", "uwsgi"}


def _find_faults(workload: Workload) -> Iterator[Fault]:
    restart = workload.unit.get("Restart")
    yield from _check_type(workload)
    yield from _check_output(workload.unit)
    if restart.text in (None, "no"):
        yield Fault(
            "Restart is not set: a server that is killed, as for memory, stays down",
            "Restart=on-failure\nRestartSec=1",
            restart.where if restart else workload.where,
            is_warning=True,
        )
    if workload.is_gunicorn:
        yield from _check_kill_mode(workload)
        yield from find_quick_signals(workload.unit.get("KillSignal"))
        yield from _check_watchdog(workload.unit.get("WatchdogSec"))


def _check_type(workload: Workload) -> Iterator[Fault]:
    kind, program = workload.unit.get("Type"), workload.program
    daemon = workload.settings.get("daemon")
    waits = "systemd waits for its start until the timeout, and kills it"
    if daemon is not None and daemon.is_true and kind.text != "forking":
        yield Fault(
            f"Gunicorn is started as a daemon, and Type is {kind.text or 'simple'}: systemd sees "
            "the process end, and stops the service",
            "remove --daemon, and: Type=notify",
            daemon.where,
        )
    elif daemon is not None and not daemon.is_true and kind.text == "forking":
        seen = f"Type is forking, and Gunicorn stays in the foreground: {waits}"
        yield Fault(seen, "Type=notify", kind.where)
    elif kind.text in ("notify", "notify-reload") and program not in _NOTIFIES:
        seen = f"Type is {kind.text}, and {program} never notifies: {waits}"
        yield Fault(seen, "Type=exec", kind.where)


def _check_output(unit: Node) -> Iterator[Fault]:
    for key in ("StandardOutput", "StandardError"):
        output = unit.get(key)
        text = output.text or ""
        if text == "null":
            seen = f"{key} is null: what is logged there is lost"
            yield Fault(seen, f"{key}=journal", output.where)
        elif text.startswith(("file:", "append:", "truncate:")):
            yield Fault(
                f"{key} is {text}: systemd does not rotate the file, which grows until the disk "
                "is full",
                f"{key}=journal",
                output.where,
                is_warning=True,
            )


def _check_kill_mode(workload: Workload) -> Iterator[Fault]:
    mode, launch, drain = workload.unit.get("KillMode"), workload.launch, workload.drain
    if mode.text == "mixed":
        if launch is not None and launch.obstacle is not None:
            yield launch.obstacle
        return
    drains = drain is not None and drain.seconds > 0
    if mode.text in ("process", "none"):
        effect = "workers may outlive the service"
    elif drains:
        effect = "the workers get SIGTERM too, no request is served during the drain"
    else:
        effect = "the workers get SIGTERM too, beside their arbiter"
    yield Fault(
        f"KillMode is {mode.text or 'control-group (the default)'}: {effect}",
        "KillMode=mixed",
        mode.where if mode else workload.where,
        is_warning=not drains,
    )


def _check_watchdog(watchdog: Node) -> Iterator[Fault]:
    if watchdog.text not in (None, "0", "infinity"):
        yield Fault(
            f"WatchdogSec is {watchdog.text}, and Gunicorn never notifies the watchdog: systemd "
            "kills it again and again",
            "remove WatchdogSec; Gunicorn's own timeout replaces workers that hang",
            watchdog.where,
        )


QUESTION = WorkloadQuestion(
    21,
    "systemd units fit the server",
    "systemd unit of a WSGI server",
    applies=lambda workload: workload.platform is Platform.SYSTEMD,
    find_faults=_find_faults,
)
