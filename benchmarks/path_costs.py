"""The costs on the request path, in the order in which they are reported."""

from __future__ import annotations

from benchmarks import apps
from benchmarks.costs import Cost
from benchmarks.names import ALONE, PATH

HELLO = "json: Flask"

APP_NAMES = {"trivial": "a trivial app", "Flask": "Flask"}
ENCODERS = {"json": "", "orjson": ", orjson"}


def path() -> list[Cost]:
    """Return what is added to a request."""
    return [*_stack(), *_errors(), *_bodies()]


def _added(what: str, of: str, minus: str | None, program: str, per: float = 1.0) -> Cost:
    base = f"{program}: {minus}" if minus else None
    return Cost(PATH, what, f"{program}: {of}", base, f"{program}: Flask", per)


def _stack() -> list[Cost]:
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
    return costs


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


def alone() -> list[Cost]:
    """Return each middleware by itself, and in its place."""
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
