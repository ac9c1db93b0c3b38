"""Question 18: whether SIGTERM reaches the server of a container, and stops it gracefully."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.deployment.questions.question import WorkloadQuestion
from wsgi_observe.doctor.deployment.tree import Node
from wsgi_observe.doctor.deployment.workload import Workload

_UWSGI_MASTER = re.compile(r"(?:^|\s)(?:(?:--)?master\b(?!\s*[=:]\s*(?:false|0))|-M\b)")
_QUICK_SIGNALS = {"SIGINT", "SIGQUIT", "INT", "QUIT", "2", "3"}


def _find_faults(workload: Workload) -> Iterator[Fault]:
    launch = workload.launch
    if workload.quoted_list is not None:
        yield Fault(
            "the command's list has single quotes, which is not JSON: a shell runs it, and "
            "finds no such program",
            'use double quotes: CMD ["gunicorn", …]',
            workload.quoted_list.where,
        )
    if launch is not None and launch.obstacle is not None:
        effect = "requests are cut by SIGKILL at the end of the grace period"
        yield replace(launch.obstacle, seen=f"{launch.obstacle.seen}; {effect}")
    daemon = workload.settings.get("daemon")
    if daemon is not None and daemon.is_true:
        yield Fault(
            "Gunicorn is started as a daemon: the container's process ends, and the container",
            "remove --daemon (in gunicorn.conf.py: daemon = False)",
            daemon.where,
        )
    if workload.is_gunicorn:
        yield from find_quick_signals(workload.stop_signal)
    if launch is not None and launch.program == "uwsgi" and _reloads_at_sigterm(workload):
        yield Fault(
            "uWSGI's master reloads at SIGTERM, unless it has die-on-term: the stop of the "
            "container waits for SIGKILL",
            "uwsgi --master --die-on-term …\n# or in the Dockerfile: STOPSIGNAL SIGQUIT",
            launch.options.where,
        )


def find_quick_signals(signal: Node) -> Iterator[Fault]:
    """Find a stop signal at which Gunicorn does not wait for requests."""
    if signal.text in _QUICK_SIGNALS:
        yield Fault(
            f"the stop signal is {signal.text}, Gunicorn's quick shutdown: running requests are "
            "cut",
            "use SIGTERM, the default, at which Gunicorn lets them end",
            signal.where,
        )


def _reloads_at_sigterm(workload: Workload) -> bool:
    """Return whether uWSGI has a master that reloads at SIGTERM (measured, 2.0.31)."""
    folder = workload.deployment.folder
    words = workload.launch.options.words if workload.launch else ()
    texts = list(words)
    for word in words:
        if word.endswith((".ini", ".yaml", ".yml", ".xml", ".json")):
            name = folder.find(word.rpartition("=")[2])
            text = folder.read(name) if name else None
            texts.append("$" if text is None else text.replace("$(", "("))
    options = " ".join(texts)
    is_handled = any(part in options for part in ("die-on-term", "hook-", "include", "$"))
    has_master = _UWSGI_MASTER.search(options) is not None
    return has_master and not is_handled and workload.stop_signal.text not in _QUICK_SIGNALS


QUESTION = WorkloadQuestion(
    18,
    "signals reach the server",
    "container that runs a WSGI server",
    applies=lambda workload: workload.is_server_container,
    find_faults=_find_faults,
)
