"""The servers of the conformance run: how each is started, what does not hold there, and why."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from tests.servers.gunicorn import WORKERS

APP = "tests.servers.matrix:app"

SENTENCES = {
    "id": "Every answer has its request's ID, and one access line",
    "failure": "A failure before the first chunk is the JSON 500 with the ID, and one ERROR line",
    "head": "A HEAD, a 204 and a probe have no body, a failing HEAD neither",
    "late": "A failure further on is one ERROR line, and `broken`",
    "cut": "Half a stream of no declared length does not look whole",
    "aborted": "A client that goes in the middle is `aborted`",
    "short": "A request body that ends too early leaves no ERROR line",
    "reset": "A client that resets while its body is read leaves no ERROR line",
    "malformed": "A malformed request body is a 4xx, and no ERROR line",
    "stream": "Chunks leave one by one, each made under its request's ID",
    "flush": "An empty first chunk sends the headers off (server-sent events)",
    "close": "`close()` is called once, and nothing of the request stays on its thread",
    "file": "A file goes by the server's own means (sendfile)",
    "length": "A list of one chunk has the `Content-Length` that the server makes of it",
}


@dataclass(frozen=True)
class Kind:
    """A server; ``{port}`` in its command is a free port, ``lacks`` is by keys of `SENTENCES`."""

    name: str
    package: str
    command: tuple[str, ...]
    lacks: Mapping[str, str] = field(default_factory=dict)
    by_default: bool = True
    reads_ahead: bool = False
    """Whether it has the whole body of a request before it calls the app."""


def conformance_table() -> Iterator[str]:
    """Make the documentation's table of what holds where."""
    yield "| what holds | but not on |"
    yield "|---|---|"
    for key, sentence in SENTENCES.items():
        missing = [(kind.lacks[key], kind.name) for kind in SERVERS if key in kind.lacks]
        yield f"| {sentence} | {'; '.join(_excuses(missing))} |"


def _excuses(missing: list[tuple[str, str]]) -> Iterator[str]:
    for why, same in groupby(sorted(missing, key=lambda each: each[0]), lambda each: each[0]):
        yield f"{', '.join(name for _, name in same)}: {why}"


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *arguments)


def _gunicorn(worker: str) -> Kind:
    command = _python("gunicorn", "-b", "127.0.0.1:0", *WORKERS[worker], APP)
    return Kind(f"Gunicorn's {worker}", "gunicorn", command)


def _started_by_us(name: str, package: str, **lacks: str) -> Kind:
    return Kind(name, package, _python("tests.servers.start", package), lacks, by_default=False)


UWSGI = (
    *(sys.executable, "-c", "import pyuwsgi; pyuwsgi.run()", "--http-socket", "127.0.0.1:0"),
    *("--module", APP, "--die-on-term", "--need-app", "--threads", "4"),
    # The signal may be taken by any thread, and Python's teardown there waits for ever for others.
    "--skip-atexit-teardown",
)
GRANIAN = _python(
    *("granian", "--interface", "wsgi", "--port", "{port}", "--blocking-threads", "4", APP)
)

NOT_DECODED = "a chunked body is not decoded for the app"
ENDS_WITH_THE_CONNECTION = "such a body ends where the connection does"
WITH_THE_FIRST_BYTE = "the headers leave with the first byte"
NO_FILES = "no `wsgi.file_wrapper` there"

SERVERS = (
    _gunicorn("sync"),
    _gunicorn("gthread"),
    _gunicorn("gevent"),
    Kind(
        "Waitress",
        "waitress",
        _python("waitress", "--listen=127.0.0.1:0", APP),
        {"flush": WITH_THE_FIRST_BYTE},
        reads_ahead=True,
    ),
    Kind("uWSGI", "pyuwsgi", UWSGI, {"cut": ENDS_WITH_THE_CONNECTION, "malformed": NOT_DECODED}),
    Kind(
        "Granian",
        "granian",
        GRANIAN,
        {
            "malformed": "the app gets what came before",
            "file": NO_FILES,
            "length": "it measures a plain list only, which it never closes",
        },
    ),
    _started_by_us(
        *("cheroot", "cheroot"),
        flush=WITH_THE_FIRST_BYTE,
        file=NO_FILES,
        malformed="it does not say where a chunked body ends",
    ),
    _started_by_us("gevent.pywsgi", "gevent", flush=WITH_THE_FIRST_BYTE, file=NO_FILES),
    _started_by_us("Werkzeug", "werkzeug", file=NO_FILES),
    _started_by_us(
        *("wsgiref", "wsgiref"),
        cut=ENDS_WITH_THE_CONNECTION,
        malformed=NOT_DECODED,
    ),
)
