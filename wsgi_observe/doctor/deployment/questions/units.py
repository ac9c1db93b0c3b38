"""Questions about units of systemd."""

from __future__ import annotations

from collections.abc import Iterator

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.deployment.questions.processes import quick_signal_fault
from wsgi_observe.doctor.deployment.tree import Node
from wsgi_observe.doctor.deployment.workload import Deployment, Platform, Workload

_QUICK_SIGNALS = {"SIGINT", "SIGQUIT", "2", "3"}
_NOTIFIES = {"gunicorn", "uwsgi"}


def has_units(deployment: Deployment) -> bool:
    """Return whether a unit starts a server."""
    return any(_units(deployment))


def _units(deployment: Deployment) -> Iterator[Workload]:
    return (w for w in deployment.workloads if w.platform is Platform.SYSTEMD)


def find_unit_faults(deployment: Deployment) -> Iterator[Fault]:
    """Find options of units that do not fit the server."""
    for workload in _units(deployment):
        yield from _check_type(workload)
        yield from _check_output(workload.node)
        if "Restart" not in workload.node or workload.node.get("Restart").text == "no":
            yield Fault(
                "Restart is not set: a server that is killed, as for memory, stays down",
                "Restart=on-failure\nRestartSec=1",
                workload.node.get("Restart").where
                if "Restart" in workload.node
                else workload.where,
                is_warning=True,
            )
        if workload.launch is not None and workload.launch.program == "gunicorn":
            yield from _check_signals(workload)


def _check_type(workload: Workload) -> Iterator[Fault]:
    node, launch = workload.node, workload.launch
    kind = node.get("Type")
    program = launch.program if launch else ""
    daemon = workload.settings.get("daemon") if workload.settings else None
    is_daemon = daemon is not None and str(daemon.value) == "True"
    if is_daemon and kind.text != "forking":
        yield Fault(
            f"Gunicorn is started as a daemon, and Type is {kind.text or 'simple'}: systemd sees "
            "the process end, and stops the service",
            "remove --daemon, and: Type=notify",
            daemon.where if daemon else workload.where,
        )
    elif kind.text == "forking" and program == "gunicorn" and daemon is not None and not is_daemon:
        yield Fault(
            "Type is forking, and Gunicorn stays in the foreground: systemd waits for its start "
            "until the timeout, and kills it",
            "Type=notify",
            kind.where,
        )
    elif kind.text in ("notify", "notify-reload") and program and program not in _NOTIFIES:
        yield Fault(
            f"Type is {kind.text}, and {program} never notifies: systemd waits for its start "
            "until the timeout, and kills it",
            "Type=exec",
            kind.where,
        )


def _check_output(node: Node) -> Iterator[Fault]:
    for key in ("StandardOutput", "StandardError"):
        text = node.get(key).text or ""
        if text == "null":
            seen = f"{key} is null: what is logged there is lost"
            yield Fault(seen, f"{key}=journal", node.get(key).where)
        elif text.startswith(("file:", "append:", "truncate:")):
            yield Fault(
                f"{key} is {text}: systemd does not rotate the file, which grows until the disk "
                "is full",
                f"{key}=journal",
                node.get(key).where,
                is_warning=True,
            )


def _check_signals(workload: Workload) -> Iterator[Fault]:
    node, launch, drain = workload.node, workload.launch, workload.drain
    mode = node.get("KillMode")
    if mode.text != "mixed":
        drains = drain is not None and drain.seconds > 0
        effect = "no request is served during the drain" if drains else "beside their arbiter"
        yield Fault(
            f"KillMode is {mode.text or 'control-group (the default)'}: "
            + (
                "workers may outlive the service"
                if mode.text in ("process", "none")
                else f"the workers get SIGTERM too, {effect}"
            ),
            "KillMode=mixed",
            mode.where if mode else workload.where,
            is_warning=not drains,
        )
    elif launch is not None and launch.obstacle is not None:
        found = launch.obstacle
        yield Fault(found.seen, found.remedy, found.where, found.is_warning)
    signal = node.get("KillSignal")
    if signal.text in _QUICK_SIGNALS:
        yield quick_signal_fault(signal)
    watchdog = node.get("WatchdogSec")
    if watchdog and watchdog.text not in ("0", "infinity"):
        yield Fault(
            f"WatchdogSec is {watchdog.text}, and Gunicorn never notifies the watchdog: systemd "
            "kills it again and again",
            "remove WatchdogSec; Gunicorn's own timeout replaces workers that hang",
            watchdog.where,
        )
