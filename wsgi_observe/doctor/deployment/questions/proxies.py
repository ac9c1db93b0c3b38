"""Question 17: whether a server trusts the proxies before it, and no one else."""

from __future__ import annotations

from collections.abc import Iterator

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.deployment.questions.question import WorkloadQuestion
from wsgi_observe.doctor.deployment.tree import Node
from wsgi_observe.doctor.deployment.workload import Balancer, Workload

_EVERYBODY = {"0.0.0.0/0", "::/0", "*"}
_PROXIES = "WSGI_OBSERVE_TRUSTED_PROXIES"


def _applies(workload: Workload) -> object:
    is_asked = _PROXIES in workload.env or workload.public or workload.balancers
    return workload.is_gunicorn and is_asked


def _find_faults(workload: Workload) -> Iterator[Fault]:
    proxies = workload.env.get(_PROXIES)
    allowed = workload.settings.get("forwarded_allow_ips")
    if {part.strip() for part in (proxies.text or "").split(",")} & _EVERYBODY:
        yield Fault(
            f"{_PROXIES} trusts every address: a client chooses the remote_addr of its lines",
            f"{_PROXIES}=1\n# the number of proxies, or their networks: 10.0.0.0/8",
            proxies.where,
        )
    if allowed is not None and (allowed.text or "").strip() == "*" and workload.public:
        yield Fault(
            "forwarded_allow_ips is *, and the port is public: a client can pretend to have "
            "come by https",
            "publish the proxy's port alone, or: --forwarded-allow-ips=<the proxy's address>",
            allowed.where or workload.public.where,
            is_warning=True,
        )
    for balancer in workload.balancers:
        if balancer.is_remote:
            yield from _check_trust(workload, balancer, allowed)


def _check_trust(workload: Workload, balancer: Balancer, allowed: Node | None) -> Iterator[Fault]:
    binds = workload.settings.binds
    is_unix = any(bind.startswith(("unix:", "fd:")) for bind in binds)  # all peers are trusted
    is_default = allowed is not None and not allowed.where
    if is_default and not is_unix and balancer.sends_scheme:
        yield Fault(
            f"forwarded_allow_ips is 127.0.0.1 (Gunicorn's default), and {balancer.kind} has "
            "another address: its X-Forwarded-Proto is ignored, and the app takes https for http",
            "--forwarded-allow-ips=<the proxy's address>\n"
            "# or * where nothing but the proxy can connect",
            workload.start,
            is_warning=True,
        )
    is_unset = workload.image is not None and workload.env.is_unset(_PROXIES)
    if workload.is_observed and (is_unset or workload.env.get(_PROXIES).text == "0"):
        yield Fault(
            f"{_PROXIES} is not set, and {balancer.kind} is before the server: remote_addr of "
            "each line is the proxy's",
            f"{_PROXIES}=1",
            workload.where,
            is_warning=True,
        )


QUESTION = WorkloadQuestion(
    17,
    "proxies are trusted, and only they",
    "Gunicorn behind a proxy or on a public port",
    _applies,
    _find_faults,
)
