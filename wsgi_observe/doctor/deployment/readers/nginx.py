"""Configurations of nginx: what it proxies to, for how long it waits, what it keeps open."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass

from wsgi_observe.doctor.deployment.duration import Duration, read_duration
from wsgi_observe.doctor.deployment.tree import Node
from wsgi_observe.doctor.deployment.workload import Balancer, Deployment, Platform, Workload

_TOKEN = re.compile(
    r"""#[^\n]*|\n|"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?|[;{}]|[^\s;{}#"']+""", re.S
)
_MAX_DEPTH = 20


@dataclass(frozen=True)
class Block:
    """A block of directives.

    :param words: before its brace, such as ``upstream shop``.
    :param directives: its own in the first map, those that it inherits in the others.
    """

    words: list[str]
    directives: ChainMap[str, Node]


def parse_nginx(text: str, name: str) -> list[Block]:
    """Return the blocks of a configuration; what is not valid is left out."""
    blocks = [Block([], ChainMap())]
    stack = [*blocks]
    words: list[str] = []
    line = 1
    for token in _TOKEN.findall(text):
        where = f"{name}:{line}"
        line += token.count("\n")
        if token == "\n" or token.startswith("#"):
            continue
        if token == "{":
            blocks.append(Block(words, stack[-1].directives.new_child()))
            if len(stack) < _MAX_DEPTH:
                stack.append(blocks[-1])
        elif token == "}":
            stack = stack[:-1] or blocks[:1]
        elif token == ";" and words:
            stack[-1].directives[words[0]] = Node(where, " ".join(words[1:]))
        else:
            words.append(token.strip("'\""))
            continue
        words = []
    return blocks


def read_nginx(deployment: Deployment, name: str, text: str) -> bool:
    """Add a load balancer before what nginx proxies to; return whether it does."""
    blocks = parse_nginx(text, name)
    upstreams = {
        block.words[1]: block for block in blocks if block.words[:1] == ["upstream"] != block.words
    }
    sends_scheme = "x-forwarded-proto" in text.lower()
    proxies = [block.directives for block in blocks if "proxy_pass" in block.directives.maps[0]]
    for directives in proxies:
        host = re.sub(r"\Ahttps?://", "", directives["proxy_pass"].text or "")
        if not host.startswith("unix:"):
            host = host.partition("/")[0]
        upstream = upstreams.get(host)
        kept = upstream.directives.maps[0] if upstream else {}
        if "server" in kept:
            host = (kept["server"].text or "").partition(" ")[0]
        balancer = Balancer(
            "nginx",
            _read_idle_timeout(kept),
            retries=True,
            read_timeout=read_duration(
                directives.get("proxy_read_timeout", Node("")), "proxy_read_timeout", 60.0
            ),
            is_remote=not host.startswith(("127.", "localhost", "unix:", "[::1]")),
            sends_scheme=sends_scheme,
        )
        for workload in deployment.workloads:
            if _is_behind(workload, host):
                workload.balancers.append(balancer)
    return bool(proxies)


def _read_idle_timeout(upstream: Mapping[str, Node]) -> Duration | None:
    """Return how long nginx keeps idle connections; None if it keeps none."""
    if "keepalive" not in upstream:
        return None
    default = Node(upstream["keepalive"].where, "60")
    return read_duration(upstream.get("keepalive_timeout", default), "keepalive_timeout", 60.0)


def _is_behind(workload: Workload, host: str) -> bool:
    name, _, port = host.rpartition(":")
    if workload.platform is not Platform.SYSTEMD or workload.settings is None:
        return (name or host) in workload.names
    binds = workload.settings.binds
    if host.startswith("unix:"):
        path = host.removeprefix("unix:").rstrip(":")
        return any(bind.removeprefix("unix:") == path for bind in binds)
    is_local = name in ("127.0.0.1", "localhost")
    return is_local and any(bind.rpartition(":")[2] == port for bind in binds)
