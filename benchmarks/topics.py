"""The table of everything that is reported, topic by topic."""

from __future__ import annotations

from benchmarks import apps
from benchmarks.costs import Cost
from benchmarks.gunicorns import WORKERS
from benchmarks.loggers import KINDS
from benchmarks.loggers import SETUPS as LOGGERS
from benchmarks.peers import PEERS
from benchmarks.scaling import CHECKS, FIELDS, HEADERS, THREADS
from benchmarks.servers import APPS

HELLO = "json: Flask"
PATH = "Added to a request, in process"
ALONE = "Each middleware alone, and the stack as it grows"
OTHERS = "What others add to the Flask hello"
RATIOS = "The whole stack beside others"
LINES = "One log line"
SERVERS = "Behind Gunicorn, observed ÷ bare"
STARTING = "Starting, and memory"
SCALING = "What grows with the service"
FLOOR = "The parts that the floor is made of"

APP_NAMES = {"trivial": "a trivial app", "Flask": "Flask"}
ENCODERS = {"json": "", "orjson": ", orjson"}


def topics() -> list[Cost]:
    """Return every cost, in the order in which it is reported."""
    return [
        *_path(),
        *_alone(),
        *_others(),
        *_lines(),
        *_servers(),
        *_starting(),
        *_scaling(),
        *_floor(),
    ]


def _added(what: str, of: str, minus: str | None, program: str, per: float = 1.0) -> Cost:
    base = f"{program}: {minus}" if minus else None
    return Cost(PATH, what, f"{program}: {of}", base, f"{program}: Flask", per)


def _path() -> list[Cost]:
    costs = []
    for app, its_name in APP_NAMES.items():
        on = f"on {its_name}"
        costs.append(_added(f"stack, no access line, {on}", f"{app}, stack", app, "json"))
        for program, suffix in ENCODERS.items():
            what = f"stack, JSON access line{suffix}, {on}"
            costs.append(_added(what, f"{app}, stack with line", app, program))
    cold = "on a trivial app that is sent a Flask hello before each request"
    costs += [
        _added(f"stack, no access line, {cold}", "trivial, stack, cold", "trivial, cold", "json"),
        _added(
            f"stack, JSON access line, {cold}",
            "trivial, stack with line, cold",
            "trivial, cold",
            "json",
        ),
        _added("Flask `Observe`, no access line", "Flask, Observe", "Flask", "json"),
    ]
    for program, suffix in ENCODERS.items():
        what = f"Flask `Observe`, JSON access line{suffix}"
        costs.append(_added(what, "Flask, Observe with line", "Flask", program))
    return [*costs, *_errors(), *_bodies()]


def _errors() -> list[Cost]:
    return [
        cost
        for program, suffix in ENCODERS.items()
        for cost in (
            _added(f"a 404, envelope{suffix}", "trivial 404, stack", "trivial 404", program),
            _added(
                f"a 404 on Flask, `Observe`{suffix}", "Flask 404, Observe", "Flask 404", program
            ),
            _added(
                f"a 500, its traceback logged{suffix}",
                "trivial raising, stack",
                "trivial raising",
                program,
            ),
            _added(
                f"a 500 on Flask, `Observe`, more than Flask's own log{suffix}",
                "Flask 500, Observe",
                "Flask 500",
                program,
            ),
        )
    ]


def _bodies() -> list[Cost]:
    return [
        _added("a chunk of a streamed body", "stream, stack", "stream", "json", apps.CHUNKS),
        _added("a file by the file wrapper", "file, stack", "file", "json"),
        _added("a health answer, whole", "health", None, "json"),
        _added("a readiness answer within the TTL, ten checks, whole", "ready", None, "json"),
    ]


def _alone() -> list[Cost]:
    costs = []
    for app, its_name in APP_NAMES.items():
        for name in ("NoOp", "RequestID", "Health", "AccessLog", "ErrorEnvelope"):
            what = f"{name} alone, on {its_name}"
            costs.append(Cost(ALONE, what, f"json: {app}, {name}", f"json: {app}", HELLO))
    silenced = "json: trivial, stack silenced"
    costs.append(Cost(ALONE, "the stack, its line silenced", silenced, "json: trivial", HELLO))
    below = "json: trivial"
    for name in ("ErrorEnvelope", "AccessLog", "Health", "RequestID"):
        here = f"json: trivial, up to {name}"
        costs.append(Cost(ALONE, f"{name} over what is inside it", here, below, HELLO))
        below = here
    return costs


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


def _servers() -> list[Cost]:
    costs = []
    for where in (*WORKERS, "gthread full"):
        for app in APPS[1:]:
            name = f"{where}{', orjson' * (app == 'orjson')}"
            for figure, unit in (("answers/s", "/s"), ("p50", "µs"), ("p99", "µs")):
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
