"""The table of everything that is reported, topic by topic."""

from __future__ import annotations

from benchmarks.costs import Cost
from benchmarks.gunicorns import WORKERS
from benchmarks.loggers import KINDS
from benchmarks.loggers import SETUPS as LOGGERS
from benchmarks.names import FLOOR, LINES, OTHERS, RATIOS, REDACTION, SCALING, SERVERS, STARTING
from benchmarks.path_costs import HELLO, alone, path
from benchmarks.peers import PEERS
from benchmarks.scaling import CHECKS, FIELDS, HEADERS, THREADS
from benchmarks.servers import APPS


def topics() -> list[Cost]:
    """Return every cost, in the order in which it is reported."""
    return [
        *path(),
        *alone(),
        *_others(),
        *_lines(),
        *_redaction(),
        *_servers(),
        *_starting(),
        *_scaling(),
        *_floor(),
    ]


def _others() -> list[Cost]:
    costs = []
    for peer in PEERS:
        bare, with_it = f"{peer.name}: bare", f"{peer.name}: with it"
        costs.append(Cost(OTHERS, peer.name, with_it, bare, bare))
    for ours in ("wsgi_observe", "wsgi_observe, orjson"):
        for other in ("hand-written recipe", "the cheapest of four"):
            what = f"{ours} ÷ {other}"
            costs.append(Cost(RATIOS, what, f"part: {ours}", by=f"part: {other}", unit=""))
    return costs


def _lines() -> list[Cost]:
    return [
        Cost(LINES, f"{kind}, {name}", f"{its}: {kind}", f"{its}: none", f"{its}: Flask")
        for kind in KINDS
        for name, its in ((name, f"line by {name}") for name in LOGGERS)
    ]


def _redaction() -> list[Cost]:
    texts = {
        "200 characters with nothing to redact": ("text", None),
        "the same without `=` and `:`": ("text without separators", None),
        "a line of them with three fields, what redaction adds": ("line", "line, as it is"),
    }
    return [
        Cost(
            REDACTION,
            what,
            f"redaction: {of}",
            f"redaction: {minus}" if minus else None,
            "redaction: Flask",
        )
        for what, (of, minus) in texts.items()
    ]


FIGURES = {"answers/s": "/s", "CPU": "µs", "p50": "µs", "p99": "µs"}
"""What is read of each load, and its unit."""


def _servers() -> list[Cost]:
    costs = []
    for where in (*WORKERS, "gthread full"):
        for app in APPS[1:]:
            name = f"{where}{', orjson' * (app == 'orjson')}"
            for figure, unit in FIGURES.items():
                of, by = f"{where}, {app}: {figure}", f"{where}, bare: {figure}"
                costs.append(Cost(SERVERS, f"{name}, {figure}", of, by=by, unit=unit))
    return costs


def _starting() -> list[Cost]:
    flask = "import flask"
    return [
        Cost(STARTING, "`import wsgi_observe` ÷ `import flask`", "import wsgi_observe", by=flask),
        Cost(
            STARTING,
            "`import wsgi_observe.flask`, Flask being there, ÷ `import flask`",
            "import wsgi_observe.flask",
            by=flask,
        ),
        Cost(STARTING, "`observe(app)`", "json: observe()", by=HELLO),
        Cost(
            STARTING,
            "a worker's memory, more",
            "worker, observed: MB",
            "worker, bare: MB",
            unit="MB",
        ),
    ]


def _scaling() -> list[Cost]:
    hello = "scaling: Flask"
    costs = []
    for name, (counts, what) in GROWING.items():
        added = {f"{count} {name}": f"added: {count} {name}" for count in counts}
        added[f"slope: {what}"] = f"slope: {name}"
        costs += [Cost(SCALING, its_name, of, by=hello) for its_name, of in added.items()]
    return costs


GROWING = {
    "threads": (THREADS, "for each thread more"),
    "bound fields": (FIELDS, "for each bound field more"),
    "checks": (CHECKS, "for each check more"),
    "checks, readiness": (CHECKS, "for each check more, readiness"),
    "headers in": (HEADERS, "for each request header more"),
    "headers out": (HEADERS, "for each response header more"),
}
"""What grows, at which counts, and what its slope is called."""


PARTS = {
    "wrapped call": ("a wrapped call", "bare call"),
    "contextvar": ("a contextvar set and put back", "nothing"),
    "random bytes": ("16 random bytes", "nothing"),
    "LogRecord": ("a LogRecord", "nothing"),
    "json": ("one JSON dump of an access line", "nothing"),
    "orjson": ("the same by orjson", "nothing"),
    "write": ("one write", "nothing"),
}
"""What the floor is made of, and what is taken off each part."""


def _floor() -> list[Cost]:
    return [
        *(
            Cost(FLOOR, what, f"floor: {name}", f"floor: {minus}", HELLO)
            for name, (what, minus) in PARTS.items()
        ),
        *(
            cost
            for name, (what, _, _) in SUMS.items()
            for cost in (
                Cost(FLOOR, f"floor, {what}", f"floor of {name}", by=HELLO),
                Cost(FLOOR, f"stack on a trivial app ÷ floor, {what}", f"over {name}", unit=""),
            )
        ),
    ]


_SILENT = ("wrapped call", "contextvar", "random bytes")

SUMS = {
    "stack": ("no access line", "json", _SILENT),
    "stack with line": ("JSON access line", "json", (*_SILENT, "json", "write")),
    "stack with line, orjson": (
        "JSON access line, orjson",
        "orjson",
        (*_SILENT, "orjson", "write"),
    ),
}
"""What the stack is held against: its name, where it was measured, the parts of its floor."""
