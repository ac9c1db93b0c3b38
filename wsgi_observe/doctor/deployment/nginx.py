"""Configurations of nginx: what it proxies to, for how long it waits, what it keeps open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from wsgi_observe.doctor.deployment.tree import Node, parse_duration
from wsgi_observe.doctor.deployment.workload import Balancer, Deployment, Platform, Span, Workload

_TOKEN = re.compile(r"""#[^\n]*|\n|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[;{}]|[^\s;{}#"']+""", re.S)
_MAX_DEPTH = 20


@dataclass
class _Block:
    """A block of directives."""

    words: list[str]
    where: str
    directives: dict[str, Node] = field(default_factory=dict)
    blocks: list[_Block] = field(default_factory=list)


def parse_nginx(text: str, name: str) -> _Block:
    """Return the directives of a configuration as a tree; what is not valid is left out."""
    root = _Block([], f"{name}:1")
    stack = [root]
    words: list[str] = []
    line = 1
    for token in (match[0] for match in _TOKEN.finditer(text)):
        where = f"{name}:{line}"
        line += token.count("\n")
        if token == "\n" or token.startswith("#"):
            continue
        if token == "{":
            block = _Block(words, where)
            stack[-1].blocks.append(block)
            if len(stack) < _MAX_DEPTH:
                stack.append(block)
        elif token == "}":
            stack = stack[:-1] or [root]
        elif token == ";" and words:
            stack[-1].directives[words[0]] = Node(where, " ".join(words[1:]))
        else:
            words.append(token.strip("'\""))
            continue
        words = []
    return root


def read_nginx(deployment: Deployment, name: str, text: str) -> bool:
    """Add a load balancer for each address that nginx proxies to; return whether there is one."""
    root = parse_nginx(text, name)
    upstreams = {
        block.words[1]: block
        for block in _walk(root)
        if block.words[:1] == ["upstream"] and len(block.words) > 1
    }
    found = False
    for block, inherited in _proxies(root, {}):
        target = block.directives["proxy_pass"]
        address = re.sub(r"\Ahttps?://", "", target.text or "")
        host = address.partition("/")[0] if not address.startswith("unix:") else address
        upstream = upstreams.get(host)
        server = upstream.directives.get("server") if upstream else None
        host = (server.text or "").split(" ")[0] if server else host
        balancer = Balancer("nginx", target.where, _idle(upstream), True, _timeout(inherited))
        balancer.workloads = [w for w in deployment.workloads if _is_behind(w, host)]
        balancer.is_remote = not host.startswith(("127.", "localhost", "unix:", "[::1]"))
        deployment.balancers.append(balancer)
        found = True
    return found


def _walk(block: _Block) -> Iterator[_Block]:
    for inner in block.blocks:
        yield inner
        yield from _walk(inner)


def _proxies(block: _Block, inherited: dict[str, Node]) -> Iterator[tuple[_Block, dict[str, Node]]]:
    known = {**inherited, **block.directives}
    if "proxy_pass" in block.directives:
        yield block, known
    for inner in block.blocks:
        yield from _proxies(inner, known)


def _timeout(directives: dict[str, Node]) -> Span | None:
    node = directives.get("proxy_read_timeout")
    if node is None:
        return Span(60.0, None, "proxy_read_timeout")
    seconds = parse_duration(node.text)
    return None if seconds is None else Span(seconds, node.where, "proxy_read_timeout")


def _idle(upstream: _Block | None) -> Span | None:
    """Return how long nginx keeps idle connections; None if it keeps none."""
    if upstream is None or "keepalive" not in upstream.directives:
        return None
    node = upstream.directives.get("keepalive_timeout")
    seconds = parse_duration(node.text) if node else 60.0
    where = (node or upstream.directives["keepalive"]).where
    return None if seconds is None else Span(seconds, where, "keepalive_timeout")


def _is_behind(workload: Workload, host: str) -> bool:
    name, _, port = host.rpartition(":")
    if workload.platform is Platform.COMPOSE:
        aliases = {workload.name, workload.node.get("container_name").text}
        return (name or host) in aliases
    if workload.platform is not Platform.SYSTEMD or workload.settings is None:
        return False
    binds = workload.settings.binds or []
    if host.startswith("unix:"):
        path = host.removeprefix("unix:").rstrip(":")
        return any(bind.removeprefix("unix:") == path for bind in binds)
    is_local = name in ("127.0.0.1", "localhost")
    return is_local and any(bind.rpartition(":")[2] == port for bind in binds)
