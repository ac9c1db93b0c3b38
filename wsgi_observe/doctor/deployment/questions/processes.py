"""Questions about the processes of a container: signals, heartbeats, output."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.deployment.dockerfile import Command
from wsgi_observe.doctor.deployment.gunicorn import GunicornSettings
from wsgi_observe.doctor.deployment.tree import Node
from wsgi_observe.doctor.deployment.workload import Deployment, Workload

_QUOTED_LIST = re.compile(r"\['[^']*(?:gunicorn|uwsgi|waitress-serve)'")
_UWSGI_MASTER = re.compile(r"(?:^|\s)(?:(?:--)?master\b(?!\s*[=:]\s*(?:false|0))|-M\b)")
_QUICK_SIGNALS = {"SIGINT", "SIGQUIT", "INT", "QUIT", "2", "3"}


def has_containers(deployment: Deployment) -> bool:
    """Return whether a container runs a server."""
    return bool(list(server_containers(deployment)))


def has_gunicorn_containers(deployment: Deployment) -> bool:
    """Return whether a container runs Gunicorn."""
    return any(workload.settings for workload in server_containers(deployment))


def has_images(deployment: Deployment) -> bool:
    """Return whether a server's image is known."""
    return any(w.image and w.image.is_plain for w in server_containers(deployment))


def server_containers(deployment: Deployment) -> Iterator[Workload]:
    """Yield the containers of which it is known that they serve, or how they are started."""
    for workload in deployment.workloads:
        if workload.is_container and (workload.is_server or _find_quoted_list(workload)):
            yield workload


def _find_quoted_list(workload: Workload) -> Command | None:
    """Return the image's command if it is a list in single quotes, which is no JSON."""
    image = workload.image
    if image is None or workload.node.get("command") or workload.node.get("entrypoint"):
        return None
    for command in (image.entrypoint, image.command):
        if command and command.is_shell_form and _QUOTED_LIST.match(command.words[-1]):
            return command
    return None


def find_obstacles(deployment: Deployment) -> Iterator[Fault]:
    """Find commands whose server does not get SIGTERM, or ends at once at the signal it gets."""
    for workload in server_containers(deployment):
        launch = workload.launch
        command = _find_quoted_list(workload)
        if command is not None:
            yield Fault(
                "the command's list has single quotes, which is not JSON: a shell runs it, and "
                "finds no such program",
                'use double quotes: CMD ["gunicorn", …]',
                command.where,
            )
        if launch is None:
            continue
        if launch.obstacle is not None:
            found = launch.obstacle
            seen = f"{found.seen}; requests are cut by SIGKILL at the end of the grace period"
            yield Fault(seen, found.remedy, found.where, found.is_warning)
        signal = _stop_signal(workload)
        if launch.program == "gunicorn":
            yield from _check_gunicorn(workload, signal)
        if launch.program == "uwsgi" and _reloads_at_sigterm(deployment, launch.words, signal):
            yield Fault(
                "uWSGI's master reloads at SIGTERM, unless it has die-on-term: the stop of the "
                "container waits for SIGKILL",
                "uwsgi --master --die-on-term …\n# or in the Dockerfile: STOPSIGNAL SIGQUIT",
                launch.where,
            )


def _check_gunicorn(workload: Workload, signal: Node) -> Iterator[Fault]:
    settings = workload.settings
    daemon = settings.get("daemon") if settings else None
    if daemon is not None and str(daemon.value) == "True":
        yield Fault(
            "Gunicorn is started as a daemon: the container's process ends, and the container",
            "remove --daemon (in gunicorn.conf.py: daemon = False)",
            daemon.where,
        )
    if (signal.text or "") in _QUICK_SIGNALS:
        yield quick_signal_fault(signal)


def quick_signal_fault(signal: Node) -> Fault:
    """Return the fault of a signal at which Gunicorn does not wait for requests."""
    return Fault(
        f"the stop signal is {signal.text}, Gunicorn's quick shutdown: running requests are cut",
        "use SIGTERM, the default, at which Gunicorn lets them end",
        signal.where,
    )


def _stop_signal(workload: Workload) -> Node:
    own = workload.node.get("stop_signal")
    return own or (workload.image.stop_signal if workload.image else Node(""))


def _reloads_at_sigterm(deployment: Deployment, words: tuple[str, ...], signal: Node) -> bool:
    """Return whether uWSGI has a master that reloads at SIGTERM (measured, 2.0.31)."""
    texts = list(words)
    for word in words:
        if word.endswith((".ini", ".yaml", ".yml", ".xml", ".json")):
            name = deployment.folder.find(word.rpartition("=")[2])
            text = deployment.folder.read(name) if name else None
            texts.append("$" if text is None else text.replace("$(", "("))
    options = " ".join(texts)
    is_handled = any(part in options for part in ("die-on-term", "hook-", "include", "$"))
    has_master = _UWSGI_MASTER.search(options)
    return bool(has_master) and not is_handled and signal.text not in _QUICK_SIGNALS


def find_temp_dirs(deployment: Deployment) -> Iterator[Fault]:
    """Find Gunicorns whose heartbeat files are on a disk, or have no place."""
    for workload in server_containers(deployment):
        settings = workload.settings
        if settings is not None:
            yield from _check_temp_dir(workload, settings)


_MEMORY = '--worker-tmp-dir=/dev/shm\n# or in gunicorn.conf.py: worker_tmp_dir = "/dev/shm"'


def _check_temp_dir(workload: Workload, settings: GunicornSettings) -> Iterator[Fault]:
    setting = settings.get("worker_tmp_dir")
    if setting is None or (workload.env.is_open and not setting.value):
        return
    mounts = dict(_mounts(workload))
    given = str(setting.value or workload.env.get("TMPDIR").text or "")
    folder = given or "/tmp"
    if "$" in folder or folder.startswith(("/dev/shm", "/run/shm")) or mounts.get(folder):
        return
    where = setting.where or workload.start
    read_only = _read_only(workload)
    if read_only.is_true and not given and not mounts:
        yield Fault(
            "the root file system is read-only, and Gunicorn's heartbeat files have no folder: "
            "its workers do not boot",
            _MEMORY,
            read_only.where,
        )
    else:
        yield Fault(
            f"the workers' heartbeat files are in {folder}, on the container's disk: if it "
            "blocks, workers that work are killed",
            _MEMORY,
            where,
            is_warning=True,
        )


def _mounts(workload: Workload) -> Iterator[tuple[str, bool]]:
    """Yield the folders on which something is mounted, and whether it is memory."""
    node, pod = workload.node, workload.pod
    in_memory = {
        volume.get("name").text
        for volume in pod.get("volumes").children
        if volume.get("emptyDir", "medium").text == "Memory"
    }
    for mount in node.get("volumeMounts").children:
        yield mount.get("mountPath").text or "", mount.get("name").text in in_memory
    for mount in node.get("mountPoints").children:
        yield mount.get("containerPath").text or "", False
    for mount in node.get("linuxParameters", "tmpfs").children:
        yield mount.get("containerPath").text or "", True
    tmpfs = node.get("tmpfs")
    for text in tmpfs.texts or ([tmpfs.text] if tmpfs.text else []):
        yield text.partition(":")[0], True
    for volume in node.get("volumes").children:
        parts = (volume.text or "").split(":")
        yield (
            volume.get("target").text or parts[min(1, len(parts) - 1)],
            (volume.get("type").text == "tmpfs"),
        )


def _read_only(workload: Workload) -> Node:
    node = workload.node
    return (
        node.get("securityContext", "readOnlyRootFilesystem")
        or node.get("read_only")
        or node.get("readonlyRootFilesystem")
    )


def find_buffered_output(deployment: Deployment) -> Iterator[Fault]:
    """Find Python servers whose print() is buffered and lost when they are killed."""
    for workload in server_containers(deployment):
        launch, image = workload.launch, workload.image
        if launch is None or image is None or not image.is_plain or launch.program == "uwsgi":
            continue
        if _is_handled(workload) or launch.is_unbuffered:
            continue
        variable = workload.env.get("PYTHONUNBUFFERED")
        is_empty = "PYTHONUNBUFFERED" in workload.env and not variable.text
        if is_empty or workload.env.is_unset("PYTHONUNBUFFERED"):
            yield Fault(
                "PYTHONUNBUFFERED is not set: what the app prints stays in the process for up to "
                "8 KiB, and is lost when it is killed",
                "ENV PYTHONUNBUFFERED=1",
                variable.where or image.file,
                is_warning=True,
            )


def _is_handled(workload: Workload) -> bool:
    """Return whether our logger writes the lines, or another that is not known."""
    settings = workload.settings
    return settings is not None and (settings.get("logger_class") is None or settings.is_observed)
