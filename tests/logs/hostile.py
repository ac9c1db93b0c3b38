"""A program that logs what raises when it is read: ``python -m tests.logs.hostile SystemExit``.

Not in the tests' own process, whose runner has handlers that it would end.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from typing import Any

from tests.calls import answering, call, call_freely
from wsgi_observe import bind, configure_logging, observe
from wsgi_observe.sentry import scrub

_log = logging.getLogger("shop")


class Stop(BaseException):
    pass


class Argument:
    pass


KINDS = {kind.__name__: kind for kind in (SystemExit, KeyboardInterrupt, GeneratorExit, Stop)}
_READERS = ("__str__", "__repr__", "__bool__", "__len__", "__iter__", "__format__", "__eq__")


def hostile(kind: type[BaseException], base: type = object) -> Any:
    """Return an object, or an exception, that raises wherever it is asked for something."""

    def fail(self: object, *_: object) -> Any:
        raise kind

    members: dict[str, Any] = {**dict.fromkeys(_READERS, fail), "__hash__": object.__hash__}
    if base is not Argument:  # `logging` asks it for that itself
        members["__class__"] = property(fail)
    return type("Hostile", (base,), members)()


def log_each(kind: type[BaseException]) -> None:
    """Log such objects in every place that a record has for one."""
    one = hostile(kind)
    _log.error("an argument: %s", hostile(kind, Argument))
    _log.error(one)
    _log.error("a field", extra={"thing": one, "nested": {"list": [one], "key": {1: one}}})
    _log.error("a text", extra={"thing": hostile(kind, str), "mapping": hostile(kind, dict)})
    try:
        raise hostile(kind, ValueError) from hostile(kind, ValueError)
    except Exception:
        _log.exception("an exception")


def fail_in_a_request(kind: type[BaseException]) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        bind(thing=hostile(kind))
        raise hostile(kind, ValueError)

    assert call(observe(app)).code == 500


def fail_in_a_check(kind: type[BaseException]) -> None:
    def raising() -> None:
        raise hostile(kind, ValueError)

    checks = {"db": raising, "cache": lambda: hostile(kind), "disk": lambda: hostile(kind, str)}
    app = observe(answering(), checks=checks)
    for _ in range(2):
        answer = call(app, "/ready")
        assert (answer.code, answer.json["checks"]["db"]) == (503, "fail"), answer.json


def send_to_sentry(kind: type[BaseException]) -> None:
    event = {"extra": {"thing": hostile(kind)}, "tags": {"a": hostile(kind, str)}}
    assert scrub(event) is not event


def be_stopped(kind: type[BaseException]) -> None:
    """Get a signal in the midst of it, which is no failure of the object."""

    class Slow:
        def __str__(self) -> str:
            os.kill(os.getpid(), signal.SIGINT)
            signal.pause()
            return "slow"

    def app(environ: Any, start_response: Any) -> Any:
        _log.error("an argument: %s", Slow())
        return answering()(environ, start_response)

    call_freely(observe(app))


def main(act: str, kind: str, settings: str) -> None:
    """Do one of the above."""
    configure_logging(**json.loads(settings))
    globals()[act](KINDS[kind])
    sys.stdout.write("done\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
